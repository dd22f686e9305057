// Learned sparse vectors (SPLADE, uniCOIL, BM42 and their like): a model gives each document and each query a weight for some of
// many dimensions, and the score is their dot product. Weights are at hand, so there is nothing to count; searching is the same
// pruned walk over postings as for words.
import { RagArgumentError, RagFormatError } from '../errors.ts'
import { readSegment, writeSegment } from '../segment.ts'
import { packStrings, unpackStrings } from '../strings.ts'
import { type ScoredList, searchLists, Window } from './block-max.ts'
import { blockSize } from './part.ts'
import { Top } from './top.ts'

/** Weights by dimension: a word, or the number of one. */
export type SparseVector = ReadonlyMap<string, number> | Readonly<Record<string, number>>

export interface SparseSearchOptions {
  /** How many documents at most. Default 10. */
  k?: number
  /** Only documents for which it is true. */
  accept?: (id: string) => boolean
  /** False scores every document, for tests: the results are the same. */
  prune?: boolean
}

interface Inverted {
  /** Documents of each dimension, ascending, and their weights. */
  lists: Map<string, { docs: Uint32Array; weights: Float32Array; peaks: Float32Array }>
  ids: string[]
}

class SparseList implements ScoredList {
  readonly docs: Uint32Array
  readonly from = 0
  readonly to: number
  private readonly weights: Float32Array
  private readonly peaks: Float32Array
  private readonly weight: number

  constructor(docs: Uint32Array, weights: Float32Array, peaks: Float32Array, weight: number) {
    this.docs = docs
    this.to = docs.length
    this.weights = weights
    this.peaks = peaks
    this.weight = weight
  }

  bound(start: number, end: number): number {
    let peak = 0
    const last = Math.floor((end - 1) / blockSize)
    for (let block = Math.floor(start / blockSize); block <= last; block++) peak = Math.max(peak, this.peaks[block])
    return this.weight * peak
  }

  scoreAt(posting: number): number {
    return this.weight * this.weights[posting]
  }

  addTo(window: Window, start: number, end: number): void {
    const { base, sums, seen, stamp, found } = window
    for (let p = start; p < end; p++) {
      const local = this.docs[p] - base
      const score = this.weight * this.weights[p]
      if (seen[local] === stamp) sums[local] += score
      else {
        seen[local] = stamp
        sums[local] = score
        found[window.count++] = local
      }
    }
  }
}

const kind = 'sparse'
const version = 1

export class SparseIndex {
  private readonly vectors = new Map<string, { dimensions: string[]; weights: Float32Array }>()
  private inverted: Inverted | null = null
  private readonly window = new Window()

  get size(): number {
    return this.vectors.size
  }

  /**
   * Adds a document, or replaces the one of the same id. Weights of 0 are left out; they are kept in single precision.
   * @throws RagArgumentError for a weight that is negative or no number
   */
  add(id: string, vector: SparseVector): void {
    if (typeof id !== 'string' || id === '' || !id.isWellFormed())
      throw new RagArgumentError(
        'add',
        `a document has the id ${JSON.stringify(id)}`,
        'ids are strings that are not empty',
      )
    const entries = checkedEntries('add', vector, `document ${id}`)
    this.vectors.delete(id)
    this.vectors.set(id, {
      dimensions: entries.map(([dimension]) => dimension),
      weights: Float32Array.from(entries, ([, weight]) => weight),
    })
    this.inverted = null
  }

  /** @returns whether it was there */
  delete(id: string): boolean {
    const known = this.vectors.delete(id)
    if (known) this.inverted = null
    return known
  }

  /**
   * The documents with the largest dot products, best first; of equal ones the one added earlier. Documents that share nothing with
   * the query are not among them.
   * @throws RagArgumentError for a weight that is negative or no number, or a k that is none
   */
  search(
    query: SparseVector,
    { k = 10, accept, prune = true }: SparseSearchOptions = {},
  ): { id: string; score: number }[] {
    if (!(Number.isInteger(k) && k >= 1))
      throw new RagArgumentError('search', `k is ${k}`, 'give a whole number from 1 up')
    const entries = checkedEntries('search', query, 'the query')
    this.inverted ??= this.invert()
    const { lists, ids } = this.inverted
    if (ids.length === 0) return []
    const asked = entries
      .flatMap(([dimension, weight]) => {
        const list = lists.get(dimension)
        return list ? [new SparseList(list.docs, list.weights, list.peaks, weight)] : []
      })
      // The heaviest first: light ones are those that pruning leaves out.
      .sort((a, b) => b.bound(0, b.to) - a.bound(0, a.to))
    const top = new Top(Math.min(k, ids.length))
    searchLists({
      lists: asked,
      documents: ids.length,
      accept: accept ? doc => accept(ids[doc]) : null,
      top,
      firstKey: 0,
      window: this.window,
      prune,
    })
    return top.results().map(({ key, score }) => ({ id: ids[key], score }))
  }

