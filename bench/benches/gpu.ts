// Cairn on a graphics card, for whoever has one: what the card does at its best, and what share of that products, kernels bound by memory, decoding and a
// training step of GPT-2 124M reach: first as templates are guessed, then as `tune()` has chosen them on the card, in the same run. `untuned` leaves the second
// half out. `small` shrinks everything, so that the bench itself can be tried on a software device: its shares say nothing and meet no target, and
// only `tuned` tunes there, since compiling takes long.

import { GPT2 } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import {
  disposeDevice,
  manualSeed,
  randint,
  randn,
  realize,
  setDefaultDevice,
  statistics,
  type Tensor,
  tune,
} from '@cairn/tensor'
import { ensureWebGPU } from '../../tools/webgpu.ts'
import type { BenchOptions, Measurement } from '../bench.ts'
import { deviceOf } from '../gpu/dispatches.ts'
import { copyLimit, flopsLimit, type GpuLimit } from '../gpu/limits.ts'
import { measure } from '../measure.ts'

export const description = 'shares of a card that products, memory-bound kernels, decoding and GPT-2 124M reach'

interface Sizes {
  readonly product: number
  /** rows of 768 */
  readonly rows: number
  readonly decode: number
  readonly gpt: { vocabSize: number; layers: number; heads: number; width: number; contextLength: number }
  readonly batch: number
  /** workgroups and turns of the loop of multiply-adds */
  readonly peak: readonly [number, number]
  /** megabytes that are copied */
  readonly copy: number
  readonly seconds: number
}

const gpt2 = { vocabSize: 50257, layers: 12, heads: 12, width: 768, contextLength: 1024 }
const full: Sizes = {
  product: 4096,
  rows: 65_536,
  decode: 4096,
  gpt: gpt2,
  batch: 8,
  peak: [8192, 512],
  copy: 256,
  seconds: 1,
}
const small: Sizes = {
  product: 96,
  rows: 64,
  decode: 128,
  gpt: { vocabSize: 65, layers: 2, heads: 2, width: 32, contextLength: 16 },
  batch: 1,
  peak: [4, 16],
  copy: 1,
  seconds: 0.05,
}
/** Runs between two waits. */
const group = 8

/** The aims, as shares of what was measured. */
const aims = { product: 0.6, halfProduct: 1.7, memory: 0.85, decode: 0.8, training: 0.45 }

/** Runs `once` in groups; gives amounts a second. */
async function rate(amount: number, seconds: number, once: () => Tensor | Promise<void>): Promise<number> {
  const { median } = await measure(
    async () => {
      for (let i = 0; i < group; i++) {
        const made = once()
        if (made instanceof Promise) await made
        else {
          void realize(made)
          made[Symbol.dispose]()
        }
      }
      await realize()
    },
    { seconds, warmup: 2 },
  )
  return (amount * group) / median
}

async function limitRate(made: Promise<GpuLimit>, seconds: number): Promise<number> {
  using limit = await made
  const { median } = await measure(() => limit.run(group), { seconds, warmup: 2 })
  return (limit.amount * group) / median
}

const memoryBound: readonly (readonly [string, number, (x: Tensor, y: Tensor) => Tensor])[] = [
  ['x + y', 3, (x, y) => x.add(y)],
  ['gelu(x * y + x)', 3, (x, y) => x.mul(y).add(x).gelu({ approximate: 'tanh' })],
  ['softmax', 2, x => x.softmax(-1)],
  ['sum of all', 1, x => x.sum()],
  ['sums of columns', 1, x => x.sum(0)],
  ['sums of rows', 1, x => x.sum(1)],
]

export async function* run({ device, args }: BenchOptions): AsyncGenerator<Measurement> {
  const tiny = args.includes('small')
  const sizes = tiny ? small : full
  if (device !== 'webgpu') await ensureWebGPU()
  // what was kept from another day would make the untuned half tuned
  await setDefaultDevice('webgpu', { tuningCache: false })
  const gpu = await deviceOf()
  const { seconds } = sizes

  const peak = await limitRate(flopsLimit(gpu, 'f32', ...sizes.peak), seconds)
  yield { name: 'multiply-adds in registers, f32', value: peak / giga, unit: 'GFLOP/s' }
  if (gpu.features.has('shader-f16')) {
    const half = await limitRate(flopsLimit(gpu, 'f16', ...sizes.peak), seconds)
    yield { name: 'multiply-adds in registers, f16', value: half / giga, unit: 'GFLOP/s' }
  }
  const copy = await limitRate(copyLimit(gpu, sizes.copy * 2 ** 20), seconds)
  yield { name: `copy of ${sizes.copy} MiB`, value: copy / giga, unit: 'GB/s' }
  const [ofPeak, ofCopy]: [Limit, Limit] = [
    { name: 'the peak of f32', value: peak / giga },
    { name: 'the copy', value: copy / giga },
  ]

  const tunes = args.includes('tuned') || !(tiny || args.includes('untuned'))
  // of what is measured twice, the aims are for the second time
  yield* shares(sizes, { ofPeak, ofCopy, label: tunes ? ', untuned' : '', aims: tiny || tunes ? null : aims })
  if (tunes) {
    const start = performance.now()
    const tuned = await tune()
    yield { name: `tuning of ${tuned.length} classes of kernels`, value: (performance.now() - start) / 1000, unit: 's' }
    for (const { class: name, choice, untuned, milliseconds } of tuned)
      if (milliseconds < untuned)
        yield { name: `${name}: ${choice}`, value: untuned / milliseconds, unit: 'times as fast' }
    yield* shares(sizes, { ofPeak, ofCopy, label: ', tuned', aims: tiny ? null : aims })
  }
  await disposeDevice('webgpu')
}

