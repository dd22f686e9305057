// Training WordPiece as the Rust library does: the merges of BPE make the tokens, and are then forgotten.
import { WordPiece } from '../models/word-piece.ts'
import { BpeTrainer, type BpeTrainerOptions } from './bpe.ts'
import type { Trainer } from './trainer.ts'

export type WordPieceTrainerOptions = BpeTrainerOptions & { unkToken?: string }

export class WordPieceTrainer implements Trainer {
  readonly options: WordPieceTrainerOptions

  constructor(options: WordPieceTrainerOptions = {}) {
    this.options = { continuingSubwordPrefix: '##', ...options }
  }

  train(words: ReadonlyMap<string, number>): WordPiece {
    const { unkToken, continuingSubwordPrefix } = this.options
    return new WordPiece({
      vocab: new BpeTrainer(this.options).train(words).vocab(),
      continuingSubwordPrefix: continuingSubwordPrefix ?? '',
      ...(unkToken !== undefined && { unkToken }),
    })
  }
}
