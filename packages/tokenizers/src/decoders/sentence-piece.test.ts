// What spm_decode makes of some ids; `trainers/sentence-piece.test.ts` compares any ids with it where it is installed.
import { expect, test } from 'vitest'
import { pieceTypes } from '../formats/sentence-piece.ts'
import { Tokenizer } from '../tokenizer.ts'

const pieces = [
  ['<unk>', pieceTypes.unknown],
  ['<s>', pieceTypes.control],
  ['\u2581', pieceTypes.normal],
  ['\u2581cat', pieceTypes.normal],
  ['a', pieceTypes.normal],
  ['<0x20>', pieceTypes.byte],
  ['<0x41>', pieceTypes.byte],
  ['<0xC3>', pieceTypes.byte],
  ['<0xA9>', pieceTypes.byte],
  ['<0xED>', pieceTypes.byte],
  ['<0xFF>', pieceTypes.byte],
] as const

const tokenizerOf = (normalizer: { addDummyPrefix: boolean; removeExtraWhitespaces: boolean }) =>
  Tokenizer.fromSentencePiece({
    pieces: pieces.map(([piece, type]) => ({ piece, type, score: 0 })),
    modelType: 'bpe',
    byteFallback: true,
    unkSurface: ' \u2047 ',
    normalizer,
  })

const cases: [tokens: string, dummyPrefix: string, both: string, neither?: string][] = [
  ['<unk> a', ' \u2047 a', ' \u2047 a'],
  ['\u2581 <unk>', ' \u2047 ', ' \u2047 ', '  \u2047 '],
  ['\u2581cat \u2581cat', 'cat cat', 'cat cat', ' cat cat'],
  ['<s> \u2581 \u2581 \u2581cat', '  cat', 'cat', '   cat'],
  ['<0x20> \u2581cat', '  cat', '  cat'],
  ['a <0xC3> <0xA9> <0x41>', 'a\u00e9A', 'a\u00e9A'],
  ['<0x41> <0xFF> <0xC3> <0x41>', 'A\ufffd\ufffdA', 'A\ufffd\ufffdA'],
  ['<0xC3> <s> <0xA9> <0xED> <0xA9>', '\ufffd\ufffd\ufffd\ufffd', '\ufffd\ufffd\ufffd\ufffd'],
]

test.each(cases)('%s', (tokens, dummyPrefix, both, neither = dummyPrefix) => {
  for (const [expected, addDummyPrefix, removeExtraWhitespaces] of [
    [dummyPrefix, true, false],
    [both, true, true],
    [both, false, true],
    [neither, false, false],
  ] as const) {
    const tokenizer = tokenizerOf({ addDummyPrefix, removeExtraWhitespaces })
    const ids = tokens.split(' ').map(token => tokenizer.tokenToId(token)!)
    expect(tokenizer.decode(ids)).toBe(expected)
    const stream = tokenizer.decodeStream()
    expect(ids.map(id => stream.push(id)).join('') + stream.end()).toBe(expected)
  }
})

test('a character comes with its last byte, and what is none as soon as that is known', () => {
  const tokenizer = tokenizerOf({ addDummyPrefix: true, removeExtraWhitespaces: true })
  const stream = tokenizer.decodeStream()
  const pushed = ['<0x41>', '<0xC3>', '<0xA9>', '<0xED>', '<0xA9>', 'a'].map(token => stream.push(tokenizer.tokenToId(token)!)) // biome-ignore format: a line
  expect(pushed).toEqual(['A', '', '\u00e9', '', '\ufffd\ufffd', 'a'])
})

test('written out as tokenizer.json it is the nearest sequence', () => {
  const tokenizer = tokenizerOf({ addDummyPrefix: true, removeExtraWhitespaces: true })
  const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)))
  const ids = ['\u2581cat', '<0xC3>', '<0xA9>', '\u2581cat'].map(token => tokenizer.tokenToId(token)!)
  expect(again.decode(ids)).toBe('cat\u00e9 cat')
  expect(tokenizer.decode(ids)).toBe('cat\u00e9 cat')
})
