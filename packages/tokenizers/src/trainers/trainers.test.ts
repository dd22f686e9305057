import { expect, test } from 'vitest'
import { ByteLevelDecoder } from '../decoders/byte-level.ts'
import { BPE } from '../models/bpe.ts'
import { Unigram } from '../models/unigram.ts'
import { WordLevel } from '../models/word-level.ts'
import { WordPiece } from '../models/word-piece.ts'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { Metaspace } from '../pretokenizers/metaspace.ts'
import { WhitespaceSplit } from '../pretokenizers/whitespace-split.ts'
import { readSharedText, sharedData } from '../testing/shared-data.ts'
import { Tokenizer } from '../tokenizer.ts'
import { ByteTrainer, CharacterTrainer } from './alphabet-trainers.ts'
import { digamma, UnigramTrainer } from './unigram.ts'
import { WordLevelTrainer } from './word-level.ts'
import { WordPieceTrainer } from './word-piece.ts'

const words = new Map([
  ['low', 5],
  ['lower', 2],
  ['newest', 6],
  ['widest', 3],
])

test('WordLevel takes the most frequent words, ties in order of code points', () => {
  const counts = new Map([...words, ['\ud83d\ude00', 3], ['\uff5e', 3]])
  const model = new WordLevelTrainer({ vocabSize: 6, specialTokens: ['<unk>'] }).train(counts)
  expect([...model.vocab()].map(([token]) => token)).toEqual([
    '<unk>',
    'newest',
    'low',
    'widest',
    '\uff5e',
    '\ud83d\ude00',
  ])
  expect(model.tokenize('none')[0].id).toBe(0)
})

test('WordPiece makes the tokens that BPE merges to, and encodes by the longest', () => {
  const model = new WordPieceTrainer({ vocabSize: 40, specialTokens: ['[UNK]'] }).train(words)
  expect(model).toBeInstanceOf(WordPiece)
  const tokens = [...model.vocab()].map(([token]) => token)
  expect(tokens[0]).toBe('[UNK]')
  expect(tokens).toContain('##est')
  for (const word of words.keys()) {
    const pieces = model.tokenize(word).map(token => token.value.replace('##', ''))
    expect(pieces.join('')).toBe(word)
  }
})

test('Unigram: a vocabulary of the size asked for, all characters in it, text that comes back', async () => {
  const text = 'the cat sat on the mat, then the rat sat on the hat while the, bat spat at the cat'
  const blank = new Tokenizer({ model: new Unigram(), preTokenizer: new Metaspace() })
  const tokenizer = await blank.trainNew([text, text], new UnigramTrainer({ vocabSize: 30, characterCoverage: 1 }))
  const model = tokenizer.model as Unigram
  expect(model.vocabSize).toBeLessThanOrEqual(30)
  for (const char of new Set(text.replaceAll(' ', ''))) expect(model.tokenToId(char)).toBeDefined()
  expect(tokenizer.encode(text).tokens.join('').replaceAll('\u2581', ' ').trim()).toBe(text)
  expect(tokenizer.encode('the').length).toBeLessThan(3)
  // Probabilities of the best cuts fall, and each cut spells the text.
  const cuts = model.nbest('\u2581the', 3)
  expect(cuts.length).toBeGreaterThanOrEqual(2)
  expect(cuts[0].score).toBeGreaterThanOrEqual(cuts[1].score)
  for (const { tokens } of cuts) expect(tokens.map(token => token.value).join('')).toBe('\u2581the')
})

test('digamma, against its known values', () => {
  expect(digamma(1)).toBeCloseTo(-0.5772156649, 8)
  expect(digamma(0.5)).toBeCloseTo(-1.963510026, 8)
  expect(digamma(100)).toBeCloseTo(4.6001618527, 8)
})

test.skipIf(!sharedData)('a new tokenizer from an old one keeps its parts (needs the shared data)', async () => {
  const old = Tokenizer.fromVocabTxt(readSharedText('tokenizers/bert-uncased/vocab.txt.gz'))
  const text = readSharedText('lm/tinyshakespeare.txt.gz').slice(0, 20_000)
  const fresh = await old.trainNew(text.split('\n'), new WordPieceTrainer({ vocabSize: 500, specialTokens: ['[UNK]'] }))
  expect(fresh.vocabSize).toBe(500)
  expect(fresh.normalizer).toBe(old.normalizer)
  expect(fresh.encode('First Citizen', { addSpecialTokens: false }).tokens[0]).toBe('first')
})

test('WordLevel in a pipeline', async () => {
  const blank = new Tokenizer({ model: new WordLevel(), preTokenizer: new WhitespaceSplit() })
  const tokenizer = await blank.trainNew('b a b', new WordLevelTrainer({ specialTokens: ['<unk>'] }))
  expect(tokenizer.encode('a b c').ids).toEqual([2, 1, 0])
})

test('characters and bytes as tokens: any text comes back, also through tokenizer.json', async () => {
  const blank = new Tokenizer({ model: new BPE() })
  const chars = await blank.trainNew(
    ['abba', 'é😀'],
    new CharacterTrainer({ unkToken: '<unk>', specialTokens: ['<s>'] }),
  )
  expect([...chars.model.vocab()].map(([token]) => token)).toEqual(['<unk>', '<s>', 'a', 'b', 'é', '😀'])
  expect(chars.encode('ab😀z').ids).toEqual([2, 3, 5, 0])
  const two = await blank.trainNew('aaabbc', new CharacterTrainer({ vocabSize: 2 }))
  expect([...two.model.vocab()].map(([token]) => token)).toEqual(['a', 'b'])
  const preTokenizer = new ByteLevel({ addPrefixSpace: false, useRegex: false })
  const bytes = await new Tokenizer({ model: new BPE(), preTokenizer, decoder: new ByteLevelDecoder() }).trainNew(
    '',
    new ByteTrainer({ specialTokens: ['<s>'] }),
  )
  expect(bytes.vocabSize).toBe(257)
  const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(bytes)))
  const text = 'a é 日本 😀\n'
  expect(again.encode(text).length).toBe(new TextEncoder().encode(text).length)
  expect(again.decode(again.encode(text).ids)).toBe(text)
})

test('a stream is learnt from as the texts in it are, text by text, and progress is told', async () => {
  const texts = Array.from({ length: 500 }, (_, i) => `line ${i % 7} of the stream ${'ab'.repeat(i % 5)}`)
  let alive = 0
  async function* stream() {
    for (const text of texts) {
      alive++
      yield text
    }
  }
  const stages = new Set<string>()
  let counted = 0
  const options = {
    vocabSize: 300,
    onProgress: ({ stage, done }: { stage: string; done: number }) => {
      stages.add(stage)
      if (stage === 'count') {
        counted = done
        // No text is taken before the one before it is done with.
        expect(alive - done).toBeLessThanOrEqual(1)
      }
    },
  }
  const streamed = await Tokenizer.train(stream(), options)
  expect(streamed.toJSON()).toEqual((await Tokenizer.train(texts, { vocabSize: 300 })).toJSON())
  expect(counted).toBe(500)
  expect([...stages]).toEqual(['count', 'train'])
})
