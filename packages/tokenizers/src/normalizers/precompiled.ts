// Sentencepiece's compiled normalization rules: a double-array trie from byte strings to replacements
// (sentencepiece, normalizer.cc and its builder; the trie is darts-clone's).
import { TokenizerFormatError } from '../errors.ts'
import { asString, type JsonObject } from '../json.ts'
import type { AlignedText, Change } from '../text/aligned-text.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import type { Normalizer } from './normalizer.ts'

/** Clusters of fewer bytes than this are looked up whole before their characters are, as in the Rust library. */
const CLUSTER_BYTES = 6

/** The rules themselves: a trie and the replacements that its values point to. */
export class CharsMap {
  private readonly units: Uint32Array
  private readonly replacements: Uint8Array
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  private readonly images = new Map<number, string>()

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const size = bytes.length >= 4 ? view.getUint32(0, true) : 0
    if (bytes.length < 4 || size % 4 !== 0 || size > bytes.length - 4) {
      throw new TokenizerFormatError('charsmap', 'byte 0', `a trie of ${size} bytes in ${bytes.length}`)
    }
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
    this.replacements = bytes.subarray(4 + size)
  }

  /** Prefixes of `bytes` from `start` on that have a rule: their ends and values, shortest first. */
  *prefixes(bytes: ArrayLike<number>, start = 0): Iterable<[end: number, value: number]> {
    const { units } = this
    let node = 0
    let unit = units[0]
    node ^= offset(unit)
    for (let at = start; at < bytes.length; at++) {
      node ^= bytes[at]
      if (node >= units.length) return
      unit = units[node]
      if (label(unit) !== bytes[at]) return
      node ^= offset(unit)
      if (hasLeaf(unit) && node < units.length) yield [at + 1, units[node] & 0x7fffffff]
    }
  }

  /** All rules: the bytes of what is replaced, and the values. */
  *all(): Iterable<[key: readonly number[], value: number]> {
    const { units } = this
    const open: [key: readonly number[], base: number][] = [[[], offset(units[0])]]
    for (let entry = open.pop(); entry; entry = open.pop()) {
      const [key, base] = entry
      for (let byte = 1; byte < 256; byte++) {
        const unit = units[base ^ byte]
        if (unit === undefined || label(unit) !== byte) continue
        const below = base ^ byte ^ offset(unit)
        if (hasLeaf(unit)) yield [[...key, byte], units[below] & 0x7fffffff]
        open.push([[...key, byte], below])
      }
    }
  }

  /** Whether any rule starts with a byte. */
  startsWith(byte: number): boolean {
    const { units } = this
    const node = offset(units[0]) ^ byte
    return node < units.length && label(units[node]) === byte
  }

  /** The end and value of the longest rule at `start`; the end is -1 if there is none. */
  longest(bytes: ArrayLike<number>, start: number): { end: number; value: number } {
    const { units } = this
    const found = { end: -1, value: 0 }
    let node = offset(units[0])
    for (let at = start; at < bytes.length; at++) {
      node ^= bytes[at]
      if (node >= units.length) break
      const unit = units[node]
      if (label(unit) !== bytes[at]) break
      node ^= offset(unit)
      if (!hasLeaf(unit) || node >= units.length) continue
      found.end = at + 1
      found.value = units[node] & 0x7fffffff
    }
    return found
  }

  /** The replacement that a value stands for. */
  image(value: number): string {
    let text = this.images.get(value)
    if (text === undefined) {
      const end = this.replacements.indexOf(0, value)
      text = this.utf8.decode(this.replacements.subarray(value, end < 0 ? undefined : end))
      this.images.set(value, text)
    }
    return text
  }
}

// A unit of darts-clone: the label of the edge that leads here in the low byte, a leaf mark, and where children are.
const label = (unit: number) => unit & 0x800000ff
const hasLeaf = (unit: number) => ((unit >>> 8) & 1) === 1
const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6)

/** May be part of a cluster of several characters. */
const NOT_SIMPLE = 1
/** A cluster by itself beside others of its kind. */
const SIMPLE = 2
/** Such a one that no rule changes. */
const KEPT = 3

export class Precompiled implements Normalizer {
  readonly type = 'Precompiled'
  readonly charsMap: CharsMap
  private readonly encoded: string
  private clusters: Intl.Segmenter | undefined
  /** What stands for each character that is a cluster alone: null where no rule has it. */
  private readonly singles: (string | null | undefined)[] = []
  /** What each unit is, as below; 0 where that was not asked yet. */
  private readonly units = new Uint8Array(1 << 16)

