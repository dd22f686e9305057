// minGPT's gpt-nano, trained to sort six digits: every activation of one batch under its name, and all 729 inputs sorted.
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GPT2, type GPT2Config } from '@cairn/models'
import { scaledDotProductAttention } from '@cairn/nn'
import { arange, cat, noGrad, setDefaultDevice, type Tensor, tensor } from '@cairn/tensor'
import { tensorDifference } from '../compare.ts'
import { readJson, type StoredTensor, tensorOf } from '../files.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = "minGPT's sorter: every activation of one batch, and 729 of 729 inputs sorted"
export const data = 'models/gpt-nano-sort'

interface Config {
  n_layer: number
  n_head: number
  n_embd: number
  vocab_size: number
  block_size: number
}
type File = { config: Config } & Record<string, StoredTensor>

const within = { absolute: 1e-4, relative: 1e-4 }

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only) throw new Error(`--only ${only}: this suite has no groups`)
  await setDefaultDevice(device)
  const folder = statSync(path).isDirectory() ? path : dirname(path)
  const file = (name: string) => {
    const plain = join(folder, `gpt-nano-sort-${name}.json`)
    return readJson(existsSync(plain) ? plain : `${plain}.gz`) as File
  }
  const { config, ...weights } = file('model')
  const shape: GPT2Config = {
    vocabSize: config.vocab_size,
    contextLength: config.block_size,
    width: config.n_embd,
    layers: config.n_layer,
    heads: config.n_head,
    activation: 'geluTanh',
    tied: false,
  }
  const tensors = new Map(Object.entries(weights).map(([name, stored]) => [name, tensorOf(stored)]))
  using model = await GPT2.fromWeights(shape, tensors)

  const { config: _, idx, ...partials } = file('t0-partials')
  const ids = tensorOf(idx).to('i32')
  const computed = noGrad(() => activations(model, ids))
  for (const [name, stored] of Object.entries(partials)) {
    const t = computed[name]
    const problem = t ? await tensorDifference(t, stored, within) : 'there is no such activation'
    yield problem ? { name, status: 'failed', error: problem } : { name, status: 'passed' }
  }
  const right = await sorted(model, config.vocab_size, (config.block_size + 1) / 2)
  yield right.of === right.count
    ? { name: `sorts ${right.count} of ${right.of} inputs`, status: 'passed' }
    : { name: 'sorting', status: 'failed', error: `sorts ${right.count} of ${right.of} inputs` }
}

/** The forward pass by minGPT's names; those of the inside of a block are of the first. */
function activations(model: GPT2, ids: Tensor): Record<string, Tensor> {
  const { transformer } = model
  const [B, T] = ids.shape
  const tok_emb = transformer.wte.forward(ids)
  const pos_emb = transformer.wpe.weight.narrow(0, 0, T).unsqueeze(0)
  const x = tok_emb.add(pos_emb)
  const block = transformer.h[0]
  const { heads: H, width: C } = model.config

  const ln1 = block.ln_1.forward(x)
  const qkv = block.attn.c_attn.forward(ln1)
  const [q, k, v] = qkv.split(C, 2).map(t => t.reshape([B, T, H, C / H]).permute([0, 2, 1, 3]))
  const later = arange(T).gt(arange(T).unsqueeze(1))
  const att = q
    .matmul(k.transpose(-1, -2))
    .mul(1 / Math.sqrt(C / H))
    .maskedFill(later, -Infinity)
  const y = scaledDotProductAttention(q, k, v, { causal: true }).permute([0, 2, 1, 3]).reshape([B, T, C])
  const yProj = block.attn.c_proj.forward(y)
  const attnResid = x.add(yProj)
  const ln2 = block.ln_2.forward(attnResid)
  const fc = block.mlp.c_fc.forward(ln2)
  const gelu = fc.gelu({ approximate: 'tanh' })
  const mlp = block.mlp.c_proj.forward(gelu)
  const inside = { tok_emb, pos_emb, x, ln1, qkv, q, k, v, att, attSm: att.softmax(-1), y, yProj, attnResid }

  const blocks: Record<string, Tensor> = {}
  let state = x
  transformer.h.forEach((each, i) => {
    state = each.forward(state, i)
    blocks[`block${i}`] = state
  })
  const lm_head = model.forward(ids)
  const outside = { ln_f: transformer.ln_f.forward(state), lm_head, probs: lm_head.softmax(-1) }
  return { ...inside, ln2, fc, gelu, mlp, mlpResid: attnResid.add(mlp), ...blocks, ...outside }
}

/** Feeds every sequence of `length` digits and takes the most likely digit `length` times. */
async function sorted(model: GPT2, digits: number, length: number): Promise<{ count: number; of: number }> {
  const of = digits ** length
  const inputs = Array.from({ length: of }, (_, n) =>
    Array.from({ length }, (_, i) => Math.floor(n / digits ** i) % digits),
  )
  using cache = model.createCache(of, 2 * length)
  const written: Tensor[] = []
  let next = tensor(inputs, { dtype: 'i32' })
  for (let i = 0; i < length; i++) {
    const unread = next
    const logits = noGrad(() => model.forward(unread, { cache }))
    next = logits.narrow(1, unread.shape[1] - 1, 1).argmax(-1) // [inputs, 1]
    written.push(next.keep())
  }
  const results = (await cat(written, 1).toArray()) as number[][]
  const wanted = inputs.map(row => [...row].sort((a, b) => a - b).join())
  return { count: results.filter((row, n) => row.join() === wanted[n]).length, of }
}
