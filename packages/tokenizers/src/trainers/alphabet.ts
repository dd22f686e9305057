// The characters a vocabulary starts from: those of the text, the most frequent first if their number is limited.

/** Characters in order of code point, after limiting. Ties at the limit go to the smaller code point. */
export function alphabet(
  words: ReadonlyMap<string, number>,
  initial: Iterable<string> = [],
  limit = Number.POSITIVE_INFINITY,
): string[] {
  const counts = new Map<string, number>()
  for (const [word, count] of words) for (const char of word) counts.set(char, (counts.get(char) ?? 0) + count)
  // What was asked for by name stays whatever its count.
  for (const text of initial) if (text !== '') counts.set(firstChar(text), Number.POSITIVE_INFINITY)
  const code = (char: string) => char.codePointAt(0)!
  const chars = [...counts]
  if (chars.length > limit) {
    chars.sort((a, b) => (a[1] === b[1] ? code(a[0]) - code(b[0]) : b[1] - a[1]))
    chars.length = limit
  }
  return chars.map(([char]) => char).sort((a, b) => code(a) - code(b))
}

const firstChar = (text: string) => String.fromCodePoint(text.codePointAt(0)!)

/** Orders texts by code points, which is also the order of their UTF-8 bytes; `<` on strings orders by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return order(a.charCodeAt(i)) - order(b.charCodeAt(i))
  }
  return a.length - b.length
}

/** Surrogates come after all other units. */
const order = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)
