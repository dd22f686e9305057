// What every trainer is: it counts pre-tokens as they stream by, then makes a model of the counts.
import type { AddedToken } from '../added/added-token.ts'
import type { Model } from '../models/model.ts'

/** How far training is; `total` is what is known of the end. */
export type TrainProgress = { stage: 'count' | 'train'; done: number; total: number | undefined }

export type TrainerOptions = {
  /** Entries wanted, special tokens and alphabet included. */
  vocabSize?: number
  /** Words and merges seen less often are left out. */
  minFrequency?: number
  /** Tokens put first, in this order; they are never cut and never merged. */
  specialTokens?: readonly (string | (Partial<AddedToken> & { content: string }))[]
  /** Most characters in the starting alphabet; the most frequent are kept. */
  limitAlphabet?: number
  /** Characters that are in the alphabet even if the text lacks them. */
  initialAlphabet?: Iterable<string>
  /** Called now and then, a few hundred times in all. */
  onProgress?: (progress: TrainProgress) => void
}

export interface Trainer {
  readonly options: TrainerOptions
  /**
   * A model trained on words and how often each came.
   * @param last how often each came last in its text; sentencepiece's Unigram looks at what follows words
   */
  train(words: ReadonlyMap<string, number>, last?: ReadonlyMap<string, number>): Model
}
