import { describe, expect, test } from 'vitest'
import { TokenizerError } from '../errors.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { readShared, readSharedText, sharedData } from '../testing/shared-data.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { PreTokenizedText } from '../text/pre-tokenized.ts'
import { Tokenizer } from '../tokenizer.ts'
import { ggmlPreNames, ggmlPreTokenizer } from './ggml-pre.ts'
import { parseSentencePiece, writeSentencePiece } from './sentence-piece.ts'

test(`every name of tokenizer.ggml.pre cuts any text without losing a character (seed ${seed})`, () => {
  const next = random(seed)
  const texts = Array.from({ length: 30 }, () => fuzzString(next).toWellFormed())
  expect(ggmlPreNames().length).toBeGreaterThan(70)
  for (const name of ggmlPreNames()) {
    const { preTokenizer } = ggmlPreTokenizer(name)
    for (const text of texts) {
      const pieces = new PreTokenizedText(text === '' ? [] : [{ text: new AlignedText(text) }])
      preTokenizer.preTokenize(pieces)
      let at = 0
      for (const { text: piece } of pieces.pieces) {
        expect(piece.originalStart, `${name}: ${JSON.stringify(text)}`).toBe(at)
        at = piece.originalEnd
      }
      expect(at).toBe(text.length)
    }
  }
  expect(() => ggmlPreTokenizer('no-such')).toThrow(/llama-bpe/)
})

const cuts = (name: string, text: string) => {
  const pieces = new PreTokenizedText([{ text: new AlignedText(text) }])
  ggmlPreTokenizer(name).preTokenizer.preTokenize(pieces)
  return pieces.pieces.map(({ text: piece }) => text.slice(piece.originalStart, piece.originalEnd))
}

test.each([
  ['gpt-2', "it's 1234  ok", ['it', "'s", ' 1234', ' ', ' ok']],
  ['llama-bpe', "IT'S 1234\n\n  ok", ['IT', "'S", ' ', '123', '4', '\n\n', ' ', ' ok']],
  ['qwen2', 'a12', ['a', '1', '2']],
  ['starcoder', ' a12', [' a', '1', '2']],
  ['deepseek-v3', '1234 日本 x', ['123', '4', ' ', '日本', ' x']],
  ['gpt-4o', "HelloWorld it's", ['Hello', 'World', " it's"]],
  ['tekken', 'HelloWorld 12', ['Hello', 'World', ' ', '1', '2']],
  ['afmoe', '1234567', ['1', '234', '567']],
  ['tiny_aya', '1234567', ['1', '234', '567']],
  ['bloom', 'one two, 3', ['one', ' two', ',', ' 3']],
  ['falcon', 'x=1234', ['x', '=', '123', '4']],
  ['kimi-k2', '日本Hello', ['日本', 'Hello']],
  ['jais-2', `a${' '.repeat(7)}b`, ['a', '    ', '  ', ' b']],
])('%s cuts %j', (name, text, expected) => {
  expect(cuts(name, text)).toEqual(expected)
})

