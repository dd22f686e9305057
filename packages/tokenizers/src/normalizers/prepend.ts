// Puts a text in front; an empty text stays empty. Sentencepiece's dummy prefix is `Prepend('▁')`.
import { asString, type JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { Normalizer } from './normalizer.ts'

export class Prepend implements Normalizer {
  readonly type = 'Prepend'
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  static fromJSON(json: JsonObject, where: string): Prepend {
    return new Prepend(asString(json.prepend, `${where}.prepend`))
  }

  normalize(text: AlignedText): void {
    text.prepend(this.prefix)
  }

  toJSON(): JsonObject {
    return { type: this.type, prepend: this.prefix }
  }
}
