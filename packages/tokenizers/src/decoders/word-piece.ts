// Joins WordPiece tokens: a space before each that does not continue a word.
import { asBoolean, asString, type JsonObject, optional } from '../json.ts'
import { cleanUp } from './cleanup.ts'
import { type Decoder, perToken, type Sink } from './decoder.ts'

export class WordPieceDecoder implements Decoder {
  readonly type = 'WordPiece'
  readonly prefix: string
  readonly cleanup: boolean

  constructor(prefix = '##', cleanup = true) {
    this.prefix = prefix
    this.cleanup = cleanup
  }

  static fromJSON(json: JsonObject, where: string): WordPieceDecoder {
    return new WordPieceDecoder(
      optional(json.prefix, `${where}.prefix`, asString, '##'),
      optional(json.cleanup, `${where}.cleanup`, asBoolean, true),
    )
  }

  start(sink: Sink): Sink {
    const { prefix, cleanup } = this
    return perToken(sink, (token, index) => {
      const text = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
      return cleanup ? cleanUp(text) : text
    })
  }

  toJSON(): JsonObject {
    return { type: this.type, prefix: this.prefix, cleanup: this.cleanup }
  }
}
