// What callers write before they have read a page: each is a TokenizerError that says what is wrong.
import { expect, test } from 'vitest'
import { Tokenizer, TokenizerError } from './index.ts'

// as JavaScript: what the types refuse is tried, too
type Untyped = Record<string, (...args: unknown[]) => unknown>
const tokenizer = (await Tokenizer.train('hello world', { vocabSize: 260 })) as unknown as Untyped
const train = Tokenizer.train as unknown as (...args: unknown[]) => Promise<unknown>

const mistakes: [string, () => unknown, string][] = [
  ['a number to encode', () => tokenizer.encode(5), 'encode: needs a string, got number'],
  ['nothing to encode', () => tokenizer.encode(), 'encode: needs a string, got undefined'],
  ['texts to encode', () => tokenizer.encode(['a', 'b']), 'encode: needs a string, got an array; use encodeBatch for several'],
  ['null for ids', () => tokenizer.encodeIds(null), 'encodeIds: needs a string, got null'],
  ['a number to count', () => tokenizer.count(5), 'count: needs a string, got number'],
  ['text to decode', () => tokenizer.decode('hello'), 'decode: ids are integers from 0, got h'],
  ['a fraction to decode', () => tokenizer.decode([1.5]), 'decode: ids are integers from 0, got 1.5'],
  ['a size that is no number', () => train('abc', { vocabSize: Number.NaN }), 'train: vocabSize is an integer from 1 up, not NaN'],
  ['no texts', () => train(undefined), 'train: needs a text, texts or a stream of them, got undefined'],
  ['a number for texts', () => train(5), 'train: needs a text, texts or a stream of them, got number'],
  ['numbers among texts', () => train(['a', 5]), 'train: needs a string, got number'],
] // biome-ignore format: one mistake a line
test.each(mistakes)('%s', async (_, run, message) => {
  const thrown: unknown = await Promise.resolve()
    .then(run)
    .catch(error => error)
  expect(thrown).toBeInstanceOf(TokenizerError)
  expect((thrown as Error).message).toContain(message)
})
