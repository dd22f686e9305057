// Byte-level BPE from a rank file and nothing else: for a page that counts tokens and should stay small. No offsets, no
// special tokens, no training; `Tokenizer.fromTiktoken` has those.
import { TokenizerError } from './errors.ts'
import { readRanks } from './formats/ranks.ts'
import { ByteWords } from './models/byte-words.ts'
import { IdList } from './models/id-list.ts'
import type { RankTokens } from './models/rank-tokens.ts'
import { WordEncoder } from './models/word-encoder.ts'
import { patterns } from './pretokenizers/patterns.ts'
import { scanners } from './pretokenizers/scan.ts'

/** The encodings whose way of cutting text is built in. */
export type RankEncoding = 'gpt2' | 'r50k_base' | 'p50k_base' | 'cl100k_base' | 'o200k_base'

export class RankEncoder {
  private readonly words: WordEncoder
  private readonly ranks: RankTokens
  private indexOf: Map<number, number> | undefined

  /** @param file the bytes of a .tiktoken file   @param encoding how its text is cut */
  constructor(file: Uint8Array, encoding: RankEncoding) {
    this.ranks = readRanks(file)
    if (!this.ranks.isComplete) throw new TokenizerError('RankEncoder: the ranks do not have all 256 bytes')
    const words = new ByteWords(this.ranks, true)
    const { gpt2, cl100k, o200k } = patterns
    const pattern = encoding === 'cl100k_base' ? cl100k : encoding === 'o200k_base' ? o200k : gpt2
    this.words = new WordEncoder(scanners.get(pattern)!, (units, start, end) => words.idsOf(units, start, end))
  }

  /** The ids of a text; special tokens in it are text. */
  encode(text: string): Uint32Array {
    const out = new IdList((text.length >> 1) + 16)
    this.words.encode(text.toWellFormed(), out)
    return out.finish()
  }

  /** The number of ids of a text. */
  count(text: string): number {
    return this.words.count(text.toWellFormed())
  }

  /** The text of ids; those without a token are left out. */
  decode(ids: Iterable<number>): string {
    const { bytes, starts } = this.ranks
    this.indexOf ??= new Map(Array.from(this.ranks.ids, (id, t) => [id, t]))
    const out: number[] = []
    for (const id of ids) {
      const t = this.indexOf.get(id)
      if (t !== undefined) for (let i = starts[t]; i < starts[t + 1]; i++) out.push(bytes[i])
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(out))
  }
}
