import { expect, test } from 'vitest'
import { TokenizerError, TokenizerFormatError } from '../errors.ts'
import { Regex } from './regex.ts'

const all = (source: string, text: string, syntax?: 'oniguruma' | 'rust') =>
  [...new Regex(source, syntax).matches(text)].map(([start, end]) => text.slice(start, end))

test.each<[string, string, string[]]>([
  ['a|ab', 'ab', ['a']],
  ['a+?b', 'aab', ['aab']],
  ['a++a', 'aaa', []],
  ['(?>a+)b', 'aab', ['aab']],
  ['a{2}', 'aaaaa', ['aa', 'aa']],
  ['a{,2}b', 'aaab', ['aab']],
  ['(ab)*c', 'ababc', ['ababc']],
  ['(a|b)*?c', 'abc', ['abc']],
  ['(?:a?)*b', 'aab', ['aab']],
  ['\\s+(?!\\S)', 'a   b  ', ['  ', '  ']],
  ['(?<=a)b', 'abcb', ['b']],
  ['(?<!a)b', 'abcb', ['b']],
  ['(?<=ab|c)d', 'abd cd d', ['d', 'd']],
  ['(?i:ß|k)', 'K\u212a', ['K', '\u212a']],
  ['(?i)straße', 'STRASSE Straße', ['Straße']],
  ['a(?i)b|c', 'aB C', ['aB', 'C']],
  ['[^\\s\\p{L}]', 'a 1!', ['1', '!']],
  ['[a-c&&[^b]]+', 'abcab', ['a', 'ca']],
  ['[\\]\\-^]', ']-^a', [']', '-', '^']],
  ['[]a]', ']a', [']', 'a']],
  ['[[:alpha:]_]+', 'ab_1é', ['ab_', 'é']],
  ['^.', 'ab\ncd', ['a', 'c']],
  ['.$', 'ab\ncd', ['b', 'd']],
  ['\\A.', 'ab\ncd', ['a']],
  ['.\\z', 'ab\ncd', ['d']],
  ['(?m:.)', '\n', ['\n']],
  ['\\x41\\u0042\\x{43}', 'ABC', ['ABC']],
  ['\\h+', 'xdeadBEEFg', ['deadBEEF']],
  ['\\p{Han}+', 'a漢字b', ['漢字']],
  ['\\p{^L}', 'a1', ['1']],
  ['\\P{L}', 'a1', ['1']],
  ['(?x) a b # comment', 'ab', ['ab']],
  ['(?#note)a', 'a', ['a']],
  ['(?<name>a)b', 'ab', ['ab']],
  ['😁+', '😁😁a', ['😁😁']],
  ['[😀-😎]', '😁a', ['😁']],
  ['\\bfoo\\b', 'foo foobar', ['foo']],
  ['', 'ab', ['', '', '']],
])('%j on %j', (source, text, expected) => {
  expect(all(source, text)).toEqual(expected)
})

test('Rust reads ^ and $ as the ends of the text', () => {
  expect(all('^.', 'ab\ncd', 'rust')).toEqual(['a'])
  expect(all('.$', 'ab\ncd', 'rust')).toEqual(['d'])
})

test.each([
  '(',
  ')',
  '[a',
  'a**b(',
  '*a',
  '\\p{Nope}',
  '[z-a]',
  '(?<=a+)b',
  '(?z)a',
  'a{5,2}',
  'a{9999}',
  '\\1',
  '\\xZZ',
  `${'('.repeat(500)}`,
])('the regular expression %j is refused', source => {
  expect(() => new Regex(source)).toThrow(TokenizerError)
})

test('a bad regular expression is told from a bad call', () => {
  expect(() => new Regex('(')).toThrow(TokenizerFormatError)
})

test.each(['(a+)+b', '(a|a)*b', '(a*)*b', '(?:a?){30}a{30}b', '(.*)(.*)(.*)(.*)(.*)c'])(
  'the catastrophic %j stops with an error instead of hanging',
  source => {
    expect(() => all(source, 'a'.repeat(5000))).toThrow(/too much/)
  },
)
