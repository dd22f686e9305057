// A part of an index: some documents as sequences of term numbers, which is the truth, and what is derived from it, the postings.
// Adding is appending to the sequences (`PartBuilder`); inverting them is two walks that count (`invert`); merging parts is
// concatenating what still lives and inverting again; saving is writing the sequences. Parts never change, but for documents dying.

/** Postings per block; each block knows the most that any of its documents can score. */
export const blockSize = 128

export interface Documents {
  /** How many. */
  readonly count: number
  readonly fields: number
  /** Where the terms of a document's field begin in `tokens`: [document * fields + field], and one more for the end. */
  readonly starts: Uint32Array
  readonly tokens: Uint32Array
}

export type Counts = Uint8Array | Uint16Array | Uint32Array

export interface Part extends Documents {
  /** 0 where a document was deleted. */
  readonly alive: Uint8Array
  living: number
  /** Terms in each field of each document, per field. */
  readonly lengths: readonly Uint32Array[]
  /** The numbers of the terms that occur, ascending, and where the postings of each begin; one more for the end. */
  readonly terms: Uint32Array
  readonly offsets: Uint32Array
  /** Documents of each term, ascending. */
  readonly docs: Uint32Array
  /** How often the term is in each field of the document, per field. */
  readonly counts: readonly Counts[]
  /** Where the blocks of each term begin in `peaks`; one more for the end. */
  readonly blocks: Uint32Array
  /** Per field: the most that count / (length + reference) reaches in a block, never too small. */
  readonly peaks: readonly Float32Array[]
  /** The length that `peaks` were computed with, per field, and the shortest and longest length of a document. */
  readonly references: readonly number[]
  readonly shortest: readonly number[]
  readonly longest: readonly number[]
}

/** Documents on their way to a part. */
export class PartBuilder {
  readonly fields: number
  count = 0
  private starts = new Uint32Array(1024)
  private tokens = new Uint32Array(8192)
  private used = 0

  constructor(fields: number) {
    this.fields = fields
    this.starts[0] = 0
  }

  get size(): number {
    return this.used
  }

  /** The next field of the current document begins, or the next document. */
  endField(): void {
    this.starts[++this.ended] = this.used
    if (this.ended + 1 >= this.starts.length) this.starts = grown(this.starts)
  }
  private ended = 0

  endDocument(): void {
    this.count++
  }

  push(term: number): void {
    if (this.used === this.tokens.length) this.tokens = grown(this.tokens)
    this.tokens[this.used++] = term
  }

  /** The documents so far, in arrays of their own; the builder is empty again and keeps its memory. */
  take(): Documents {
    const taken = {
      count: this.count,
      fields: this.fields,
      starts: this.starts.slice(0, this.count * this.fields + 1),
      tokens: this.tokens.slice(0, this.used),
    }
    this.count = this.used = this.ended = 0
    return taken
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2)
  larger.set(array)
  return larger
}

/** Scratch that inverting needs for every term number, kept from one inversion to the next. */
export class InversionScratch {
  /** The last document that had the term, in a count that goes on over all inversions. */
  lastDocument = new Int32Array(0)
  /** How many documents have it, then where its next posting goes. */
  cursor = new Uint32Array(0)
  clock = 1

  reserve(terms: number, documents: number): void {
    if (this.lastDocument.length < terms) {
      const size = Math.max(1024, 2 * terms)
      const last = new Int32Array(size)
      last.set(this.lastDocument)
      this.lastDocument = last
      this.cursor = new Uint32Array(size)
    }
    if (this.clock + 2 * documents > 0x7ffffff0) {
      this.lastDocument.fill(0)
      this.clock = 1
    }
  }
}

