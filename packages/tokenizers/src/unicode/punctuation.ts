// Punctuation as BERT counts it: the ASCII symbols and everything in the P categories.
import { categoryMask, categoryTable } from './categories.ts'

let mask: Uint8Array | undefined

export function isPunctuation(cp: number): boolean {
  if (cp < 0x80)
    return (cp >= 33 && cp <= 47) || (cp >= 58 && cp <= 64) || (cp >= 91 && cp <= 96) || (cp >= 123 && cp <= 126)
  mask ??= categoryMask('P')
  return mask[categoryTable()[cp]] === 1
}
