// Files that mean harm: any value of a tokenizer.json replaced by another, damaged rank files and models, expressions that
// other engines hang on. Each is read or refused with a typed error. CAIRN_MUTATIONS sets how many; `pnpm test:slow` raises it.
import { describe, expect, test } from 'vitest'
import { TokenizerError } from '../errors.ts'
import { tokenizerConfigs } from '../testing/configs.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { readShared, sharedData } from '../testing/shared-data.ts'
import { Tokenizer } from '../tokenizer.ts'
import { trainSentencePiece } from '../trainers/sentence-piece.ts'
import { writeSentencePiece } from './sentence-piece.ts'

const ROUNDS = Number(process.env.CAIRN_MUTATIONS ?? 300)

/** Expressions that backtrack without end, or unfold without end. */
const expressions = [
  '(a+)+$', '(a|a)*b', '(.*)*x', '((a{1,100}){1,100}){1,100}', '(?:(?:\\s+)+)+!', '(\\w*)*\\1', '\\p{L}{1000000000}', '(a?){50}a{50}',
  '(?=(?=(?=(a+)+)+)+)', '[a-z', '(?<!a+)b', 'a{2147483648}', '(', '\\', '*', '(?<n>a)\\k<n>', '\\p{Nonsense}', '^(([a-z])+.)+[A-Z]([a-z])+$',
  '(((((((((((((((((((('.repeat(500), '(?:'.repeat(5000) + ')'.repeat(5000), '|'.repeat(5000), 'a*'.repeat(3000),
] // biome-ignore format: a table reads better in rows

const hostile: readonly unknown[] = [
  null, true, false, -1, 0, 1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 31), 1e308, '', 'a', ' ', '\0', '\ud800', '<0x00>', '##', '▁', 'BPE', 'Regex',
  [], {}, [[]], [null], [['a']], [['a', 1, 2]], ['a b'], [['a', 'b']], [['a', 'b'], ['a', 'b']], { a: -1 }, { a: 1, b: 1 }, { type: 'Sequence' },
  { type: 'Sequence', normalizers: [{ type: 'Sequence', normalizers: [] }] }, { __proto__: null }, 'x'.repeat(100_000),
  ...expressions, ...expressions.map(Regex => ({ Regex })), { String: '' }, { Fixed: 2 ** 40 }, { Fixed: 3 },
] // biome-ignore format: likewise

type Node = Record<string, unknown>

/** Replaces one value somewhere, mostly where the vocabulary is not. Returns what puts it back. */
function mutate(json: Node, next: () => number): () => void {
  const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)]
  let node = json
  while (true) {
    const keys = Object.keys(node)
    const small = keys.filter(key => key !== 'vocab' && key !== 'merges')
    const key = pick(next() < 0.9 && small.length > 0 ? small : keys)
    const value = node[key]
    const isNode = typeof value === 'object' && value !== null && Object.keys(value).length > 0
    if (isNode && next() < 0.8) {
      node = value as Node
      continue
    }
    if (Array.isArray(node) && next() < 0.2) {
      // A member twice: duplicate merges, duplicate added tokens.
      node.push(value)
      return () => (node as unknown as unknown[]).pop()
    }
    if (next() < 0.1 && !Array.isArray(node)) delete node[key]
    else node[key] = pick(hostile)
    return () => {
      node[key] = value
    }
  }
}

function loadOrRefuse(load: () => Tokenizer, text: string): void {
  try {
    const tokenizer = load()
    const { ids } = tokenizer.encode(text, { allowedSpecial: 'all' })
    tokenizer.decode(ids)
    tokenizer.count(text)
    JSON.stringify(tokenizer)
  } catch (error) {
    if (!(error instanceof TokenizerError)) throw error
  }
}

describe.skipIf(!sharedData)('tokenizer.json with a value replaced (needs the shared data)', () => {
  const configs = sharedData ? tokenizerConfigs() : {}
  // Large vocabularies take half a second each to load and write: most rounds take the small ones.
  const all = Object.keys(configs)
  const small = all.filter(name => name.startsWith('small') || name.startsWith('uni'))
  test(`${ROUNDS} files (seed ${seed})`, { timeout: 3_600_000 }, () => {
    const next = random(seed)
    for (let round = 0; round < ROUNDS; round++) {
      const names = ROUNDS > 300 && next() < 0.05 ? all : small
      const name = names[Math.floor(next() * names.length)]
      const json = configs[name]
      const undo = [mutate(json, next)]
      if (next() < 0.3) undo.push(mutate(json, next))
      try {
        loadOrRefuse(() => Tokenizer.fromJSON(json), `${fuzzString(next)} ${'a'.repeat(60)}!`)
      } catch (error) {
        throw new Error(`${name}, round ${round}: ${String(error)}`, { cause: error })
      } finally {
        for (const back of undo.reverse()) back()
      }
    }
  })
})

