// What every normalizer is: it rewrites a text before it is cut, keeping its alignment.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'

export interface Normalizer {
  readonly type: string
  normalize(text: AlignedText): void
  toJSON(): JsonObject
}