interface Limit {
  name: string
  value: number
}

interface Against {
  ofPeak: Limit
  ofCopy: Limit
  /** what is put behind each name */
  label: string
  aims: typeof aims | null
}

const giga = 1e9

/** Products, kernels bound by memory, decoding, training. What they run stays compiled, so that it can be tuned. */
async function* shares(sizes: Sizes, { ofPeak, ofCopy, label, aims }: Against): AsyncGenerator<Measurement> {
  const { seconds } = sizes
  const aim = (of: 'product' | 'halfProduct' | 'memory' | 'decode' | 'training'): { target?: number } =>
    aims ? { target: aims[of] } : {}
  manualSeed(1)
  const n = sizes.product
  const products: number[] = []
  for (const dtype of ['f32', 'f16'] as const) {
    const [a, b] = [randn([n, n]).to(dtype), randn([n, n]).to(dtype)]
    for (const t of [a, b]) t.own()
    await realize(a, b)
    const value = (await rate(2 * n ** 3, seconds, () => a.matmul(b))) / giga
    products.push(value)
    const limit = dtype === 'f32' ? ofPeak : { name: 'that of f32', value: products[0]! }
    const target = dtype === 'f32' ? 'product' : 'halfProduct'
    yield { name: `product ${n}, ${dtype}${label}`, value, unit: 'GFLOP/s', limit, ...aim(target) }
    for (const t of [a, b]) t[Symbol.dispose]()
  }

  const [x, y] = [randn([sizes.rows, 768]), randn([sizes.rows, 768])]
  for (const t of [x, y]) t.own()
  await realize(x, y)
  for (const [name, passes, apply] of memoryBound) {
    const value = (await rate(passes * 4 * x.size, seconds, () => apply(x, y))) / giga
    yield { name: `${name} [${sizes.rows}, 768]${label}`, value, unit: 'GB/s', limit: ofCopy, ...aim('memory') }
  }
  for (const t of [x, y]) t[Symbol.dispose]()

  const d = sizes.decode
  const [w, v] = [randn([d, d]), randn([1, d])]
  for (const t of [w, v]) t.own()
  await realize(w, v)
  for (const [name, apply] of [
    ['v w', () => v.matmul(w)],
    ['v w^T', () => v.matmul(w.transpose(0, 1))],
  ] as const) {
    const value = (await rate(4 * (d * d + 2 * d), seconds, apply)) / giga
    yield { name: `decoding: ${name}, ${d}${label}`, value, unit: 'GB/s', limit: ofCopy, ...aim('decode') }
  }
  for (const t of [w, v]) t[Symbol.dispose]()

  const { gpt, batch } = sizes
  const model = new GPT2(gpt)
  const opt = new AdamW(model.parameters(), { lr: 1e-4 })
  const shape = [batch, gpt.contextLength]
  const [ids, targets] = [randint(0, gpt.vocabSize, shape), randint(0, gpt.vocabSize, shape)]
  for (const t of [ids, targets]) t.own()
  await realize(ids, targets)
  const step = async (): Promise<void> => {
    opt.zeroGrad()
    crossEntropy(model.forward(ids), targets).backward()
    await opt.step()
  }
  for (let i = 0; i < 3; i++) await step()
  const before = statistics('webgpu')
  await step()
  const after = statistics('webgpu')
  const tokens = batch * gpt.contextLength
  const forward =
    gpt.layers * (24 * tokens * gpt.width ** 2 + 4 * tokens * gpt.contextLength * gpt.width) +
    2 * tokens * gpt.width * gpt.vocabSize
  const name = `GPT-2 ${gpt.layers}x${gpt.heads}x${gpt.width}, ${tokens} tokens, training step${label}`
  const trained = (await rate(3 * forward, seconds, step)) / giga
  yield { name, value: trained, unit: 'GFLOP/s', limit: ofPeak, ...aim('training') }
  yield { name, value: after.launches - before.launches, unit: 'kernels/step' }
  yield { name, value: after.submits - before.submits, unit: 'submits/step' }
  for (const owner of [model, opt, ids, targets]) owner[Symbol.dispose]()
}
