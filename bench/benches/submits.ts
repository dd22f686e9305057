// What a training step of GPT-2 124M costs a GPU in counts, which need no card: kernels, command buffers handed over, bytes moved, barriers. Kernels are
// chosen as for a card; on a software device they are only counted unless `run` says that they run too.

import { GPT2 } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import { bytesInUse, disposeDevice, manualSeed, randint, realize, setDefaultDevice, statistics } from '@cairn/tensor'
import { ensureWebGPU } from '../../tools/webgpu.ts'
import type { BenchOptions, Measurement } from '../bench.ts'
import { countDispatches, deviceOf } from '../gpu/dispatches.ts'
import { bytesMoved, plansOf } from '../limits/plan-bytes.ts'

export const description = 'kernels, submits, bytes and barriers of a training step of GPT-2 124M on WebGPU'

const shape = { vocabSize: 50257, layers: 12, heads: 12, width: 768, contextLength: 64 }
const mostSubmits = 20
/** Steps before the one that is counted: the first ones make state and plans. */
const warmup = 3

export async function* run({ device, args }: BenchOptions): AsyncGenerator<Measurement> {
  const block = Number(args.find(a => /^\d+$/.test(a)) ?? shape.contextLength)
  const runs = args.includes('run')
  if (device !== 'webgpu') await ensureWebGPU()
  await setDefaultDevice('webgpu', { software: false })
  const gpu = await deviceOf()
  using dispatches = countDispatches(gpu, { run: runs })
  manualSeed(1)
  const model = new GPT2({ ...shape, contextLength: block })
  const opt = new AdamW(model.parameters(), { lr: 1e-4 })
  const [ids, targets] = [randint(0, shape.vocabSize, [1, block]), randint(0, shape.vocabSize, [1, block])]
  for (const t of [ids, targets]) t.own()
  await realize(ids, targets, ...model.parameters())
  const step = async (): Promise<void> => {
    opt.zeroGrad()
    crossEntropy(model.forward(ids), targets).backward()
    await opt.step()
  }
  for (let i = 0; i < warmup; i++) await step()
  const before = statistics('webgpu')
  dispatches.reset()
  await step()
  const after = statistics('webgpu')
  if (after.plansCompiled !== before.plansCompiled) throw new Error('submits: the counted step compiled a plan')
  const title = `GPT-2 124M, block ${block}, batch 1${runs ? '' : ', counted only'}`
  const parameters = model.parameters().reduce((n, p) => n + p.size, 0)
  yield { name: title, value: parameters / 1e6, unit: 'million parameters' }
  yield { name: title, value: after.launches - before.launches, unit: 'kernels/step' }
  yield {
    name: title,
    value: after.submits - before.submits,
    unit: 'submits/step',
    limit: { name: 'the most allowed', value: mostSubmits },
    target: 1,
  }
  // the plan of every step from now on is the last one
  const plan = plansOf('webgpu').at(-1)!
  yield { name: title, value: bytesMoved(plan) / 2 ** 20, unit: 'MiB moved/step' }
  yield { name: title, value: bytesInUse('webgpu') / 2 ** 20, unit: 'MiB in use' }
  const { rows, barriers, kernels } = dispatches.barriers()
  yield { name: `${title}: row kernels`, value: kernels, unit: 'kernels' }
  yield {
    name: `${title}: barriers in them, by their rows`,
    value: barriers / Math.max(1, rows),
    unit: 'barriers/row',
    limit: { name: 'one a row', value: 1 },
    target: 1,
  }
  for (const owner of [model, opt, ids, targets]) owner[Symbol.dispose]()
  await disposeDevice('webgpu')
}
