// Turns sentencepiece's visible spaces back; the one that was put in front goes.
import type { JsonObject } from '../json.ts'
import { type MetaspaceOptions, readMetaspace } from '../pretokenizers/metaspace.ts'
import { type Decoder, perToken, type Sink } from './decoder.ts'

export class MetaspaceDecoder implements Decoder {
  readonly type = 'Metaspace'
  readonly options: Required<MetaspaceOptions>

  constructor(options: MetaspaceOptions = {}) {
    this.options = { replacement: '\u2581', prependScheme: 'always', split: true, ...options }
  }

  static fromJSON(json: JsonObject, where: string): MetaspaceDecoder {
    return new MetaspaceDecoder(readMetaspace(json, where))
  }

  start(sink: Sink): Sink {
    const { replacement, prependScheme } = this.options
    return perToken(sink, (token, index) =>
      token.replaceAll(replacement, index === 0 && prependScheme !== 'never' ? '' : ' '),
    )
  }

  toJSON(): JsonObject {
    const { replacement, prependScheme, split } = this.options
    return { type: this.type, replacement, prepend_scheme: prependScheme, split }
  }
}
