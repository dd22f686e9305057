// BERT's pipeline in one walk against its parts one after the other (which `encode` goes through).
import { expect, test } from 'vitest'
import { BertNormalizer } from '../normalizers/bert.ts'
import { BertPreTokenizer } from '../pretokenizers/bert.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { Tokenizer } from '../tokenizer.ts'
import { WordPiece } from './word-piece.ts'

const letters = 'abcdefghijklmnopqrstuvwxyzeéäабвгαβγςσあいうかがきアイウ中文日本語한국어!?.,#_-–。、0123456789ß'
const parts = [
  'the',
  '##he',
  'hell',
  '##o',
  '##or',
  'world',
  '##ld',
  '日',
  '##本',
  '##い',
  'àb',
  'The',
  'HELLO',
  '##\u0301',
  '\u0301',
  '##\u3099',
]
const vocab = [...new Set(['[UNK]', ...parts, ...letters, ...Array.from(letters, letter => `##${letter}`)])]

const options = [
  {},
  { lowercase: false },
  { stripAccents: false },
  { lowercase: false, stripAccents: true },
  { cleanText: false },
  { handleChineseChars: false },
  { cleanText: false, handleChineseChars: false, lowercase: false, stripAccents: false },
]

test.each(options)(`%j: ids and counts are those of the parts (seed ${seed})`, option => {
  const tokenizer = new Tokenizer({
    normalizer: new BertNormalizer(option),
    preTokenizer: new BertPreTokenizer(),
    model: new WordPiece({ vocab: vocab.map((token, id) => [token, id] as const), maxInputCharsPerWord: 80 }),
  })
  const next = random(seed)
  const check = (text: string) => {
    const { ids } = tokenizer.encode(text)
    expect([...tokenizer.encodeIds(text)], JSON.stringify(text)).toEqual(ids)
    expect(tokenizer.count(text), JSON.stringify(text)).toBe(ids.length)
  }
  // Words on both sides of what a cache keeps and of what the model takes, marks out of order across characters.
  for (const n of [63, 64, 65, 80, 81]) check(`x ${'a'.repeat(n)} ${'あ'.repeat(n)} ${'e\u0301'.repeat(n)}`)
  check('a\u0301\u0323b\u0323\u0301 中\u0301\u0323文 !\u0301 \u0301a が\u3099 \u1100\u1161 क\u093f\u0301 𝐀𠀀b')
  for (let i = 0; i < 1500; i++) check(fuzzString(next))
  // Every unit alone, between letters and behind a mark.
  for (let unit = 0; unit < 0xd800; unit += 1 + Math.floor(next() * 30)) {
    const char = String.fromCharCode(unit)
    check(`${char} a${char}b ${char}\u0323\u0301${char}`)
  }
})
