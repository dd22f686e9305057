// Drops combining marks; after NFD that takes the accents off letters.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import { categoryMask, categoryTable } from '../unicode/categories.ts'
import type { Normalizer } from './normalizer.ts'

export class StripAccents implements Normalizer {
  readonly type = 'StripAccents'

  normalize(text: AlignedText): void {
    const isMark = categoryMask('M')
    const category = categoryTable()
    text.filter(char => isMark[category[char.codePointAt(0)!]] === 0)
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}
