// Decodes the frames of a CTC model (Graves et al. 2006): repeats fold, padding goes, a delimiter becomes a space.
import { asBoolean, asString, type JsonObject, optional } from '../json.ts'
import { cleanUp } from './cleanup.ts'
import type { Decoder, Sink } from './decoder.ts'

export type CTCOptions = { padToken?: string; wordDelimiterToken?: string; cleanup?: boolean }

export class CTC implements Decoder {
  readonly type = 'CTC'
  readonly options: Required<CTCOptions>

  constructor(options: CTCOptions = {}) {
    this.options = { padToken: '<pad>', wordDelimiterToken: '|', cleanup: true, ...options }
  }

  static fromJSON(json: JsonObject, where: string): CTC {
    return new CTC({
      padToken: optional(json.pad_token, `${where}.pad_token`, asString, '<pad>'),
      wordDelimiterToken: optional(json.word_delimiter_token, `${where}.word_delimiter_token`, asString, '|'),
      cleanup: optional(json.cleanup, `${where}.cleanup`, asBoolean, true),
    })
  }

  start(sink: Sink): Sink {
    const { padToken, wordDelimiterToken, cleanup } = this.options
    let token = ''
    let previous: string | undefined
    return {
      fragment(text) {
        token += text
      },
      endToken() {
        const frame = token
        token = ''
        if (frame === previous) return
        previous = frame
        let text = frame.replaceAll(padToken, '')
        if (cleanup) text = cleanUp(text).replaceAll(wordDelimiterToken, ' ')
        if (text === '') return
        sink.fragment(text)
        sink.endToken()
      },
      end: () => sink.end(),
    }
  }

  toJSON(): JsonObject {
    const { padToken, wordDelimiterToken, cleanup } = this.options
    return { type: this.type, pad_token: padToken, word_delimiter_token: wordDelimiterToken, cleanup }
  }
}
