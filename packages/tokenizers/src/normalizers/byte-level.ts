// Writes the whole text in GPT-2's byte alphabet.
import type { JsonObject } from '../json.ts'
import { toByteChars } from '../pretokenizers/byte-level.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { Normalizer } from './normalizer.ts'

export class ByteLevelNormalizer implements Normalizer {
  readonly type = 'ByteLevel'

  normalize(text: AlignedText): void {
    if (!text.isEmpty) toByteChars(text)
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}
