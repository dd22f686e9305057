// The ids of one pre-token of byte-level BPE: its UTF-8 bytes, merged. Equal to what ByteLevel and BPE give, which the tests
// check, but without writing the bytes as characters first.
import { byteChars } from '../unicode/byte-chars.ts'
import type { BPE } from './bpe.ts'
import { LongWords } from './long-word.ts'
import { Merger } from './merger.ts'
import type { PairTable } from './pair-table.ts'
import type { WordIds } from './word-encoder.ts'

/** From this many units on, the linear method pays for its tables (30 ms for GPT-2, 150 ms for o200k, once). */
const VERY_LONG = 4096

export class ByteWords {
  private readonly byteIds: Int32Array
  private readonly merger: Merger
  private readonly wholeIds: ReadonlyMap<string, number> | undefined
  private longWords: LongWords | undefined | null

  /**
   * @param pairs the merges   @param byteIds the token of each byte
   * @param wholeIds tokens in the byte alphabet, if a pre-token that is one of them is one token whatever the merges say
   */
  constructor(pairs: PairTable, byteIds: Int32Array, wholeIds?: ReadonlyMap<string, number>) {
    this.byteIds = byteIds
    this.merger = new Merger(pairs)
    this.wholeIds = wholeIds
  }

  /** For a model that is plain byte-level BPE: every byte has a token, nothing is random. */
  static of(model: BPE): ByteWords | undefined {
    if (model.dropout || model.continuingSubwordPrefix || model.endOfWordSuffix) return undefined
    const byteIds = Int32Array.from(byteChars, char => model.vocabulary.ids.get(char) ?? -1)
    if (byteIds.includes(-1)) return undefined
    return new ByteWords(model.pairs, byteIds, model.ignoreMerges ? model.vocabulary.ids : undefined)
  }

  /** The ids of text[start, end). */
  idsOf(text: string, start: number, end: number): WordIds {
    if (end - start >= VERY_LONG) {
      if (this.longWords === undefined) this.longWords = LongWords.of(this.merger.table, this.byteIds) ?? null
      // A pre-token of this length is no token of the vocabulary.
      if (this.longWords) {
        const bytes = new TextEncoder().encode(text.slice(start, end))
        const ids = new Int32Array(bytes.length)
        return { ids, length: this.longWords.encode(bytes, ids) }
      }
    }
    this.merge(text, start, end)
    return this.merger
  }

  /** Leaves the ids of a pre-token in the merger. */
  private merge(text: string, start: number, end: number): void {
    const { merger, byteIds, wholeIds } = this
    merger.reset()
    let spelled = ''
    const push = (byte: number) => {
      merger.push(byteIds[byte], 0, 0)
      if (wholeIds) spelled += byteChars[byte]
    }
    for (let i = start; i < end; i++) {
      let cp = text.charCodeAt(i)
      if (cp < 0x80) push(cp)
      else if (cp < 0x800) {
        push(0xc0 | (cp >> 6))
        push(0x80 | (cp & 63))
      } else if (cp < 0xd800 || cp > 0xdbff) {
        push(0xe0 | (cp >> 12))
        push(0x80 | ((cp >> 6) & 63))
        push(0x80 | (cp & 63))
      } else {
        cp = text.codePointAt(i++)!
        push(0xf0 | (cp >> 18))
        push(0x80 | ((cp >> 12) & 63))
        push(0x80 | ((cp >> 6) & 63))
        push(0x80 | (cp & 63))
      }
    }
    const whole = wholeIds?.get(spelled)
    if (whole !== undefined) {
      merger.reset()
      merger.push(whole, 0, 0)
    } else merger.run()
  }
}