describe.skipIf(!sharedData)('files (need the shared data)', () => {
  const files: [string, () => Uint8Array, (bytes: Uint8Array) => Tokenizer][] = [
    [
      'tokenizer.json',
      () => readShared('tokenizers/bert-uncased/tokenizer.json.gz'),
      bytes => Tokenizer.fromJSON(JSON.parse(new TextDecoder().decode(bytes))),
    ],
    [
      'sentencepiece .model',
      () => readShared('tokenizers/sentencepiece/test_model.model'),
      bytes => Tokenizer.fromSentencePiece(bytes),
    ],
    ['GGUF', () => readShared('tokenizers/ggml-vocab/ggml-vocab-bert-bge.gguf.gz'), bytes => Tokenizer.fromGGUF(bytes)],
    ['llama2.c', () => readShared('models/stories260K/tok512.bin'), bytes => Tokenizer.fromLlama2c(bytes)],
  ]
  // The large files take some 50 ms a reading; the small ones are read more often. CAIRN_MUTATIONS raises the number.
  test.each(files)(
    `a damaged %s is read or refused, never anything else (seed ${seed})`,
    { timeout: 600_000 },
    (name, read, load) => {
      const next = random(seed)
      const whole = read()
      const rounds = Number(process.env.CAIRN_MUTATIONS ?? (whole.length > 200_000 ? 15 : 300))
      for (let round = 0; round < rounds; round++) {
        let bytes = Uint8Array.from(whole)
        const edits = 1 + Math.floor(next() * 3)
        // Most damage is done where lengths and counts are: near the start.
        const place = () => Math.floor(next() ** (next() < 0.5 ? 8 : 1) * bytes.length)
        for (let i = 0; i < edits; i++) {
          const kind = next()
          if (kind < 0.5) bytes[place()] = Math.floor(next() * 256)
          else if (kind < 0.7) bytes.fill(next() < 0.5 ? 0xff : 0x7f, place(), place() + 4)
          else if (kind < 0.85) bytes = bytes.slice(0, place())
          else bytes.copyWithin(place(), place(), place() + 50)
        }
        try {
          const tokenizer = load(bytes)
          tokenizer.decode(tokenizer.encode('Hello, world! 😁 123').ids)
        } catch (error) {
          const isTyped = error instanceof TokenizerError || (name === 'tokenizer.json' && error instanceof SyntaxError)
          if (!isTyped) throw error
        }
      }
    },
  )

  test('damaged rank files are refused with the line', () => {
    expect(() => Tokenizer.fromTiktoken('IQ== 0\nIg== x', { pattern: 'gpt2' })).toThrow(/line 2/)
    expect(() => Tokenizer.fromTiktoken('IQ== 0\n*** 1', { pattern: 'gpt2' })).toThrow(/line 2/)
    expect(() => Tokenizer.fromTiktoken('', { pattern: 'gpt2' })).toThrow(/no ranks/)
    expect(() => Tokenizer.fromTiktoken('IQ== -1', { pattern: 'gpt2' })).toThrow(/line 1/)
  })

  test('sentencepiece: written and read again it is the same', () => {
    const model = parseSentencePiece(readShared('tokenizers/sentencepiece/test_model.model'))
    const again = parseSentencePiece(writeSentencePiece(model))
    expect(again).toEqual({ ...model, normalizer: { ...model.normalizer, ...again.normalizer } })
    const a = Tokenizer.fromSentencePiece(writeSentencePiece(model))
    const b = Tokenizer.fromSentencePiece(readShared('tokenizers/sentencepiece/test_model.model'))
    expect(a.encode('Hello  world ﬁ').ids).toEqual(b.encode('Hello  world ﬁ').ids)
  })

  test(`sentencepiece: ids alone are those with offsets, and offsets stay in the text (seed ${seed})`, () => {
    const next = random(seed)
    for (const file of ['test_model', 'test_ja_model']) {
      const tokenizer = Tokenizer.fromSentencePiece(readShared(`tokenizers/sentencepiece/${file}.model`))
      for (let round = 0; round < 300; round++) {
        const text = fuzzString(next)
        const { ids, offsets } = tokenizer.encode(text)
        expect([...tokenizer.encodeIds(text)], JSON.stringify(text)).toEqual(ids)
        for (const [start, end] of offsets) expect(start <= end && end <= text.length).toBe(true)
      }
    }
  })

  test('vocab.txt gives what tokenizer.json gives', () => {
    const a = Tokenizer.fromVocabTxt(readSharedText('tokenizers/bert-uncased/vocab.txt.gz'))
    const b = Tokenizer.fromJSON(JSON.parse(readSharedText('tokenizers/bert-uncased/tokenizer.json.gz')))
    b.padding = null
    const text = 'Café au lait, 東京 [MASK]!'
    expect(a.encode(text, { allowedSpecial: 'all', pair: 'x' })).toEqual(
      b.encode(text, { allowedSpecial: 'all', pair: 'x' }),
    )
  })

  test('vocab.json and merges.txt give the ids of tiktoken', () => {
    const tokenizer = Tokenizer.fromVocabAndMerges(
      JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')),
      readSharedText('tokenizers/gpt2/vocab.bpe.gz'),
    )
    const { texts, ids } = JSON.parse(readSharedText('reference/tokenizers/tiktoken.json.gz'))
    texts.forEach((text: string, i: number) => expect([...tokenizer.encodeIds(text)]).toEqual(ids.gpt2[i]))
  })
})
