// General categories of Unicode, from a table pinned in this package: the engine's own version moves with the engine,
// and token ids must not. One byte per code point, unpacked on first use.
import { categoryRuns } from './categories.data.ts'

/** Category codes in the order of the packed table. */
export const categoryNames = [
  'Cn', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Mn', 'Mc', 'Me', 'Nd', 'Nl', 'No', 'Pc', 'Pd', 'Ps',
  'Pe', 'Pi', 'Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So', 'Zs', 'Zl', 'Zp', 'Cc', 'Cf', 'Cs', 'Co',
] as const // biome-ignore format: a table reads better in rows

/** A general category, such as `Lu`. */
export type Category = (typeof categoryNames)[number]

/** The codes (positions in `categoryNames`) of the categories whose name starts with one of the prefixes. */
export function categoryCodes(...prefixes: string[]): number[] {
  return categoryNames.flatMap((name, code) => (prefixes.some(prefix => name.startsWith(prefix)) ? [code] : []))
}

let unpacked: Uint8Array | undefined

/** The category code of every code point, indexed by code point. Shared: do not write to it. */
export function categoryTable(): Uint8Array {
  if (unpacked) return unpacked
  const table = new Uint8Array(0x110000)
  let at = 0
  for (const [, letter, length] of categoryRuns.matchAll(/([A-^])([0-9a-z]*)/g)) {
    const end = at + (length === '' ? 1 : Number.parseInt(length, 36))
    table.fill(letter.charCodeAt(0) - 65, at, end)
    at = end
  }
  return (unpacked = table)
}

/** A table over category codes: 1 where the category is one of those named by prefix. */
export function categoryMask(...prefixes: string[]): Uint8Array {
  const mask = new Uint8Array(categoryNames.length)
  for (const code of categoryCodes(...prefixes)) mask[code] = 1
  return mask
}

/** White_Space of the Unicode Character Database (PropList.txt), as `\s` and Rust's `char::is_whitespace` have it. */
export function isWhitespace(cp: number): boolean {
  if (cp < 0x80) return cp === 32 || (cp >= 9 && cp <= 13)
  return (
    cp === 0x85 ||
    cp === 0xa0 ||
    cp === 0x1680 ||
    (cp >= 0x2000 && cp <= 0x200a) ||
    cp === 0x2028 ||
    cp === 0x2029 ||
    cp === 0x202f ||
    cp === 0x205f ||
    cp === 0x3000
  )
}