test.each(expressions.map(text => [text.slice(0, 30), text]))('the expression %s is matched or refused', (_, regex) => {
  const json = {
    pre_tokenizer: { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
    model: { type: 'WordLevel', vocab: { '[UNK]': 0 }, unk_token: '[UNK]' },
  }
  for (const text of ['a'.repeat(5000), `${'a'.repeat(100)}!`, ' '.repeat(5000), 'ab'.repeat(2000)]) {
    loadOrRefuse(() => Tokenizer.fromJSON(json), text)
  }
})

test(`damaged rank files and sentencepiece models of each type (seed ${seed})`, { timeout: 3_600_000 }, async () => {
  const next = random(seed)
  const text = 'the cat sat on the mat\na bat spat at the rat\nthe hat of the cat'
  const ranks = `${Array.from({ length: 256 }, (_, b) => `${btoa(String.fromCharCode(b))} ${b}`).join('\n')}\ndGg= 256\ndGhl 257\n`
  const files: [(bytes: Uint8Array) => Tokenizer, Uint8Array][] = [
    [bytes => Tokenizer.fromTiktoken(bytes, { pattern: 'gpt2' }), new TextEncoder().encode(ranks)],
  ]
  for (const modelType of ['unigram', 'bpe', 'word', 'char'] as const) {
    const model = await trainSentencePiece(text, {
      modelType,
      vocabSize: 300,
      byteFallback: true,
      characterCoverage: 1,
    })
    files.push([bytes => Tokenizer.fromSentencePiece(bytes), writeSentencePiece(model)])
  }
  for (let round = 0; round < ROUNDS; round++) {
    const [load, whole] = files[round % files.length]
    const bytes = damaged(whole, next)
    loadOrRefuse(() => load(bytes), 'the cat 😁\u0000 sat')
  }
})

/** Some bytes wrong, far too large, missing or moved; near the start, where the lengths are, more often. */
function damaged(whole: Uint8Array, next: () => number): Uint8Array {
  let bytes = Uint8Array.from(whole)
  const place = () => Math.floor(next() * (next() < 0.5 ? bytes.length : Math.min(bytes.length, 2000)))
  for (let edits = 1 + Math.floor(next() * 3); edits > 0; edits--) {
    const kind = next()
    const at = place()
    if (kind < 0.5) bytes[at] = Math.floor(next() * 256)
    else if (kind < 0.65) bytes.fill(next() < 0.5 ? 0xff : 0x7f, at, at + 4)
    else if (kind < 0.8) bytes = bytes.slice(0, at)
    else bytes.copyWithin(place(), at, at + 50)
  }
  return bytes
}

// Real files take long to load, so they get fewer rounds.
const REAL_ROUNDS = Math.ceil(ROUNDS / (ROUNDS > 300 ? 10 : 60))
const model = (bytes: Uint8Array) => Tokenizer.fromSentencePiece(bytes)
const gguf = (bytes: Uint8Array) => Tokenizer.fromGGUF(bytes)
const utf8 = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe.skipIf(!sharedData)('files that people use, damaged (needs the shared data)', () => {
  test.each<[path: string, load: (bytes: Uint8Array) => Tokenizer]>([
    ['sentencepiece/test_model.model', model],
    ['sentencepiece/test_ja_model.model', model],
    ['ggml-vocab/ggml-vocab-gpt-2.gguf.gz', gguf],
    ['ggml-vocab/ggml-vocab-phi-3.gguf.gz', gguf],
    ['ggml-vocab/ggml-vocab-bert-bge.gguf.gz', gguf],
    ['bert-uncased/vocab.txt.gz', bytes => Tokenizer.fromVocabTxt(utf8(bytes))],
  ])(`%s (seed ${seed})`, { timeout: 3_600_000 }, (path, load) => {
    const next = random(seed)
    const whole = readShared(`tokenizers/${path}`)
    for (let round = 0; round < REAL_ROUNDS; round++) {
      const bytes = damaged(whole, next)
      try {
        loadOrRefuse(() => load(bytes), 'the cat 😁\u0000 sat')
      } catch (error) {
        throw new Error(`round ${round}: ${String(error)}`, { cause: error })
      }
    }
  })
})

test('what cannot be is refused by name', () => {
  const model = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] }
  const bad = (change: object) => () => Tokenizer.fromJSON({ model: { ...model, ...change } })
  expect(bad({ vocab: { a: -1 } })).toThrow(/model\.vocab\["a"\]/)
  expect(bad({ vocab: { a: 2 ** 31 } })).toThrow(/token id/)
  expect(bad({ vocab: { a: 0, b: 2 ** 31 - 1 } })).toThrow(/ids near the vocabulary's size/)
  expect(bad({ merges: [['a', 'c']] })).toThrow(/merges\[0\]/)
  expect(bad({ dropout: 2 })).toThrow(/dropout/)
  expect(() => Tokenizer.fromJSON({ model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 5 } })).toThrow(/unk_id/)
})
