// What every post-processor is: it turns the encodings of one or two inputs into what the model is fed, special tokens
// included.
import type { Encoding } from '../encoding.ts'
import type { JsonObject } from '../json.ts'

export interface PostProcessor {
  readonly type: string
  /** How many tokens it adds, so that truncation can leave room. */
  addedTokens(isPair: boolean): number
  /** The parts of the result, in order. A processor before this one may already have made more than two. */
  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[]
  toJSON(): JsonObject
}
