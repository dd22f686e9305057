// What the benches of softmax and layer norm share: an op over rows beside the same written by hand and beside a copy of the
// bytes, and the count of its kernels.

import { defaultDevice, fromBuffer, realize, statistics, type Tensor } from '@cairn/tensor'
import type { MemoryType } from '@cairn/wasm'
import type { BenchOptions, Measurement } from './bench.ts'
import { copyLimitModule } from './limits/copy-limit.ts'
import { type PlacedKernel, placeKernel } from './limits/kernel.ts'
import { compare, measure } from './measure.ts'
import { eachThreadCount, onThreads, settling } from './wasm.ts'

export const rows = 4096
export const columns = 768

export interface RowOp {
  readonly name: string
  /** Its inputs; the first is [rows, columns]. */
  readonly inputs: readonly Float32Array[]
  apply(...inputs: Tensor[]): Tensor
  /** The kernel written by hand; its parameters are the addresses of the inputs, of the result, and the number of columns. */
  print(memory: MemoryType): Uint8Array<ArrayBuffer>
}

/** The share of the hand-written kernel's speed that has to be reached. */
const target = 0.5

/** Values that differ from row to row and within one, without a generator. */
export const wave = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => 4 * Math.sin(i * i))

export async function* rowBench({ name, inputs, apply, print }: RowOp, { device }: BenchOptions) {
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    const tensors = inputs.map((values, i) => fromBuffer(values, i === 0 ? [rows, columns] : [columns]))
    const once = async () => {
      using result = apply(...tensors)
      await realize(result)
    }
    const title = `${name} [${rows}, ${columns}]${threads ? `, ${onThreads(threads)}` : ''}`
    const before = statistics(defaultDevice()).launches
    await once()
    const launches = statistics(defaultDevice()).launches - before
    if (device !== 'reference')
      yield { name: title, value: launches, unit: 'kernels', limit: { name: 'one', value: 1 }, target: 1 }
    if (!threads) {
      const { median, spread } = await measure(once)
      yield { name: title, value: median * 1000, unit: 'ms', spread }
    } else {
      const result = new Float32Array(rows * columns)
      const byHand = await placeKernel(print, threads, { buffers: [...inputs, result], words: [columns], grain: 16 })
      await agree(name, await valuesOf(apply(...tensors)), byHand, inputs.length)
      const beside = async (
        what: string,
        kernel: PlacedKernel,
        items: number,
        wanted?: number,
      ): Promise<Measurement> => {
        const limit = { amount: 1, run: () => kernel.run(items) }
        const {
          rate,
          limit: most,
          share,
          spread,
        } = await compare({ amount: 1, run: once }, limit, { settle: settling(threads!) })
        return {
          name: title,
          value: 1000 / rate,
          unit: 'ms',
          limit: { name: what, value: 1000 / most },
          share,
          spread,
          ...(wanted && { target: wanted }),
        }
      }
      yield await beside('the kernel written by hand', byHand, rows, target)
      await byHand.dispose()
      const copy = await placeKernel(copyLimitModule, threads, { buffers: [inputs[0]!, result], grain: 1024 })
      yield await beside('a copy', copy, (rows * columns * 4) / 64)
      await copy.dispose()
    }
    for (const t of tensors) t[Symbol.dispose]()
  })
}

async function valuesOf(t: Tensor): Promise<Float32Array> {
  using kept = t
  return (await kept.data()) as Float32Array
}

/** A yardstick that computes something else would measure nothing. */
async function agree(name: string, ours: Float32Array, kernel: PlacedKernel, buffer: number): Promise<void> {
  await kernel.run(rows)
  const theirs = kernel.values(buffer)
  let worst = 0
  for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!))
  if (!(worst < 1e-4)) throw new Error(`${name}: differs from the kernel written by hand by ${worst}`)
}
