// The postings of one term scored by BM25 or BM25F: where a query meets a part.
import type { ScoredList, Window } from './block-max.ts'
import type { Formula } from './bm25.ts'
import { blockSize, type Counts, type Part } from './part.ts'

/** How a field takes part in scores. */
export interface FieldNorm {
  weight: number
  /** 1 - b, and b by the average length: the normalization is their sum with the second times the length. */
  fixed: number
  perToken: number
}

export function fieldNorm(weight: number, b: number, averageLength: number): FieldNorm {
  return { weight, fixed: averageLength > 0 ? 1 - b : 1, perToken: averageLength > 0 ? b / averageLength : 0 }
}

export class Bm25List implements ScoredList {
  readonly docs: Uint32Array
  readonly from: number
  readonly to: number
  private readonly counts: readonly Counts[]
  private readonly lengths: readonly Uint32Array[]
  private readonly norms: readonly FieldNorm[]
  private readonly factor: number
  private readonly k1: number
  private readonly inside: number
  private readonly constant: number
  private readonly peaks: readonly Float32Array[]
  private readonly firstBlock: number
  private readonly stretch: readonly number[]

  /**
   * @param at the place of the term in the part   @param weight of the term in the query, its idf included
   * @param fields those that count
   */
  constructor(
    part: Part,
    at: number,
    weight: number,
    formula: Formula,
    norms: readonly FieldNorm[],
    fields: readonly number[],
  ) {
    this.docs = part.docs
    this.from = part.offsets[at]
    this.to = part.offsets[at + 1]
    this.counts = fields.map(field => part.counts[field])
    this.lengths = fields.map(field => part.lengths[field])
    this.norms = fields.map(field => norms[field])
    this.peaks = fields.map(field => part.peaks[field])
    this.firstBlock = part.blocks[at]
    this.factor = weight * formula.scale
    this.constant = weight * (formula.outside - formula.atZero)
    this.k1 = formula.k1
    this.inside = formula.inside
    // count / normalization by count / (length + reference): a ratio of two lines, largest at one end.
    this.stretch = fields.map((field, i) => {
      const { fixed, perToken } = this.norms[i]
      const at = (length: number) => (length + part.references[field]) / (fixed + perToken * length)
      return Math.max(at(part.shortest[field]), at(part.longest[field]))
    })
  }

  bound(start: number, end: number): number {
    const first = this.firstBlock + Math.floor((start - this.from) / blockSize)
    const last = this.firstBlock + Math.floor((end - 1 - this.from) / blockSize)
    let most = 0
    for (let f = 0; f < this.peaks.length; f++) {
      const peaks = this.peaks[f]
      let peak = 0
      for (let block = first; block <= last; block++) if (peaks[block] > peak) peak = peaks[block]
      most += this.norms[f].weight * peak * this.stretch[f]
    }
    return this.score(most)
  }

  private score(frequency: number): number {
    const above = frequency + this.inside
    return this.factor * (above / (above + this.k1)) + this.constant
  }

  /** The length-normalized frequency of a posting over all fields; 0 where none of the fields has the term. */
  private frequency(posting: number): number {
    const doc = this.docs[posting]
    let sum = 0
    for (let f = 0; f < this.counts.length; f++) {
      const count = this.counts[f][posting]
      if (count) {
        const { weight, fixed, perToken } = this.norms[f]
        sum += (weight * count) / (fixed + perToken * this.lengths[f][doc])
      }
    }
    return sum
  }

  scoreAt(posting: number): number {
    const frequency = this.frequency(posting)
    return frequency > 0 ? this.score(frequency) : 0
  }

  /** Is the term in any of the fields that count? */
  has(posting: number): boolean {
    return this.counts.some(counts => counts[posting] > 0)
  }

  addTo(window: Window, start: number, end: number): void {
    const { docs } = this
    const { base, sums, seen, stamp, found } = window
    let { count } = window
    if (this.counts.length === 1) {
      const counts = this.counts[0]
      const lengths = this.lengths[0]
      const { weight, fixed, perToken } = this.norms[0]
      const { factor, constant, k1, inside } = this
      for (let p = start; p < end; p++) {
        const times = counts[p]
        if (times === 0) continue
        const doc = docs[p]
        // As in frequency() and score(), operation by operation: both must give the same bits.
        const above = 0 + (weight * times) / (fixed + perToken * lengths[doc]) + inside
        const score = factor * (above / (above + k1)) + constant
        const local = doc - base
        if (seen[local] === stamp) sums[local] += score
        else {
          seen[local] = stamp
          sums[local] = score
          found[count++] = local
        }
      }
    } else {
      for (let p = start; p < end; p++) {
        const frequency = this.frequency(p)
        if (frequency === 0) continue
        const score = this.score(frequency)
        const local = docs[p] - base
        if (seen[local] === stamp) sums[local] += score
        else {
          seen[local] = stamp
          sums[local] = score
          found[count++] = local
        }
      }
    }
    window.count = count
  }
}
