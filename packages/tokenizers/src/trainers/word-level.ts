// Training WordLevel: the most frequent words, ties in order of code points.
import { WordLevel } from '../models/word-level.ts'
import { compareCodePoints } from './alphabet.ts'
import type { Trainer, TrainerOptions } from './trainer.ts'

export type WordLevelTrainerOptions = Omit<TrainerOptions, 'limitAlphabet' | 'initialAlphabet'> & { unkToken?: string }

export class WordLevelTrainer implements Trainer {
  readonly options: WordLevelTrainerOptions

  constructor(options: WordLevelTrainerOptions = {}) {
    this.options = options
  }

  train(words: ReadonlyMap<string, number>): WordLevel {
    const { vocabSize = 30000, minFrequency = 0, specialTokens = [], unkToken } = this.options
    const tokens = new Set(specialTokens.map(token => (typeof token === 'string' ? token : token.content)))
    const sorted = [...words].sort((a, b) => b[1] - a[1] || compareCodePoints(a[0], b[0]))
    for (const [word, count] of sorted) {
      if (tokens.size >= vocabSize) break
      if (count >= minFrequency) tokens.add(word)
    }
    this.options.onProgress?.({ stage: 'train', done: tokens.size, total: tokens.size })
    return new WordLevel({
      vocab: [...tokens].map((token, id) => [token, id]),
      ...(unkToken !== undefined && { unkToken }),
    })
  }
}