/** Makes a part of documents. @param vocabulary one more than the largest term number */
export function invert(documents: Documents, vocabulary: number, scratch: InversionScratch): Part {
  const { count, fields, starts, tokens } = documents
  scratch.reserve(vocabulary, count)
  const { lastDocument, cursor } = scratch

  // How many documents has each term?
  let touched = new Uint32Array(1024)
  let distinct = 0
  let postings = 0
  let clock = scratch.clock
  for (let doc = 0; doc < count; doc++, clock++) {
    const end = starts[(doc + 1) * fields]
    for (let i = starts[doc * fields]; i < end; i++) {
      const term = tokens[i]
      if (lastDocument[term] === clock) continue
      lastDocument[term] = clock
      postings++
      if (cursor[term]++ === 0) {
        if (distinct === touched.length) touched = grown(touched)
        touched[distinct++] = term
      }
    }
  }

  // Where do the postings of each term begin?
  const terms = touched.slice(0, distinct).sort()
  const offsets = new Uint32Array(distinct + 1)
  const blocks = new Uint32Array(distinct + 1)
  for (let t = 0; t < distinct; t++) {
    const documentsOfTerm = cursor[terms[t]]
    offsets[t + 1] = offsets[t] + documentsOfTerm
    blocks[t + 1] = blocks[t] + Math.ceil(documentsOfTerm / blockSize)
    cursor[terms[t]] = offsets[t]
  }

  // Write them.
  const docs = new Uint32Array(postings)
  const counts: Counts[] = Array.from({ length: fields }, () => new Uint8Array(postings))
  const lengths = Array.from({ length: fields }, () => new Uint32Array(count))
  for (let doc = 0; doc < count; doc++, clock++) {
    for (let field = 0; field < fields; field++) {
      const from = starts[doc * fields + field]
      const to = starts[doc * fields + field + 1]
      lengths[field][doc] = to - from
      let ofField = counts[field]
      let wraps = 2 ** (8 * ofField.BYTES_PER_ELEMENT)
      for (let i = from; i < to; i++) {
        const term = tokens[i]
        let at: number
        if (lastDocument[term] === clock) at = cursor[term] - 1
        else {
          lastDocument[term] = clock
          at = cursor[term]++
          docs[at] = doc
        }
        if (++ofField[at] === wraps) {
          // A document says this word more often than the numbers can count.
          ofField = counts[field] = widened(ofField, at)
          wraps = 2 ** (8 * ofField.BYTES_PER_ELEMENT)
        }
      }
    }
  }
  for (let t = 0; t < distinct; t++) cursor[terms[t]] = 0
  scratch.clock = clock

  const means = lengths.map(all => (count ? all.reduce((s, v) => s + v, 0) / count : 0))
  // c of count / (length + c) orders documents as BM25 with b = 0.75 does.
  const references = means.map(mean => Math.max(1, mean / 3))
  return {
    ...documents,
    alive: new Uint8Array(count).fill(1),
    living: count,
    lengths,
    terms,
    offsets,
    docs,
    counts,
    blocks,
    peaks: counts.map((ofField, field) => peaksOf(offsets, blocks, docs, ofField, lengths[field], references[field])),
    references,
    shortest: lengths.map(all => all.reduce((s, v) => Math.min(s, v), count ? 0xffffffff : 0)),
    longest: lengths.map(all => all.reduce((s, v) => Math.max(s, v), 0)),
  }
}

function widened(counts: Counts, wrapped: number): Counts {
  const wider = counts instanceof Uint8Array ? new Uint16Array(counts) : new Uint32Array(counts)
  wider[wrapped] = counts instanceof Uint8Array ? 256 : 65536
  return wider
}

function peaksOf(
  offsets: Uint32Array,
  blocks: Uint32Array,
  docs: Uint32Array,
  counts: Counts,
  lengths: Uint32Array,
  reference: number,
): Float32Array {
  const peaks = new Float32Array(blocks[blocks.length - 1])
  let block = 0
  for (let t = 0; t + 1 < offsets.length; t++) {
    const end = offsets[t + 1]
    for (let from = offsets[t]; from < end; from += blockSize) {
      const to = Math.min(end, from + blockSize)
      let peak = 0
      for (let p = from; p < to; p++) {
        const value = counts[p] / (lengths[docs[p]] + reference)
        if (value > peak) peak = value
      }
      // Single precision may round down; the bound must not.
      peaks[block++] = peak * (1 + 2 ** -22)
    }
  }
  return peaks
}

/** The place of a term among the terms of a part, -1 if it does not occur. */
export function findTerm(part: Part, term: number): number {
  let low = 0
  let high = part.terms.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const value = part.terms[middle]
    if (value === term) return middle
    if (value < term) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** The living documents of some parts, one after the other. */
export function concatenate(parts: readonly Part[], fields: number): Documents {
  let count = 0
  let size = 0
  for (const part of parts) {
    count += part.living
    for (let doc = 0; doc < part.count; doc++)
      if (part.alive[doc]) size += part.starts[(doc + 1) * fields] - part.starts[doc * fields]
  }
  const starts = new Uint32Array(count * fields + 1)
  const tokens = new Uint32Array(size)
  let at = 0
  let boundary = 0
  for (const part of parts) {
    for (let doc = 0; doc < part.count; doc++) {
      if (!part.alive[doc]) continue
      const from = part.starts[doc * fields]
      for (let field = 1; field <= fields; field++) starts[++boundary] = at + part.starts[doc * fields + field] - from
      const to = part.starts[(doc + 1) * fields]
      tokens.set(part.tokens.subarray(from, to), at)
      at += to - from
    }
  }
  return { count, fields, starts, tokens }
}
