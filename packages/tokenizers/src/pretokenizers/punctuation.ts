// Cuts at punctuation.
import { type JsonObject, optional } from '../json.ts'
import { asBehavior, type Behavior, cut } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { isPunctuation } from '../unicode/punctuation.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class Punctuation implements PreTokenizer {
  readonly type = 'Punctuation'
  readonly behavior: Behavior

  constructor(behavior: Behavior = 'Isolated') {
    this.behavior = behavior
  }

  static fromJSON(json: JsonObject, where: string): Punctuation {
    return new Punctuation(optional(json.behavior, `${where}.behavior`, asBehavior, 'Isolated'))
  }

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => cut(piece, isPunctuation, this.behavior))
  }

  toJSON(): JsonObject {
    return { type: this.type, behavior: this.behavior }
  }
}