  constructor(charsMapBase64: string) {
    this.encoded = charsMapBase64
    let bytes: Uint8Array
    try {
      bytes = Uint8Array.from(atob(charsMapBase64), char => char.charCodeAt(0))
    } catch {
      throw new TokenizerFormatError('tokenizer.json', 'precompiled_charsmap', 'not base64')
    }
    this.charsMap = new CharsMap(bytes)
  }

  static fromJSON(json: JsonObject, where: string): Precompiled {
    return new Precompiled(asString(json.precompiled_charsmap, `${where}.precompiled_charsmap`))
  }

  normalize(text: AlignedText): void {
    const changes: Change[] = []
    let modified = false
    const replace = (old: string, image: string) => {
      const grown = [...image].length - [...old].length
      const chars = [...image]
      modified = true
      chars.forEach((char, i) => changes.push([char, grown > 0 && i >= chars.length - grown ? 1 : 0]))
      if (grown < 0 && changes.length > 0) {
        const [char, change] = changes[changes.length - 1]
        changes[changes.length - 1] = [char, change + grown]
      }
    }
    const whole = text.text
    if (!text.tracked) {
      const image = this.plain(whole)
      if (image !== whole) text.replaceAll([[0, whole.length]], image)
      return
    }
    this.visit(whole, (old, image) => {
      if (image === undefined) changes.push([old, 0])
      else replace(old, image)
    })
    if (modified) text.transform(changes)
  }

  /** The same without alignment. */
  private plain(text: string): string {
    const { units: kinds } = this
    const { length } = text
    let first = 0
    while (first < length && (kinds[text.charCodeAt(first)] || this.kindOf(text.charCodeAt(first))) === KEPT) first++
    if (first === length) return text
    let out = ''
    let kept = 0
    let at = 0
    this.visit(text, (old, image) => {
      if (image !== undefined) {
        out += text.slice(kept, at) + image
        kept = at + old.length
      }
      at += old.length
    })
    return out + text.slice(kept)
  }

  private kindOf(unit: number): number {
    const kind = !isSimple(unit) ? NOT_SIMPLE : this.single(unit) === null ? KEPT : SIMPLE
    this.units[unit] = kind
    return kind
  }

  /** Calls back with each cluster or character that is looked up as one, and what stands in its place, if anything does. */
  private visit(text: string, found: (old: string, image: string | undefined) => void): void {
    const { length } = text
    const { units: kinds } = this
    const simpleAt = (i: number) =>
      i >= length || (kinds[text.charCodeAt(i)] || this.kindOf(text.charCodeAt(i))) !== NOT_SIMPLE
    for (let i = 0; i < length; ) {
      if (simpleAt(i) && simpleAt(i + 1)) {
        found(text[i], this.single(text.charCodeAt(i)) ?? undefined)
        i++
        continue
      }
      // Up to the first character behind which there surely is a border.
      let end = i + 1
      while (end < length && !(simpleAt(end) && simpleAt(end + 1))) end++
      end = Math.min(length, end + 1)
      for (const segment of this.segments(text.slice(i, end))) {
        const image = utf8Bytes(segment).length < CLUSTER_BYTES ? this.lookUp(segment) : undefined
        if (image !== undefined) found(segment, image)
        else for (const char of segment) found(char, this.lookUp(char))
      }
      i = end
    }
  }

  /** What stands for a character of one unit, null if no rule has it. */
  private single(unit: number): string | null {
    let image = this.singles[unit]
    if (image === undefined) image = this.singles[unit] = this.lookUp(String.fromCharCode(unit)) ?? null
    return image
  }

  /** Grapheme clusters. */
  private *segments(text: string): Iterable<string> {
    if (text === '') return
    this.clusters ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
    for (const { segment } of this.clusters.segment(text)) yield segment
  }

  toJSON(): JsonObject {
    return { type: this.type, precompiled_charsmap: this.encoded }
  }

  /** The Rust library takes the shortest rule that a string starts with, and replaces the whole string by it. */
  private lookUp(text: string): string | undefined {
    for (const [, value] of this.charsMap.prefixes(utf8Bytes(text))) return this.charsMap.image(value)
    return undefined
  }
}

/**
 * Characters that are clusters by themselves when no mark follows: printable ASCII, letters of Latin-1, kana without voicing
 * marks, Chinese characters and their punctuation. Between two of them there always is a border.
 */
const isSimple = (unit: number): boolean =>
  unit < 0x100
    ? (unit >= 0x20 && unit < 0x7f) || (unit >= 0xc0 && unit !== 0xd7 && unit !== 0xf7)
    : SIMPLE_RANGES.some(([first, last]) => unit >= first && unit <= last)

const SIMPLE_RANGES: readonly (readonly [number, number])[] = [
  [0x3001, 0x3029],
  [0x3041, 0x3096],
  [0x30a1, 0x30ff],
  [0x4e00, 0x9fff],
]
