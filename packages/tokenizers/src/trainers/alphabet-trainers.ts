// The two models that need no merges: every character a token, or every byte. Both are BPE that never merges, so they are
// written as any BPE is.
import { BPE } from '../models/bpe.ts'
import { byteChars } from '../unicode/byte-chars.ts'
import { alphabet } from './alphabet.ts'
import type { Trainer, TrainerOptions } from './trainer.ts'

export type CharacterTrainerOptions = Omit<TrainerOptions, 'limitAlphabet'> & {
  /** The token for characters that are not in the vocabulary. Default: such characters are left out. */
  unkToken?: string
}

/** Learns the characters of a text, the most frequent if `vocabSize` has not room for all. */
export class CharacterTrainer implements Trainer {
  readonly options: CharacterTrainerOptions

  constructor(options: CharacterTrainerOptions = {}) {
    this.options = options
  }

  train(words: ReadonlyMap<string, number>): BPE {
    const {
      vocabSize = Number.POSITIVE_INFINITY,
      minFrequency = 0,
      unkToken,
      initialAlphabet,
      onProgress,
    } = this.options
    const tokens = specials(this.options, unkToken)
    const frequent = new Map<string, number>()
    for (const [word, count] of words) for (const char of word) frequent.set(char, (frequent.get(char) ?? 0) + count)
    for (const [char, count] of frequent) if (count < minFrequency) frequent.delete(char)
    for (const char of alphabet(frequent, initialAlphabet, Math.max(0, vocabSize - tokens.size))) tokens.add(char)
    onProgress?.({ stage: 'train', done: tokens.size, total: tokens.size })
    return new BPE({ vocab: [...tokens].map((token, id) => [token, id]), ...(unkToken !== undefined && { unkToken }) })
  }
}

/** Learns nothing: special tokens, then the 256 bytes. For a tokenizer with the ByteLevel pre-tokenizer and decoder. */
export class ByteTrainer implements Trainer {
  readonly options: Pick<TrainerOptions, 'specialTokens' | 'onProgress'>

  constructor(options: Pick<TrainerOptions, 'specialTokens' | 'onProgress'> = {}) {
    this.options = options
  }

  train(): BPE {
    const tokens = [...specials(this.options), ...byteChars]
    this.options.onProgress?.({ stage: 'train', done: tokens.length, total: tokens.length })
    return new BPE({ vocab: tokens.map((token, id) => [token, id]) })
  }
}

function specials({ specialTokens = [] }: Pick<TrainerOptions, 'specialTokens'>, unkToken?: string): Set<string> {
  const out = new Set(specialTokens.map(token => (typeof token === 'string' ? token : token.content)))
  if (unkToken !== undefined && !out.has(unkToken)) return new Set([unkToken, ...out])
  return out
}
