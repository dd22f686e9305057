// The ids of one pre-token of byte-level BPE: its UTF-8 bytes, joined. Equal to what ByteLevel and BPE give, which the tests
// check, but without writing the bytes as characters first.
import { byteChars } from '../unicode/byte-chars.ts'
import { utf8Into } from '../unicode/utf8.ts'
import type { BPE } from './bpe.ts'
import { LongWords } from './long-word.ts'
import { RankTokens } from './rank-tokens.ts'
import { mergeShortWord } from './short-word.ts'
import type { WordIds } from './word-records.ts'

/** From this many bytes on, the linear method is faster. Measured on English, Japanese and code with o200k. */
const LONG = 24

export class ByteWords implements WordIds {
  /** The ids of the word asked for last. */
  ids = new Int32Array(256)
  length = 0
  private readonly tokens: RankTokens
  private readonly wholeIds: ReadonlyMap<string, number> | boolean | undefined
  private readonly isIdentity: boolean
  private longWords: LongWords | undefined
  private bytes = new Uint8Array(256)
  private joined = new Int32Array(256)

  /**
   * @param tokens all 256 bytes among them   @param wholeIds where to look for a pre-token that is one token whatever the
   * merges say: a vocabulary in the byte alphabet, or true for the same tokens
   */
  constructor(tokens: RankTokens, wholeIds?: ReadonlyMap<string, number> | boolean) {
    this.tokens = tokens
    this.wholeIds = wholeIds
    this.isIdentity = tokens.ids.every((id, t) => id === t)
  }

  /** For a model that is plain byte-level BPE: every byte has a token, nothing is random, joining by rank is the rule. */
  static of(model: BPE): ByteWords | undefined {
    if (model.dropout || model.continuingSubwordPrefix || model.endOfWordSuffix) return undefined
    if (model.ranks) return model.ranks.isComplete ? new ByteWords(model.ranks, model.ignoreMerges) : undefined
    const byteIds = Int32Array.from(byteChars, char => model.vocabulary.ids.get(char) ?? -1)
    if (byteIds.includes(-1)) return undefined
    const ranks = RankTokens.of(model.pairs, byteIds)
    return ranks && new ByteWords(ranks, model.ignoreMerges ? model.vocabulary.ids : undefined)
  }

  /** The ids of units [start, end). */
  idsOf(units: Uint16Array, start: number, end: number): WordIds {
    if (this.bytes.length < 3 * (end - start)) {
      this.bytes = new Uint8Array(6 * (end - start))
      this.ids = new Int32Array(this.bytes.length)
      this.joined = new Int32Array(this.bytes.length)
    }
    const { bytes, tokens, wholeIds, ids } = this
    const n = utf8Into(units, start, end, bytes)
    if (wholeIds === true) {
      const t = tokens.find(bytes, 0, n)
      if (t >= 0) {
        ids[0] = tokens.ids[t]
        this.length = 1
        return this
      }
    } else if (wholeIds) {
      let spelled = ''
      for (let i = 0; i < n; i++) spelled += byteChars[bytes[i]]
      const id = wholeIds.get(spelled)
      if (id !== undefined) {
        ids[0] = id
        this.length = 1
        return this
      }
    }
    if (n < LONG) this.length = mergeShortWord(tokens, bytes, n, ids, this.joined)
    else {
      this.longWords ??= new LongWords(tokens)
      this.length = this.longWords.encode(bytes, n, ids)
    }
    if (!this.isIdentity) for (let i = 0; i < this.length; i++) ids[i] = tokens.ids[ids[i]]
    return this
  }
}
