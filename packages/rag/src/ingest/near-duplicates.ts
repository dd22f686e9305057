// Finds texts that are nearly the same: MinHash signatures of word shingles (Broder 1997), and bands of them as keys (LSH; Leskovec,
// Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). One pass, and memory that does not grow with the length of texts.
import { wordSpans } from '../analysis/words.ts'
import { RagArgumentError } from '../errors.ts'

export interface NearDuplicateOptions {
  /** From which Jaccard similarity of their shingles texts are taken to be the same. Default 0.9. */
  readonly threshold?: number
  /** Words in a shingle. Default 5. */
  readonly shingle?: number
  /** Numbers in a signature: the error of the estimate is about 1 / sqrt(hashes). Default 128. */
  readonly hashes?: number
}

export interface NearDuplicate {
  readonly of: string
  /** The estimated similarity. */
  readonly similarity: number
}

export class NearDuplicates {
  private readonly threshold: number
  private readonly shingle: number
  private readonly hashes: number
  private readonly rows: number
  private readonly multipliers: Uint32Array
  private readonly offsets: Uint32Array
  private readonly ids: string[] = []
  private readonly signatures: Uint32Array[] = []
  private readonly buckets = new Map<string, number[]>()

  /** @throws RagArgumentError */
  constructor({ threshold = 0.9, shingle = 5, hashes = 128 }: NearDuplicateOptions = {}) {
    if (!(threshold > 0 && threshold <= 1))
      throw new RagArgumentError('NearDuplicates', `threshold is ${threshold}`, 'give a number above 0, at most 1')
    for (const [name, value] of Object.entries({ shingle, hashes }))
      if (!(Number.isInteger(value) && value >= 1 && value <= 4096))
        throw new RagArgumentError('NearDuplicates', `${name} is ${value}`, 'give a whole number from 1 to 4096')
    this.threshold = threshold
    this.shingle = shingle
    this.hashes = hashes
    this.rows = rowsFor(threshold, hashes)
    this.multipliers = new Uint32Array(hashes)
    this.offsets = new Uint32Array(hashes)
    let state = 0x9e3779b9
    const draw = () => (state = mix(state + 0x6d2b79f5))
    for (let i = 0; i < hashes; i++) {
      this.multipliers[i] = draw() | 1
      this.offsets[i] = draw()
    }
  }

  /** Adds a text, unless one that was added before is nearly the same: that one is returned. */
  add(id: string, text: string): NearDuplicate | undefined {
    const signature = this.signature(text)
    const keys = this.keys(signature)
    const seen = new Set<number>()
    let best: NearDuplicate | undefined
    for (const key of keys)
      for (const other of this.buckets.get(key) ?? []) {
        if (seen.has(other)) continue
        seen.add(other)
        const similarity = agreement(signature, this.signatures[other])
        if (similarity >= this.threshold && similarity > (best?.similarity ?? 0))
          best = { of: this.ids[other], similarity }
      }
    if (best) return best
    const index = this.ids.push(id) - 1
    this.signatures.push(signature)
    for (const key of keys) {
      const bucket = this.buckets.get(key)
      if (bucket) bucket.push(index)
      else this.buckets.set(key, [index])
    }
    return undefined
  }

  /** For each hash the smallest of all shingles. Case and what stands between words do not count. */
  signature(text: string): Uint32Array {
    const words = hashedWords(text)
    const signature = new Uint32Array(this.hashes).fill(0xffffffff)
    const count = Math.max(1, words.length - this.shingle + 1)
    for (let first = 0; first < count; first++) {
      let shingle = 0x811c9dc5
      for (let i = first; i < Math.min(first + this.shingle, words.length); i++)
        shingle = mix(Math.imul(shingle, 0x01000193) ^ words[i])
      for (let i = 0; i < this.hashes; i++) {
        const value = mix(Math.imul(shingle, this.multipliers[i]) + this.offsets[i])
        if (value < signature[i]) signature[i] = value
      }
    }
    return signature
  }

  private keys(signature: Uint32Array): string[] {
    const keys: string[] = []
    for (let at = 0; at + this.rows <= this.hashes; at += this.rows)
      keys.push(`${at}:${signature.subarray(at, at + this.rows).join()}`)
    return keys
  }
}

/** Of equal numbers the share, which estimates the Jaccard similarity. */
function agreement(a: Uint32Array, b: Uint32Array): number {
  let equal = 0
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++
  return equal / a.length
}

/** Rows in a band such that the step of the S-curve, (1 / bands) ^ (1 / rows), lies just below the threshold. */
function rowsFor(threshold: number, hashes: number): number {
  let best = 1
  for (let rows = 1; rows <= hashes; rows++)
    if ((rows / hashes) ** (1 / rows) <= threshold * 0.9) best = rows
    else break
  return best
}

function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

function hashedWords(text: string): Uint32Array {
  const lower = text.toLowerCase()
  const spans = wordSpans(lower)
  const words = new Uint32Array(spans.length >> 1)
  for (let i = 0; i < words.length; i++) {
    let hash = 0x811c9dc5
    for (let at = spans[2 * i]; at < spans[2 * i + 1]; at++) hash = Math.imul(hash ^ lower.charCodeAt(at), 0x01000193)
    words[i] = hash
  }
  return words
}
