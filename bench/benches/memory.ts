// Memory of training steps: its peak against parameters, gradients, optimizer state and the least that the intermediate values of the plans
// need (limits/plan-bytes.ts); and what checkpoints save and cost.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { GPT2, type GPT2Config } from '@cairn/models'
import { crossEntropy, Linear, type Module, ReLU, Sequential } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import { bytesInUse, defaultDevice, manualSeed, randint, randn, realize, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { liveBytes, plansMadeBy } from '../limits/plan-bytes.ts'
import { measure } from '../measure.ts'
import { eachThreadCount, threadCounts } from '../wasm.ts'

export const description = 'peak memory of training steps against a bound of its own, and what checkpoints save'

const mebibyte = 2 ** 20
/** The aims: a peak of at most 1.25 times the bound; half the activations for at most 1.35 times the time. */
const [mostPeak, mostTime] = [1.25, 1.35]

interface Work {
  readonly name: string
  start(): { readonly model: Module; readonly inputs: readonly Tensor[]; loss(): Tensor }
}

const mlp: Work = {
  name: 'MLP 784-256-10, batch 128',
  start() {
    const model = new Sequential(new Linear(784, 256), new ReLU(), new Linear(256, 10))
    const [images, labels] = [randn([128, 784]), randint(0, 10, [128])]
    return { model, inputs: [images, labels], loss: () => crossEntropy(model.forward(images), labels) }
  },
}

function gpt(name: string, batch: number, config: Omit<GPT2Config, 'vocabSize'>, checkpoint = false): Work {
  return {
    name,
    start() {
      const model = new GPT2({ vocabSize: 65, bias: false, ...config })
      const [ids, targets] = [0, 1].map(() => randint(0, 65, [batch, config.contextLength])) as [Tensor, Tensor]
      return { model, inputs: [ids, targets], loss: () => crossEntropy(model.forward(ids, { checkpoint }), targets) }
    },
  }
}

const small = { layers: 4, heads: 4, width: 128, contextLength: 64 }
const middle = { layers: 6, heads: 6, width: 384, contextLength: 256 }

/** Memory is measured once, with all threads. */
const skipped = (threads: number | undefined): boolean => threads === 1 && threadCounts.length > 1

interface Outcome {
  readonly peak: number
  readonly bound: number
  readonly live: number
  readonly seconds: number
}

/** What only the first step needed waits for the collector. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

async function train({ start }: Work, timed: boolean): Promise<Outcome> {
  manualSeed(1)
  const on = defaultDevice()
  const empty = bytesInUse(on)
  const { model, inputs, loss } = start()
  for (const t of inputs) t.own()
  const parameters = [...model.parameters()]
  await realize(...inputs, ...parameters)
  const opt = new AdamW(parameters, { lr: 1e-3 })
  let peak = 0
  const step = async () => {
    opt.zeroGrad()
    loss().backward()
    const done = opt.step()
    // handed over when it was called: everything a step needs is allocated now
    peak = Math.max(peak, bytesInUse(on) - empty)
    await done
  }
  const plans = await plansMadeBy(on, async () => {
    for (let i = 0; i < 3; i++) await step()
    await realize()
  })
  collectGarbage()
  // finalizers run in a task of their own
  await new Promise(resolve => setTimeout(resolve, 50))
  peak = 0
  const group = async () => {
    for (let i = 0; i < 2; i++) await step()
    await realize()
  }
  const { median } = await measure(
    group,
    timed ? { warmup: 1, runs: 5, seconds: 0 } : { warmup: 0, runs: 1, seconds: 0 },
  )
  const own = parameters.reduce((sum, p) => sum + 4 * p.size, 0)
  // the last one is that of every step from now on
  const live = Math.max(...plans.slice(-1).map(liveBytes))
  // AdamW keeps two moments
  const bound = 4 * own + live + inputs.reduce((sum, t) => sum + 4 * t.size, 0)
  for (const owner of [model, opt, ...inputs]) owner[Symbol.dispose]()
  return { peak, bound, live, seconds: median }
}

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  if (device === 'reference') throw new Error('memory: the reference device has no plans; try --device wasm.')
  const works = [
    mlp,
    gpt('GPT 4x4x128, block 64, batch 12', 12, small),
    gpt('GPT 6x6x384, block 256, batch 4', 4, middle),
  ]
  // a device of its own for each, so that none finds memory of the one before
  for (const work of works)
    yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
      if (skipped(threads)) return
      const { peak, bound } = await train(work, false)
      yield {
        name: work.name,
        value: peak / mebibyte,
        unit: 'MiB at the peak',
        limit: { name: 'parameters, gradients, state and live values', value: bound / mebibyte },
        target: 1 / mostPeak,
      }
    })
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    if (skipped(threads)) return
    const kept = await train(gpt('', 4, middle), true)
    const saved = await train(gpt('', 4, middle, true), true)
    const name = 'GPT 6x6x384 with checkpoints'
    yield {
      name,
      value: saved.live / mebibyte,
      unit: 'MiB of live values',
      limit: { name: 'half of those without', value: kept.live / 2 / mebibyte },
      target: 1,
    }
    yield {
      name,
      value: 1000 * saved.seconds,
      unit: 'ms/step',
      limit: { name: 'the step without', value: 1000 * kept.seconds },
      target: 1 / mostTime,
    }
  })
}
