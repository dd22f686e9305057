// The word characters of `\w` in the Unicode sense (UTS #18, annex C): letters, marks, decimal numbers, connectors.
import { categoryMask, categoryTable } from './categories.ts'

let mask: Uint8Array | undefined

/** Is a code point part of a word? undefined (the edge of a text) is not. */
export function isWordChar(cp: number | undefined): boolean {
  if (cp === undefined) return false
  mask ??= categoryMask('L', 'M', 'Nd', 'Nl', 'Pc')
  return mask[categoryTable()[cp]] === 1 || cp === 0x200c || cp === 0x200d
}
