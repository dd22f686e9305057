// The cleaning that sentencepiece calls nmt: some controls are dropped, others and odd spaces become a space.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { Normalizer } from './normalizer.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const DROPPED = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/
const SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/

export class Nmt implements Normalizer {
  readonly type = 'Nmt'

  normalize(text: AlignedText): void {
    text.filter(char => !DROPPED.test(char))
    text.mapChars(char => (SPACES.test(char) ? ' ' : char))
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}
