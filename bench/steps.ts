// Whole training steps against their arithmetic: forward, backward and optimizer as a program writes them, beside the time that
// their matrix products alone would take at the micro-kernel limit. Everything else a step does counts as loss.

import { bytesInUse, defaultDevice, realize, statistics } from '@cairn/tensor'
import type { BenchOptions, Measurement } from './bench.ts'
import { gemmLimitOn } from './limits/threads.ts'
import { compare, measure } from './measure.ts'
import { eachThreadCount, onThreads, settling } from './wasm.ts'

export interface Training {
  readonly name: string
  /** floating-point operations of the matrix products of one step, forward and backward */
  readonly flops: number
  /** Makes model, data and optimizer on the default device. */
  start(): Promise<Run>
}

export interface Run {
  /** One step, as a training loop awaits it. */
  step(): Promise<void>
  [Symbol.dispose](): void
}

/** A run of several steps takes about this long, so that the plans in flight at its end weigh little. */
const groupSeconds = 0.4

export async function* stepBench(trainings: readonly Training[], { device }: BenchOptions) {
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    const limit = threads ? await gemmLimitOn(threads, 40) : undefined
    for (const { name, flops, start } of trainings) {
      using run = await start()
      const group = (count: number) => async () => {
        for (let i = 0; i < count; i++) await run.step()
        await realize()
      }
      await group(5)()
      const { median: first } = await measure(group(1), { warmup: 0, runs: 3, seconds: 0 })
      const count = Math.max(1, Math.round(groupSeconds / first))
      const title = `${name}${threads ? `, ${onThreads(threads)}` : ''}`
      const on = defaultDevice()
      const before = { ...statistics(on) }
      if (!limit) {
        const { median, spread } = await measure(group(count))
        yield { name: title, value: (1000 * median) / count, unit: 'ms/step', spread }
      } else {
        const work = { amount: flops * count, run: group(count) }
        const {
          rate,
          limit: most,
          share,
          spread,
        } = await compare(work, limit, {
          warmup: 1,
          seconds: 3,
          settle: settling(threads!),
        })
        const [value, least] = [rate, most].map(r => (1000 * flops) / r) as [number, number]
        const what = { name: `its ${(flops / 1e9).toPrecision(3)} GFLOP at the limit`, value: least }
        yield { name: title, value, unit: 'ms/step', limit: what, share, spread }
      }
      const after = statistics(on)
      if (after.plansCompiled !== before.plansCompiled)
        throw new Error(`${name}: compiled ${after.plansCompiled - before.plansCompiled} plans while it was measured`)
      const launches = after.launches
      await group(1)()
      yield { name: title, value: statistics(on).launches - launches, unit: 'kernels/step' }
      yield { name: title, value: bytesInUse(on) / 2 ** 20, unit: 'MiB in use' }
    }
    await limit?.dispose()
  })
}