  /** The index as a checksummed segment. */
  save(): Uint8Array<ArrayBuffer> {
    const numbers = new Map<string, number>()
    const ends: number[] = []
    const dimensions: number[] = []
    const weights: number[] = []
    for (const vector of this.vectors.values()) {
      vector.dimensions.forEach((dimension, i) => {
        const number = numbers.get(dimension) ?? numbers.size
        numbers.set(dimension, number)
        dimensions.push(number)
        weights.push(vector.weights[i])
      })
      ends.push(dimensions.length)
    }
    const ids = packStrings([...this.vectors.keys()])
    const names = packStrings([...numbers.keys()])
    return writeSegment({
      kind,
      version,
      meta: null,
      arrays: {
        ids: ids.bytes,
        idEnds: ids.ends,
        names: names.bytes,
        nameEnds: names.ends,
        ends: Uint32Array.from(ends),
        dimensions: Uint32Array.from(dimensions),
        weights: Float32Array.from(weights),
      },
    })
  }

  /** @throws RagFormatError for a damaged segment */
  static load(bytes: Uint8Array): SparseIndex {
    const { arrays } = readSegment(bytes, kind, version)
    const { ids, idEnds, names, nameEnds, ends, dimensions, weights } = arrays as Record<string, Uint32Array> & {
      weights: Float32Array
    }
    const words = unpackStrings({ bytes: names as unknown as Uint8Array, ends: nameEnds })
    const index = new SparseIndex()
    unpackStrings({ bytes: ids as unknown as Uint8Array, ends: idEnds }).forEach((id, i) => {
      const from = i ? ends[i - 1] : 0
      if (!(ends[i] >= from && ends[i] <= dimensions.length))
        throw new RagFormatError('sparse segment', 'ends', `place ${i} is out of order`)
      index.vectors.set(id, {
        dimensions: Array.from(dimensions.subarray(from, ends[i]), number => {
          if (number >= words.length)
            throw new RagFormatError('sparse segment', 'dimensions', `${number} does not exist`)
          return words[number]
        }),
        weights: weights.slice(from, ends[i]),
      })
    })
    return index
  }

  private invert(): Inverted {
    const ids = [...this.vectors.keys()]
    const sizes = new Map<string, number>()
    for (const { dimensions } of this.vectors.values())
      for (const dimension of dimensions) sizes.set(dimension, (sizes.get(dimension) ?? 0) + 1)
    const lists: Inverted['lists'] = new Map()
    const used = new Map<string, number>()
    for (const [dimension, size] of sizes) {
      const peaks = new Float32Array(Math.ceil(size / blockSize))
      lists.set(dimension, { docs: new Uint32Array(size), weights: new Float32Array(size), peaks })
    }
    let doc = 0
    for (const { dimensions, weights } of this.vectors.values()) {
      dimensions.forEach((dimension, i) => {
        const list = lists.get(dimension) as NonNullable<ReturnType<typeof lists.get>>
        const at = used.get(dimension) ?? 0
        used.set(dimension, at + 1)
        list.docs[at] = doc
        list.weights[at] = weights[i]
        const block = Math.floor(at / blockSize)
        if (weights[i] > list.peaks[block]) list.peaks[block] = weights[i]
      })
      doc++
    }
    return { lists, ids }
  }
}

function checkedEntries(op: string, vector: SparseVector, whose: string): [string, number][] {
  const entries = vector instanceof Map ? [...vector] : Object.entries(vector as Record<string, number>)
  for (const [dimension, weight] of entries)
    if (!(typeof weight === 'number' && weight >= 0 && Number.isFinite(weight)))
      throw new RagArgumentError(
        op,
        `dimension ${dimension} of ${whose} has weight ${weight}`,
        'weights are numbers from 0 up',
      )
  return entries.filter(([, weight]) => weight > 0)
}
