// Square f32 products from 256 to 2048 through the public API: inputs in memory, the result realized and thrown away; packing
// included. Other sizes: `pnpm bench matmul 300 512x64x1024`.

import { randn, realize, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { gemmLimitOn } from '../limits/threads.ts'
import { compare, measure } from '../measure.ts'
import { eachThreadCount, onThreads, settling } from '../wasm.ts'

export const description = 'f32 matmul 256 to 2048 against the micro-kernel limit, on one thread and on two'

const sizes = ['256', '512', '1024', '2048']
/** Products with all sizes from here on have to reach `target` of the limit. */
const [from, target] = [512, 0.7]

interface Product {
  readonly m: number
  readonly k: number
  readonly n: number
}

function productOf(text: string): Product {
  const [m, k = m, n = m] = text.split('x').map(Number)
  if (![m, k, n].every(size => Number.isInteger(size) && size! > 0))
    throw new Error(`matmul: '${text}' is neither a size (512) nor three (512x64x1024).`)
  return { m: m!, k: k!, n: n! }
}

export async function* run({ device, args }: BenchOptions): AsyncGenerator<Measurement> {
  const products = (args.length ? args : sizes).map(productOf)
  yield* eachThreadCount(device, async function* (threads) {
    const limit = threads ? await gemmLimitOn(threads) : undefined
    for (const { m, k, n } of products) {
      const [a, b] = [randn([m, k]), randn([k, n])]
      await own(a, b)
      const amount = 2 * m * k * n
      const multiply = async () => {
        using product = a.matmul(b)
        await realize(product)
      }
      const name = `${m} x ${k} x ${n}`
      if (!limit) {
        const { median, spread } = await measure(multiply)
        yield { name, value: amount / median / 1e9, unit: 'GFLOP/s', spread }
      } else {
        const {
          rate,
          limit: most,
          share,
          spread,
        } = await compare({ amount, run: multiply }, limit, { settle: settling(threads!) })
        yield {
          name: `${name}, ${onThreads(threads!)}`,
          value: rate / 1e9,
          unit: 'GFLOP/s',
          limit: { name: 'the micro-kernel limit', value: most / 1e9 },
          share,
          spread,
          ...(Math.min(m, k, n) >= from && { target }),
        }
      }
      for (const t of [a, b]) t[Symbol.dispose]()
    }
    await limit?.dispose()
  })
}

/** Gives tensors memory of their own, with their values in it. */
async function own(...tensors: Tensor[]): Promise<void> {
  for (const t of tensors) t.own()
  await realize(...tensors)
}
