// The four classes that the pre-tokenizers of the GPT family distinguish: letters (L), numbers (N), white space, others.
import { categoryCodes, categoryTable, isWhitespace } from '../unicode/categories.ts'

export const OTHER = 0
export const LETTER = 1
export const NUMBER = 2
export const SPACE = 3
export type CharClass = typeof OTHER | typeof LETTER | typeof NUMBER | typeof SPACE

let classes: Uint8Array | undefined

/** The class of every code point. Shared: do not write to it. */
export function classTable(): Uint8Array {
  if (classes) return classes
  const byCategory = new Uint8Array(64)
  for (const code of categoryCodes('L')) byCategory[code] = LETTER
  for (const code of categoryCodes('N')) byCategory[code] = NUMBER
  const table = categoryTable().map(code => byCategory[code])
  for (let cp = 0; cp <= 0x3000; cp++) if (isWhitespace(cp)) table[cp] = SPACE
  return (classes = table)
}

/** The class of the code point at a position inside the text. */
export function classOf(text: string, at: number): CharClass {
  return (classes ?? classTable())[text.codePointAt(at)!] as CharClass
}
