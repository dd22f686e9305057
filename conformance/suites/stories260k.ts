// A real pretrained Llama (llama2.c's stories260K, in the Hugging Face layout) against run.c: ids, logits, and what it writes, letter by letter.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { generate, generateIds, Llama, sample } from '@cairn/models'
import { noGrad, setDefaultDevice, tensor } from '@cairn/tensor'
import { Tokenizer } from '@cairn/tokenizers'
import { largest } from '../compare.ts'
import { hasFile, readBytes, readJson } from '../files.ts'
import { findSharedData } from '../shared-data.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = 'a pretrained Llama against llama2.c: token ids, logits, greedy and sampled text'
export const data = 'reference/stories260K'

interface Cases {
  vocab: number
  cases: {
    prompt: string
    prompt_ids: number[]
    greedy_ids: number[]
    logits_offset_rows: number
    logits_rows: number
  }[]
}

const within = { f32: 1e-3, bf16: 0.15 }
/** run.c ends a text at <s>. */
const begin = 1

/** The model's folder: beside the cases, else the one in shared/data. */
function modelFolder(path: string): string {
  const places = [path, join(path, '../../models/stories260K')]
  const found = places.find(folder => hasFile(join(folder, 'model.safetensors')))
  const folder = found ?? findSharedData('models/stories260K')
  if (!folder) throw new Error('the model is not here: models/stories260K')
  return folder
}

const load = (folder: string, weights: string): Promise<Llama> =>
  Llama.fromPretrained({
    'config.json': readBytes(join(folder, 'config.json')),
    'model.safetensors': readBytes(join(folder, weights)),
  })

/** The generator of run.c: xorshift*, its upper 32 bits as 24-bit fractions. */
function xorshift(seed: number): () => number {
  let state = BigInt(seed)
  const mask = (1n << 64n) - 1n
  return () => {
    state ^= state >> 12n
    state = (state ^ (state << 25n)) & mask
    state ^= state >> 27n
    return Number((((state * 0x2545f4914f6cdd1dn) & mask) >> 32n) >> 8n) / 2 ** 24
  }
}

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only) throw new Error(`--only ${only}: this suite has no groups`)
  await setDefaultDevice(device)
  const { vocab, cases } = readJson(join(path, 'cases.json')) as Cases
  const bytes = readBytes(join(path, 'logits.f32'))
  const logits = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const folder = modelFolder(path)
  const tokenizer = Tokenizer.fromLlama2c(readBytes(join(folder, 'tok512.bin')))
  const result = (name: string, problem: string | null): CaseResult =>
    problem ? { name, status: 'failed', error: problem } : { name, status: 'passed' }

  for (const [dtype, file] of [
    ['f32', 'model.safetensors'],
    ['bf16', 'model.bf16.safetensors'],
  ] as const) {
    if (!hasFile(join(folder, file))) {
      yield { name: `${dtype} weights`, status: 'skipped', error: `${file} is not there` }
      continue
    }
    using model = await load(folder, file)
    for (const c of cases) {
      const ids = [...c.prompt_ids, ...c.greedy_ids].slice(0, c.logits_rows)
      const got = await noGrad(() => model.forward(tensor([ids], { dtype: 'i32' }))).data()
      const from = c.logits_offset_rows * vocab
      const most = largest(got as Float32Array, logits.subarray(from, from + ids.length * vocab))
      const problem = most <= within[dtype] ? null : `they differ by ${most}, ${within[dtype]} is allowed`
      yield result(`logits of ${JSON.stringify(c.prompt)} from ${dtype} weights`, problem)
    }
    if (dtype === 'f32') yield* writing(model, tokenizer, cases, path, result)
  }
}

async function* writing(
  model: Llama,
  tokenizer: Tokenizer,
  cases: Cases['cases'],
  path: string,
  result: (name: string, problem: string | null) => CaseResult,
): AsyncIterable<CaseResult> {
  const list = (ids: readonly number[]) => `[${ids.join(', ')}]`
  for (const c of cases) {
    const name = JSON.stringify(c.prompt)
    // run.c encodes no text at all as <s> alone, without the space that it puts before others.
    const ids = c.prompt === '' ? [begin] : Array.from(tokenizer.encode(c.prompt).ids)
    yield result(
      `ids of ${name}`,
      list(ids) === list(c.prompt_ids) ? null : `${list(ids)}, wanted ${list(c.prompt_ids)}`,
    )
    const options = { temperature: 0, maxNewTokens: c.greedy_ids.length, eosTokenIds: [begin] }
    const written: number[] = []
    for await (const id of generateIds(model, c.prompt_ids, options)) written.push(id)
    const same = list(written) === list(c.greedy_ids)
    yield result(`greedy ids after ${name}`, same ? null : `${list(written)}, wanted ${list(c.greedy_ids)}`)
  }

  const expected = (file: string) => new TextDecoder().decode(readBytes(join(path, file))).replace(/\n$/, '')
  const compare = (text: string, wanted: string): string | null => {
    if (text === wanted) return null
    const at = [...wanted].findIndex((c, i) => text[i] !== c)
    return `differs at ${at}: ${JSON.stringify(text.slice(at, at + 40))}, wanted ${JSON.stringify(wanted.slice(at, at + 40))}`
  }
  const fromBegin = {
    encode: () => ({ ids: [begin] }),
    decodeStream: (options: Parameters<Tokenizer['decodeStream']>[0]) => tokenizer.decodeStream(options),
  } as unknown as Tokenizer
  const greedy = 'expected_greedy_257.txt'
  if (existsSync(join(path, greedy))) {
    let text = ''
    const options = { temperature: 0, maxNewTokens: 257, eosTokenIds: [begin] }
    for await (const piece of generate(model, fromBegin, '', options)) text += piece
    yield result('greedy text of 257 tokens', compare(text, expected(greedy)))
  }
  const sampled = 'expected_t1.0_p0.9_seed133742.txt'
  if (existsSync(join(path, sampled))) {
    const text = await sampledText(model, tokenizer, 256, xorshift(133742))
    yield result('sampled text, top-p 0.9', compare(text, expected(sampled)))
  }
}

/** What run.c writes with its own random numbers. */
async function sampledText(model: Llama, tokenizer: Tokenizer, steps: number, uniform: () => number): Promise<string> {
  using cache = model.createCache(1, steps)
  const stream = tokenizer.decodeStream({ prompt: [begin] })
  let text = ''
  let id = begin
  for (let i = 0; i < steps; i++) {
    const logits = noGrad(() => model.forward(tensor([[id]], { dtype: 'i32' }), { cache }))
    id = sample((await logits.data()) as Float32Array, { temperature: 1, topP: 0.9 }, uniform)
    if (id === begin) break
    text += stream.push(id)
  }
  return text + stream.end()
}
