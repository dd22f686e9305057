// Sums down the columns (gradients of biases, statistics of a batch): each byte is read once, so a bare read of as many is the limit.

import { fromBuffer, realize } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { readLimitModule } from '../limits/copy-limit.ts'
import { placeKernel } from '../limits/kernel.ts'
import { compare, measure } from '../measure.ts'
import { columns, rows, wave } from '../rows.ts'
import { eachThreadCount, onThreads, settling } from '../wasm.ts'

export const description = 'sums of [4096, 768] down the columns against a read of as many bytes'

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    const values = wave(rows * columns)
    const x = fromBuffer(values, [rows, columns])
    const once = async () => {
      using result = x.sum(0)
      await realize(result)
    }
    const name = `sum of [${rows}, ${columns}] down the columns${threads ? `, ${onThreads(threads)}` : ''}`
    if (!threads) {
      const { median, spread } = await measure(once)
      yield { name, value: median * 1000, unit: 'ms', spread }
    } else {
      const read = await placeKernel(readLimitModule, threads, { buffers: [values], scratchBytes: 16, grain: 1024 })
      const amount = values.byteLength
      const limit = { amount, run: () => read.run(amount / 64) }
      const found = await compare({ amount, run: once }, limit, { settle: settling(threads) })
      const [value, least] = [found.rate, found.limit].map(rate => (1000 * amount) / rate) as [number, number]
      const { share, spread } = found
      yield { name, value, unit: 'ms', limit: { name: 'reading as many bytes', value: least }, share, spread }
      await read.dispose()
    }
    x[Symbol.dispose]()
  })
}
