// Elementwise chains and a sum over 4M values: one pass over memory each, so a copy or a bare read of the bytes is the limit.

import { defaultDevice, fromBuffer, realize, statistics, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { copyLimitModule } from '../limits/copy-limit.ts'
import { placeKernel } from '../limits/kernel.ts'
import { compare, measure } from '../measure.ts'
import { wave } from '../rows.ts'
import { eachThreadCount, onThreads, settling } from '../wasm.ts'

export const description = 'gelu(x * a + b), add and sum of 4M f32 values against the rate of a copy'

const count = 1 << 22

interface Chain {
  readonly name: string
  readonly apply: (x: Tensor, a: Tensor, b: Tensor) => Tensor
  /** arrays of `count` values read and written */
  readonly arrays: number
}

const chains: readonly Chain[] = [
  { name: 'gelu(x * a + b)', apply: (x, a, b) => x.mul(a).add(b).gelu({ approximate: 'tanh' }), arrays: 4 },
  { name: 'x + a', apply: (x, a) => x.add(a), arrays: 3 },
  { name: 'sum(x)', apply: x => x.sum(), arrays: 1 },
]

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  yield* eachThreadCount(device, async function* (threads) {
    const values = wave(count)
    const [x, a, b] = [0, 1, 2].map(() => fromBuffer(values, [count])) as [Tensor, Tensor, Tensor]
    const buffers = [values, new Float32Array(count)]
    const copy = threads ? await placeKernel(copyLimitModule, threads, { buffers, grain: 1024 }) : undefined
    for (const { name, apply, arrays } of chains) {
      const once = async () => {
        using result = apply(x, a, b)
        await realize(result)
      }
      const title = `${name}${threads ? `, ${onThreads(threads)}` : ''}`
      const before = statistics(defaultDevice()).launches
      await once()
      const launches = statistics(defaultDevice()).launches - before
      if (device !== 'reference') yield { name: title, value: launches, unit: 'kernels' }
      const bytes = 4 * count * arrays
      if (!copy) {
        const { median, spread } = await measure(once)
        yield { name: title, value: median * 1000, unit: 'ms', spread }
      } else {
        const limit = { amount: 8 * count, run: () => copy.run(count / 16) }
        const {
          rate,
          limit: most,
          share,
          spread,
        } = await compare({ amount: bytes, run: once }, limit, { settle: settling(threads!) })
        const [value, least] = [rate, most].map(r => (1000 * bytes) / r) as [number, number]
        yield { name: title, value, unit: 'ms', limit: { name: 'copying as many bytes', value: least }, share, spread }
      }
    }
    await copy?.dispose()
    for (const t of [x, a, b]) t[Symbol.dispose]()
  })
}
