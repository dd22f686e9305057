// Five megabytes each of English, Japanese and source code for the bench of tokenizers, the same on every machine. Their second
// and third thirds are of other sources or sentences than the first, on which the encoders are warmed up.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { findSharedData } from '../conformance/shared-data.ts'

const BYTES = 5_000_000

/** The text of a file in `shared/data`, unpacked; '' where there is none. */
export function shared(path: string): string {
  const file = findSharedData(path)
  if (!file) return ''
  const bytes = readFileSync(file)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

const lines = (text: string): string[] => text.split('\n').filter(line => line !== '')

const cut = (text: string): string =>
  Buffer.from(text)
    .subarray(0, BYTES)
    .toString('utf8')
    .replace(/\ufffd$/, '')

/** Plays and a novel, a dictionary, verses, then sentences of an encyclopedia, each once. */
export function english(): string {
  const books = shared('lm/tinyshakespeare.txt.gz') + shared('tokenizers/sentencepiece/botchan.txt.gz')
  const entries = lines(shared('lm/devils_dictionary.jsonl.gz')).map(line => JSON.parse(line).text as string)
  const verses = lines(shared('lm/kjv_poetic_books.tsv.gz')).map(line => line.split('\t')[2]!)
  const sentences = new Set<string>()
  for (const set of ['dev', 'test']) {
    for (const line of lines(shared(`factcheck/fm2/${set}.jsonl.gz`))) {
      const { gold_evidence, retrieved_evidence } = JSON.parse(line) as Record<string, { text: string }[]>
      for (const { text } of [...gold_evidence!, ...retrieved_evidence!]) sentences.add(text)
    }
  }
  return cut([books, ...entries, ...verses, ...sentences].join('\n'))
}

/** The compiler's own source, as it is published: JavaScript with comments. */
export function code(): string {
  const compiler = createRequire(import.meta.url).resolve('typescript')
  return cut(readFileSync(compiler, 'utf8'))
}

/**
 * Sentences drawn by a chain of third order over the characters of a thousand sentences, a declaration and the compiler's
 * messages in Japanese: there is not enough Japanese text here, and repeating it would let encoders remember it.
 */
export function japanese(): string {
  const pairs = lines(shared('translation/tatoeba1000/eng-jpn.tsv.gz')).map(line => line.split('\t')[1]!)
  const compiler = createRequire(import.meta.url).resolve('typescript')
  const messages = JSON.parse(
    readFileSync(join(dirname(compiler), 'ja', 'diagnosticMessages.generated.json'), 'utf8'),
  ) as Record<string, string>
  if (pairs.length === 0) return ''
  const followers = new Map<string, string[]>()
  const END = '\n'
  // Sentences are few beside messages, and more like what people write.
  const sentences = [...pairs, ...pairs, ...pairs, ...Object.values(messages)]
  for (const sentence of sentences) {
    let state = END
    for (const char of [...sentence, END]) {
      const next = followers.get(state)
      if (next) next.push(char)
      else followers.set(state, [char])
      state = [...state, char].slice(-3).join('')
    }
  }
  let seed = 1
  const random = (): number => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const parts: string[] = []
  for (let size = 0; size < BYTES; ) {
    let state = END
    while (true) {
      const next = followers.get(state)!
      const char = next[Math.floor(random() * next.length)]!
      parts.push(char)
      size += Buffer.byteLength(char)
      if (char === END) break
      state = [...state, char].slice(-3).join('')
    }
  }
  return cut(parts.join(''))
}

/**
 * Texts of `bytes` in all: English, code and Japanese again and again, each line a text, one letter of the words changed
 * here and there, so that new words keep coming as they do in a corpus of that size.
 */
export function* corpus(bytes: number): Iterable<string> {
  const sources = [english(), code(), japanese()].map(lines)
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return Math.floor(((seed >>> 8) / 2 ** 24) * below)
  }
  const changed = (word: string): string => {
    if (random(50) > 0) return word
    const at = random(word.length)
    return word.slice(0, at) + String.fromCharCode(97 + random(26)) + word.slice(at + 1)
  }
  for (let size = 0, round = 0; size < bytes; round++) {
    for (const source of sources) {
      for (const line of source) {
        const text = round === 0 ? line : line.replace(/[a-z]{4,}/g, changed)
        size += Buffer.byteLength(text) + 1
        yield `${text}\n`
        if (size >= bytes) return
      }
    }
  }
}
