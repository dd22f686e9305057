// For tests only: strings that tokenizers get wrong, and tokenizer.json files that exercise every component.

const scripts: readonly (readonly [number, number])[] = [
  [0x20, 0x7e], [0xa0, 0x24f], [0x370, 0x3ff], [0x400, 0x4ff], [0x531, 0x58f], [0x5d0, 0x5ea], [0x620, 0x6ff], [0x710, 0x74a],
  [0x780, 0x7b1], [0x905, 0x96f], [0x985, 0x9ef], [0xa05, 0xa75], [0xa85, 0xaef], [0xb05, 0xb6f], [0xb85, 0xbef], [0xc05, 0xc6f],
  [0xc85, 0xcef], [0xd05, 0xd6f], [0xd85, 0xddf], [0xe01, 0xe5b], [0xe81, 0xedf], [0xf00, 0xfbc], [0x1000, 0x109f], [0x10d0, 0x10ff],
  [0x1100, 0x11ff], [0x1200, 0x137c], [0x13a0, 0x13f4], [0x1780, 0x17e9], [0x1820, 0x18aa], [0x1e00, 0x1fff], [0x3041, 0x30ff],
  [0x4e00, 0x4fff], [0xac00, 0xacff], [0xff01, 0xffee], [0x10330, 0x1034a], [0x1d400, 0x1d7ff], [0x1f300, 0x1f64f],
] // biome-ignore format: a table reads better in rows

const pieces: readonly string[] = [
  ' ', '  ', '   ', '\n', '\r\n', '\n\n', '\t', ' \n ', '\u00a0', '\u3000', '\u2028', '\u0085', '\u200b', '\u200d', '\ufeff', '\ufffd',
  '\u0000', '\u0007', '\u00ad', 'e\u0301', 'a\u0323\u0307', '\u0301', '\u0345', 'ﬁ', '½', '²', 'Å', 'İ', 'ß', 'ſ', 'Σ', 'ς', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇫🇷',
  '👍🏽', '😁', "'s", "'S", "'ll", "'LL", "'ſ", "don't", '123', '1234567', '٣٤', '①', 'Ⅷ', 'hello', 'Hello', 'HELLO', 'world', 'the', 'The', '_', '__init__',
  '...', '!?', '--', '(x)', '{}', '=>', '//', '<s>', '</s>', '<x>', '[MASK]', '[SEP]', '<|endoftext|>', '<xx', '中文', '日本語テスト', '한국어', 'เกษตร',
  '▁', '▁the', '##', '</w>', '<0x41>', 'ab', 'abab', 'Ġ', 'Ċ', '，', '。', 'ー', 'for (let i = 0; i < n; i++) {\n    f(i)\n}', '\\', '"', '`', '~', '$',
] // biome-ignore format: a table reads better in rows

/** Characters that older Unicode tables, such as the Rust library's, don't know or put elsewhere. */
const recent =
  /[\u0560\u0588\u0589\u0964\u0965\u0b55\u0c3c\u0c5d\u0cdd\u0d3b\u0d3c\u0e86\u0e89\u0e8c\u0e8e-\u0e93\u0e98\u0ea0\u0ea8\u0ea9\u0eac\u0eba\u0ece\u1878\u1885\u1886]/g

/** A random string of words, marks, scripts and things that break tokenizers; `tokens` are strewn in. */
export function fuzzString(next: () => number, tokens: readonly string[] = []): string {
  const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)]
  let out = ''
  // Now and then a word of 10,000 characters.
  if (tokens.length > 0 && next() < 0.003) {
    const letters = pick(['a', 'ab', 'e\u0301', 'é', '日本', 'the', '1', '=', '👩‍👩‍👧‍👦', 'xyzzy'])
    out += next() < 0.5 ? letters.repeat(10_000 / letters.length) : randomLetters(next, 10_000)
  }
  const parts = 1 + Math.floor(next() * 12)
  for (let i = 0; i < parts; i++) {
    if (tokens.length > 0 && next() < 0.1) out += pick(tokens)
    const kind = next()
    if (kind < 0.6) out += pick(pieces)
    else if (kind < 0.9) {
      const [first, last] = pick(scripts)
      const n = 1 + Math.floor(next() * 5)
      for (let k = 0; k < n; k++) out += String.fromCodePoint(first + Math.floor(next() * (last - first + 1)))
    } else if (kind < 0.95) out += pick(pieces).repeat(1 + Math.floor(next() * 6))
    else if (kind < 0.97) out += String.fromCharCode(0xd800 + Math.floor(next() * 0x800))
    else out += ' '
  }
  return out.replace(recent, '')
}

const randomLetters = (next: () => number, length: number) =>
  Array.from({ length }, () => String.fromCharCode(97 + Math.floor(next() * 26))).join('')
