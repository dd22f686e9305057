// Training against PyTorch: a small tied GPT, 20 steps of AdamW with clipping, every loss and gradient norm, and the weights at the end.
import { GPT2, type GPT2Config } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { AdamW, clipGradNorm, decayGroups } from '@cairn/optim'
import { setDefaultDevice, type Tensor, tensor } from '@cairn/tensor'
import { difference, tensorDifference } from '../compare.ts'
import { jsonFiles, numbersOf, readJson, type StoredTensor, tensorOf } from '../files.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = '20 training steps of a GPT against PyTorch: losses, gradient norms, final weights'
export const data = 'reference/torch'

type Weights = Record<string, StoredTensor>
interface Run {
  config: {
    vocab: number
    n_embd: number
    n_head: number
    n_layer: number
    block: number
    tied_lm_head: boolean
    act: string
    ln_eps: number
    optimizer: string
  }
  init: Weights
  first_step?: { logits?: StoredTensor; clipped_grads?: Weights }
  steps: { tokens: number[][]; loss: number; grad_norm: number }[]
  final: Weights
}

/** The file's short names for GPT-2's. Its linear layers are torch's, [out, in]. */
const publicName = (name: string): string => {
  const [first, layer, kind] = name.split('.')
  const block = /^h(\d+)$/.exec(first)
  const word = ({ w: 'weight', b: 'bias' } as Record<string, string>)[kind ?? layer ?? 'w']
  if (!block) return `transformer.${first === 'lnf' ? 'ln_f' : first}.${word}`
  const place = { ln1: 'ln_1', qkv: 'attn.c_attn', proj: 'attn.c_proj', ln2: 'ln_2', fc: 'mlp.c_fc', out: 'mlp.c_proj' }
  return `transformer.h.${block[1]}.${place[layer as keyof typeof place]}.${word}`
}
const isLinear = (name: string): boolean => /\.(qkv|proj|fc|out)\.w$/.test(name)

/** `AdamW lr 3e-3 betas .9,.95 eps 1e-8 wd .1 ...; clip_grad_norm 1.0` */
function settings(text: string) {
  const number = (key: string): number => {
    const found = new RegExp(`\\b${key}\\s+([\\d.]+(?:e[-+]?\\d+)?)`).exec(text)
    if (!found) throw new Error(`'${text}' does not say ${key}`)
    return Number(found[1])
  }
  const betas = /betas\s+([\d.]+),\s*([\d.]+)/.exec(text)
  if (!betas || !text.startsWith('AdamW')) throw new Error(`'${text}' is not understood`)
  return {
    lr: number('lr'),
    betas: [Number(betas[1]), Number(betas[2])] as const,
    eps: number('eps'),
    weightDecay: number('wd'),
    clip: number('clip_grad_norm'),
  }
}

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only) throw new Error(`--only ${only}: this suite has no groups`)
  await setDefaultDevice(device)
  for (const file of jsonFiles(path)) {
    const given = readJson(file) as Partial<Run>
    if (given.steps && given.init && given.config) yield* train(given as Run)
  }
}

async function* train({ config, init, first_step, steps, final }: Run): AsyncIterable<CaseResult> {
  const result = (name: string, problem: string | null): CaseResult =>
    problem ? { name, status: 'failed', error: problem } : { name, status: 'passed' }
  const shape: GPT2Config = {
    vocabSize: config.vocab,
    contextLength: config.block,
    width: config.n_embd,
    layers: config.n_layer,
    heads: config.n_head,
    activation: config.act.includes('tanh') ? 'geluTanh' : 'gelu',
    normEps: config.ln_eps,
    tied: config.tied_lm_head,
  }
  const weights = new Map(Object.entries(init).map(([name, stored]) => [publicName(name), tensorOf(stored)]))
  const model = (await GPT2.fromWeights(shape, weights)).train()
  const state = model.stateDict()
  const { clip, weightDecay, ...options } = settings(config.optimizer)
  const opt = new AdamW(decayGroups(model.parameters(), weightDecay), options)
  /** A tensor of the model as the file has it. */
  const asFiled = (name: string, t: Tensor): Tensor => (isLinear(name) ? t.transpose(0, 1) : t)

  for (const [i, { tokens, loss: wantedLoss, grad_norm }] of steps.entries()) {
    const all = tensor(tokens, { dtype: 'i32' })
    const logits = model.forward(all.slice(null, [0, -1])).keep()
    const loss = crossEntropy(logits, all.slice(null, [1, null]))
    opt.zeroGrad()
    loss.backward()
    const norm = clipGradNorm(model.parameters(), clip)
    await opt.step()
    if (i === 0 && first_step?.logits) {
      const { logits: wanted } = first_step
      yield result(
        'first logits',
        await tensorDifference(logits.reshape(wanted.shape), wanted, { absolute: 1e-4, relative: 0 }),
      )
    }
    if (i === 0)
      for (const [name, wanted] of Object.entries(first_step?.clipped_grads ?? {})) {
        const grad = state.get(publicName(name))?.grad
        const near = { absolute: 1e-5, relative: 1e-3 }
        yield result(
          `first gradient of ${name}`,
          grad ? await tensorDifference(asFiled(name, grad), wanted, near) : 'there is none',
        )
      }
    const lossProblem = difference([await loss.item()], [wantedLoss], { absolute: 1e-4, relative: 0 })
    yield result(`loss of step ${i + 1}`, lossProblem)
    const normProblem = difference([await norm.item()], [grad_norm], { absolute: 0, relative: 1e-3 })
    yield result(`gradient norm of step ${i + 1}`, normProblem)
  }
  for (const [name, wanted] of Object.entries(final)) {
    const t = state.get(publicName(name))
    if (!t) {
      yield result(`final ${name}`, 'it is not there')
      continue
    }
    const [got, want] = [await asFiled(name, t).numbers(), numbersOf(wanted)]
    const near = { absolute: 1e-4, relative: 0 }
    if (!/\.qkv\.b$/.test(name)) {
      yield result(`final ${name}`, difference(got, want, near))
      continue
    }
    // A key's bias adds the same to all scores of a query, so softmax cancels it and its gradient is exactly 0. What reaches Adam
    // is the rounding error of the sum, 1e-10 or so, which it scales up to steps of up to lr: torch's own values are such noise.
    const keys = (values: readonly number[]) => values.slice(config.n_embd, 2 * config.n_embd)
    const others = (values: readonly number[]) => values.filter((_, i) => Math.floor(i / config.n_embd) !== 1)
    yield result(`final ${name}, queries and values`, difference(others(got), others(want), near))
    const noise = { absolute: options.lr, relative: 0 }
    yield result(`final ${name}, keys (rounding noise)`, difference(keys(got), keys(want), noise))
  }
}
