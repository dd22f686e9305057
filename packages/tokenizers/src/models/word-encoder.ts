// Text to ids, word by word, without building strings, tokens or offsets: a scanner finds the words, a bounded cache knows the
// ids of most of them, and what it doesn't know is asked of a model. For pipelines in which the ids of a word depend on the
// word alone.
import type { Scanner } from '../pretokenizers/pre-tokenizer.ts'
import { UnitBuffer } from '../unicode/utf16.ts'
import type { IdList } from './id-list.ts'
import { type IdsOf, LONGEST_KEPT, WordRecords } from './word-records.ts'

/** Gives the ids of texts, well-formed ones, and nothing else. */
export interface IdEncoder {
  /** Appends the ids of a text. */
  encode(text: string, out: IdList): void
  /** The number of ids of a text. */
  count(text: string): number
}

export class WordEncoder implements IdEncoder {
  private readonly scan: Scanner
  private readonly idsOf: IdsOf
  private readonly words: WordRecords
  private readonly buffer = new UnitBuffer()

  constructor(scan: Scanner, idsOf: IdsOf) {
    this.scan = scan
    this.idsOf = idsOf
    this.words = new WordRecords(idsOf)
  }

  encode(text: string, out: IdList): void {
    const { scan, words } = this
    const { records } = words
    const units = this.buffer.units(text)
    const { length } = units
    for (let start = 0; start < length; ) {
      const end = scan(units, start)
      if (end - start > LONGEST_KEPT) {
        const { ids, length } = this.idsOf(units, start, end)
        out.append(ids, length)
      } else {
        const at = words.find(units, start, end)
        const count = records[at] >>> 8
        if (out.length + count > out.ids.length) out.reserve(count)
        const { ids } = out
        let to = out.length
        for (let i = 1; i <= count; i++) ids[to++] = records[at + i]
        out.length = to
      }
      start = end
    }
  }

  count(text: string): number {
    const { scan, words } = this
    const { records } = words
    const units = this.buffer.units(text)
    let count = 0
    for (let start = 0; start < units.length; ) {
      const end = scan(units, start)
      if (end - start > LONGEST_KEPT) count += this.idsOf(units, start, end).length
      else count += records[words.find(units, start, end)] >>> 8
      start = end
    }
    return count
  }
}
