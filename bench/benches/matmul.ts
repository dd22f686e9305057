// f32 products through the public API: inputs in memory, packing included, results realized and thrown away. A size is 512 or MxKxN;
// `48@64x32x64` is a batch of 48; `:bt` and `:at` store B or A transposed, as the products of a backward pass find them. Small products come
// several to a plan, which `jit` replays, so that what is timed is the product and not the host (`pnpm bench host` times that).

import { jit, randn, realize, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { readLimitModule } from '../limits/copy-limit.ts'
import { placeKernel } from '../limits/kernel.ts'
import { gemmLimitOn } from '../limits/threads.ts'
import { compare, measure, type Work } from '../measure.ts'
import { eachThreadCount, onThreads, settling } from '../wasm.ts'

export const description = 'f32 products of many shapes against the micro-kernel limit, on one thread and on two'

const shapes = [
  ['256', '256:bt', '256:at', '512', '1000', '1023', '1024', '1024:bt', '1024:at', '2048'],
  ['1024x384x1152', '1024x1152x384:bt', '384x1024x1152:at', '1024x1536x384', '384x1024x1536:at'],
  ['768x128x384', '768x384x128:bt', '128x768x384:at', '768x512x128', '512x768x128:at'],
  ['128', '64', '48@64x32x64', '48@64x64x32', '256@32'],
  ['1x2048x2048', '1x2048x2048:bt', '2048x2048x1'],
].flat()

interface Product {
  readonly text: string
  readonly batch: number
  readonly m: number
  readonly k: number
  readonly n: number
  readonly layout: 'AB' | "AB'" | "A'B"
}

function productOf(text: string): Product {
  const [, batch = '1', size = '', form] = /^(?:(\d+)@)?([\dx]+)(?::(at|bt))?$/.exec(text) ?? []
  const [m, k = m, n = m] = size.split('x').map(Number)
  if (![m, k, n, Number(batch)].every(value => Number.isInteger(value) && value! > 0))
    throw new Error(
      `matmul: '${text}' is no size (512), three (512x64x1024) or a batch (48@64x32x64), with :at or :bt.`,
    )
  const layout = form === 'at' ? "A'B" : form === 'bt' ? "AB'" : 'AB'
  return { text, batch: Number(batch), m: m!, k: k!, n: n!, layout }
}

/** Shares of the limit that a product of this kind can reach on one and on two threads: what was measured of whole products by hand. */
function barOf({ batch, m, k, n, layout }: Product): readonly [number, number] | undefined {
  const least = Math.min(m, k, n)
  const turned = layout === "A'B"
  if (batch > 1) return [0.6, 0.6]
  if (least === 1) return [0.8, 0.8]
  if (least >= 256) return turned ? [0.9, 0.82] : [0.92, 0.85]
  if (Math.max(m, k, n) >= 256 && least >= 128) return turned ? [0.88, 0.78] : [0.9, 0.8]
  if (least >= 128) return [0.85, 0.72]
  return least >= 64 ? [0.78, 0.5] : undefined
}

/** A plan does at least so many floating-point operations: 18 ms at the limit; of products with a vector 1 ms. */
const [planFlops, vectorFlops] = [1e9, 1.5e7]

export async function* run({ device, args }: BenchOptions): AsyncGenerator<Measurement> {
  const wanted = (args.length ? args : shapes).map(productOf)
  yield* eachThreadCount(device, async function* (threads) {
    const limit = threads ? await gemmLimitOn(threads) : undefined
    for (const product of wanted) {
      const { batch, m, k, n, layout } = product
      const one = 2 * batch * m * k * n
      const vector = Math.min(m, n) === 1
      const count = Math.ceil((vector ? vectorFlops : planFlops) / one)
      const stored = (rows: number, columns: number, turned: boolean): Tensor =>
        randn([...(batch > 1 ? [batch] : []), ...(turned ? [columns, rows] : [rows, columns])])
      const as = Array.from({ length: count }, () => stored(m, k, layout === "A'B"))
      const bs = Array.from({ length: vector ? count : 1 }, () => stored(k, n, layout === "AB'"))
      await own(...as, ...bs)
      const left = (a: Tensor): Tensor => (layout === "A'B" ? a.transpose(-1, -2) : a)
      const right = (b: Tensor): Tensor => (layout === "AB'" ? b.transpose(-1, -2) : b)
      const products = jit(() => as.map((a, i) => left(a).matmul(right(bs[i % bs.length]!))))
      const multiply = async () => {
        const results = products()
        // what was replayed is under way: this waits for it
        await realize()
        for (const result of results) result[Symbol.dispose]()
      }
      const name = `${batch > 1 ? `${batch} of ` : ''}${m} x ${k} x ${n} ${layout}`
      if (!limit) {
        const { median, spread } = await measure(multiply)
        yield { name, value: (one * count) / median / 1e9, unit: 'GFLOP/s', spread }
      } else if (vector)
        yield* againstMemory(name, count * 4 * (m * k + k * n + m * n), multiply, threads!, barOf(product))
      else {
        const {
          rate,
          limit: most,
          share,
          spread,
        } = await compare({ amount: one * count, run: multiply }, limit, {
          settle: settling(threads!),
        })
        const target = barOf(product)?.[threads! - 1]
        yield {
          name: `${name}, ${onThreads(threads!)}`,
          value: rate / 1e9,
          unit: 'GFLOP/s',
          limit: { name: 'the micro-kernel limit', value: most / 1e9 },
          share,
          spread,
          ...(target && { target }),
        }
      }
      for (const t of [...as, ...bs]) t[Symbol.dispose]()
    }
    await limit?.dispose()
  })
}

/** A matrix by a vector touches each element once: against reading as many bytes. */
async function* againstMemory(
  name: string,
  bytes: number,
  multiply: () => Promise<void>,
  threads: number,
  bar: readonly [number, number] | undefined,
): AsyncGenerator<Measurement> {
  const buffers = [new Float32Array(bytes / 4)]
  const read = await placeKernel(readLimitModule, threads, { buffers, grain: 1024, scratchBytes: 64 })
  const limit: Work = { amount: bytes, run: () => read.run(Math.floor(bytes / 64)) }
  const {
    rate,
    limit: most,
    share,
    spread,
  } = await compare({ amount: bytes, run: multiply }, limit, {
    settle: settling(threads),
  })
  const target = bar?.[threads - 1]
  yield {
    name: `${name}, ${onThreads(threads)}`,
    value: rate / 1e9,
    unit: 'GB/s',
    limit: { name: 'a read', value: most / 1e9 },
    share,
    spread,
    ...(target && { target }),
  }
  await read.dispose()
}

/** Gives tensors memory of their own, with their values in it. */
async function own(...tensors: Tensor[]): Promise<void> {
  for (const t of tensors) t.own()
  await realize(...tensors)
}
