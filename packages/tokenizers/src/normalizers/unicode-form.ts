// The four Unicode normalization forms (UAX #15).
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import { type NormalizationForm, normalizeChanges } from '../unicode/normalize.ts'
import type { Normalizer } from './normalizer.ts'

/** Below these code points nothing changes: Latin-1 has no decompositions below U+00C0, compatibility ones from U+00A0. */
const PLAIN = { NFC: /^[\0-\u02ff]*$/, NFD: /^[\0-\u00bf]*$/, NFKC: /^[\0-\u009f]*$/, NFKD: /^[\0-\u009f]*$/ }

export class UnicodeForm implements Normalizer {
  readonly type: NormalizationForm

  constructor(form: NormalizationForm) {
    this.type = form
  }

  normalize(text: AlignedText): void {
    if (!PLAIN[this.type].test(text.text)) text.transform(normalizeChanges(text.text, this.type))
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}
