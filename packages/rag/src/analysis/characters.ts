// What a character is to the finder of words. ASCII is a table that is always there; the rest of the Basic Multilingual Plane is
// sorted once, by Unicode's properties, when a text first needs it.

/** The kinds of characters; a `pair` is half of a character beyond U+FFFF. */
export const kinds = {
  other: 0,
  letter: 1,
  digit: 2,
  /** Marks and joiners: go on with a word, never begin one. */
  mark: 3,
  /** Chinese, Japanese and Korean: written without spaces, found by pairs of characters. */
  cjk: 4,
  /** Thai, Lao, Khmer, Burmese: written without spaces, divided by dictionaries. */
  dictionary: 5,
  apostrophe: 6,
  point: 7,
  pair: 8,
} as const

const properties: readonly (readonly [kind: number, pattern: RegExp])[] = [
  [kinds.cjk, /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u30fc]/u],
  [kinds.dictionary, /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u],
  [kinds.mark, /\p{M}|\u200c|\u200d|\u00ad/u],
  [kinds.letter, /\p{L}/u],
  [kinds.digit, /\p{N}/u],
]

/** The kind of a character beyond ASCII, given whole. */
export function kindOf(character: string): number {
  if (character === '\u2019' || character === '\uff07') return kinds.apostrophe
  if (!/\p{L}|\p{N}|\p{M}|\u200c|\u200d|\u00ad/u.test(character)) return kinds.other
  return properties.find(([, pattern]) => pattern.test(character))?.[0] ?? kinds.other
}

let wide: Uint8Array | undefined

/** The kinds of all UTF-16 units. */
export function unitKinds(): Uint8Array {
  if (wide) return wide
  wide = new Uint8Array(0x10000)
  wide.set(asciiKinds)
  for (let unit = 0x80; unit < 0x10000; unit++)
    wide[unit] = unit >= 0xd800 && unit < 0xe000 ? kinds.pair : kindOf(String.fromCharCode(unit))
  return wide
}

/** The kinds of the ASCII characters. */
export const asciiKinds: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return kinds.letter
  if (code >= 48 && code <= 57) return kinds.digit
  if (code === 39) return kinds.apostrophe
  return code === 44 || code === 46 ? kinds.point : kinds.other
})
