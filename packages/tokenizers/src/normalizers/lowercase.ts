// Lower case, character by character.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import { lowerCase } from '../unicode/case.ts'
import type { Normalizer } from './normalizer.ts'

export class Lowercase implements Normalizer {
  readonly type = 'Lowercase'

  normalize(text: AlignedText): void {
    if (/^[ -~]*$/.test(text.text)) text.lowerAscii()
    else text.mapChars(lowerCase)
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}
