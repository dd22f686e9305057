// Attention in blocks against the same composed of two products and a softmax, forward and with its backward pass, in the same run.

import { scaledDotProductAttention } from '@cairn/nn'
import { arange, grad, randn, realize, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { gemmLimitOn } from '../limits/threads.ts'
import { compare } from '../measure.ts'
import { eachThreadCount, onThreads, settling } from '../wasm.ts'

export const description = 'attention forward and backward, against the composed form and the micro-kernel limit'

interface Shape {
  readonly batch: number
  readonly heads: number
  readonly length: number
  readonly width: number
  readonly causal: boolean
}

const shapes: readonly Shape[] = [
  { batch: 12, heads: 4, length: 64, width: 32, causal: true },
  { batch: 4, heads: 6, length: 256, width: 64, causal: true },
  { batch: 4, heads: 6, length: 256, width: 64, causal: false },
  { batch: 1, heads: 8, length: 1024, width: 64, causal: true },
  { batch: 1, heads: 8, length: 1024, width: 64, causal: false },
]
/** From here on blocks must not be slower. */
const long = 256

type Inputs = readonly [Tensor, Tensor, Tensor]

function composed([q, k, v]: Inputs, { length, width, causal }: Shape): Tensor {
  let scores = q.mul(1 / Math.sqrt(width)).matmul(k.transpose(-1, -2))
  if (causal) scores = scores.where(arange(0, length).le(arange(0, length).reshape([length, 1])), -1e30)
  return scores.softmax(-1).matmul(v)
}

/** What a model calls: in blocks, but for unmasked training whose scores are few. */
const blocked = ([q, k, v]: Inputs, { causal }: Shape): Tensor => scaledDotProductAttention(q, k, v, { causal })

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    const limit = threads ? await gemmLimitOn(threads, 10) : undefined
    for (const shape of shapes) {
      const { batch, heads, length, width, causal } = shape
      const inputs = [0, 1, 2].map(() => randn([batch, heads, length, width])) as unknown as Inputs
      const upper = randn([batch, heads, length, width])
      for (const t of inputs) t.requiresGrad = true
      upper.own()
      await realize(...inputs, upper)
      const once = (form: typeof blocked, backward: boolean) => async () => {
        const y = form(inputs, shape)
        const results = backward ? grad(y, inputs, { gradient: upper }) : [y]
        await realize(...results)
        for (const t of results) t[Symbol.dispose]()
      }
      for (const backward of [false, true]) {
        const title = `${batch}x${heads}x${length}x${width}${causal ? ' causal' : ''}${backward ? ', forward and backward' : ''}`
        const name = `${title}${threads ? `, ${onThreads(threads)}` : ''}`
        const settle = threads ? settling(threads) : 0
        const work = { amount: 1, run: once(blocked, backward) }
        const against = await compare(work, { amount: 1, run: once(composed, backward) }, { settle, seconds: 1 })
        yield {
          name,
          value: 1000 / against.rate,
          unit: 'ms',
          limit: { name: 'composed', value: 1000 / against.limit },
          share: against.share,
          spread: against.spread,
          // as fast, within the noise of two timings of one thing
          ...(length >= long && { target: 0.95 }),
        }
        if (!limit) continue
        // forward 2 products, backward 5, of which a causal mask leaves half
        const flops = ((backward ? 7 : 2) * 2 * batch * heads * length ** 2 * width) / (causal ? 2 : 1)
        const most = await compare({ amount: flops, run: work.run }, limit, { settle, seconds: 0.5 })
        yield {
          name,
          value: most.rate / 1e9,
          unit: 'GFLOP/s',
          limit: { name: 'the micro-kernel', value: most.limit / 1e9 },
          share: most.share,
          spread: most.spread,
        }
      }
      for (const t of [...inputs, upper]) t[Symbol.dispose]()
    }
    await limit?.dispose()
  })
}
