// Where the time of a program goes, kernel by kernel: `profile(fn)` hands what `fn` queues to the device one launch at a time and notes when
// each began and ended. The order stays; handing a launch over by itself costs some ten microseconds, which count for its kernel. Bytes and operations are counted from the kernel (graph/cost.ts).

import { full } from '../creation.ts'
import { type DeviceName, defaultDevice, engineOf } from '../device.ts'
import { CairnError } from '../errors.ts'
import type { CompiledExecutor } from '../graph/compiled.ts'
import { costOf } from '../graph/cost.ts'
import type { KernelRun, Profiled } from '../graph/executor.ts'
import { add } from '../ops/elementwise.ts'
import { matmul } from '../ops/matmul.ts'
import { realize } from '../run.ts'
import type { Tensor } from '../tensor.ts'

/** All runs of one kernel. */
export interface KernelProfile {
  /** the ops that it fuses, and the shape of its first result */
  readonly name: string
  readonly runs: number
  readonly milliseconds: number
  /** bytes that have to move, all runs together */
  readonly bytes: number
  /** arithmetic operations, all runs together */
  readonly flops: number
  /** share of the roofline: the time that the larger of its bytes and operations takes at the device's own rates, by the time it took */
  readonly share: number
}

/** What a device does at its best, measured with a large sum of arrays and a large product. */
export interface Roofline {
  readonly bytesPerSecond: number
  readonly flopsPerSecond: number
}

export interface Profile<T> {
  /** what the function returned */
  readonly value: T
  readonly device: DeviceName
  readonly roofline: Roofline
  /** from the first kernel's begin to the last one's end, the host's pauses included */
  readonly milliseconds: number
  /** the slowest first */
  readonly kernels: readonly KernelProfile[]
  /** the rows as a table to print */
  toString(): string
  /** Chrome's trace format (JSON): open it in chrome://tracing or ui.perfetto.dev */
  chromeTrace(): string
}

export interface ProfileOptions {
  /** whose kernels are timed; default: the default device */
  readonly device?: DeviceName
}

const rooflines = new WeakMap<CompiledExecutor, Roofline>()

/**
 * Runs `fn` and times every kernel that its effects and reads launch, those still queued when it returns included. What was queued before runs
 * first and is not counted. Run the same work once before: a kernel that is compiled meanwhile has that in its time.
 * @throws CairnError on 'reference', which has no kernels, and inside of another profile
 */
export async function profile<T>(fn: () => T | Promise<T>, options: ProfileOptions = {}): Promise<Profile<T>> {
  const device = options.device ?? defaultDevice()
  const executor = (await engineOf(device).ready()) as CompiledExecutor
  if (!('profiled' in executor)) throw new CairnError('profile', `the device '${device}' has no kernels`, {})
  if (executor.profiled) throw new CairnError('profile', 'a profile of this device is already under way', { device })
  await settled(device)
  const record = async <V>(work: () => V | Promise<V>): Promise<{ value: V; runs: readonly KernelRun[] }> => {
    const profiled: Profiled = { cost: costOf, runs: [], pending: [] }
    executor.profiled = profiled
    try {
      const value = await work()
      await settled(device)
      await Promise.all(profiled.pending)
      return { value, runs: profiled.runs }
    } finally {
      executor.profiled = null
    }
  }
  let roofline = rooflines.get(executor)
  if (!roofline) {
    const recorded = async (work: () => Promise<void>) => (await record(work)).runs
    rooflines.set(executor, (roofline = await rooflineOf(device, recorded)))
  }
  const { value, runs } = await record(fn)
  return new Recorded(value, device, roofline, runs)
}

const settled = (device: DeviceName): Promise<void> => engineOf(device).queue.realize([])

/** A run of this length says what a device can do. */
const enoughMilliseconds = 4

/** A sum of two arrays and a product, as large as it takes to be worth timing: medians of a few runs. */
async function rooflineOf(
  device: DeviceName,
  record: (work: () => Promise<void>) => Promise<readonly KernelRun[]>,
): Promise<Roofline> {
  const on = { device } as { device: 'wasm' }
  const rate = async (sizes: readonly number[], make: (n: number) => Tensor, of: (run: KernelRun) => number) => {
    let best = 0
    for (const n of sizes) {
      const x = make(n)
      await realize(x)
      const apply = x.ndim === 2 ? matmul : add
      const runs = await record(async () => {
        for (let i = 0; i < 3; i++) await realize(apply(x, x.add(i)))
      })
      const times = runs.filter(r => of(r) === Math.max(...runs.map(of))).map(r => r.end - r.begin)
      const middle = times.sort((a, b) => a - b)[times.length >> 1]
      best = Math.max(best, (1000 * Math.max(...runs.map(of))) / Math.max(middle, 1e-3))
      if (middle > enoughMilliseconds) break
    }
    return best
  }
  const lengths = [18, 20, 22, 24].map(bits => 1 << bits)
  return {
    bytesPerSecond: await rate(
      lengths,
      n => full([n], 1, on),
      r => r.cost.bytes,
    ),
    flopsPerSecond: await rate(
      [128, 256, 512, 1024, 2048],
      n => full([n, n], 1, on),
      r => r.cost.flops,
    ),
  }
}

class Recorded<T> implements Profile<T> {
  readonly value: T
  readonly device: DeviceName
  readonly roofline: Roofline
  readonly milliseconds: number
  readonly kernels: readonly KernelProfile[]
  readonly #runs: readonly KernelRun[]

  constructor(value: T, device: DeviceName, roofline: Roofline, runs: readonly KernelRun[]) {
    this.value = value
    this.device = device
    this.roofline = roofline
    this.#runs = runs
    this.milliseconds = runs.length ? runs[runs.length - 1].end - runs[0].begin : 0
    this.kernels = [...Map.groupBy(runs, r => r.name)]
      .map(([name, list]): KernelProfile => {
        const sum = (of: (run: KernelRun) => number) => list.reduce((n, run) => n + of(run), 0)
        const [milliseconds, bytes, flops] = [sum(r => r.end - r.begin), sum(r => r.cost.bytes), sum(r => r.cost.flops)]
        const least = 1000 * Math.max(bytes / roofline.bytesPerSecond, flops / roofline.flopsPerSecond)
        return { name, runs: list.length, milliseconds, bytes, flops, share: least / Math.max(milliseconds, 1e-6) }
      })
      .sort((a, b) => b.milliseconds - a.milliseconds)
  }

  toString(): string {
    const { bytesPerSecond, flopsPerSecond } = this.roofline
    const total = this.kernels.reduce((n, k) => n + k.milliseconds, 0)
    const rows = this.kernels.map(k => [
      k.milliseconds.toFixed(3),
      `${((100 * k.milliseconds) / Math.max(total, 1e-9)).toFixed(1)}%`,
      String(k.runs),
      (k.bytes / 1e6 / k.runs).toFixed(2),
      (k.flops / 1e6 / k.runs).toFixed(1),
      k.share.toFixed(2),
      k.name,
    ])
    const head = ['ms', 'of all', 'runs', 'MB a run', 'MFLOP a run', 'of roofline', 'kernel']
    const widths = head.map((h, i) => Math.max(h.length, ...rows.map(r => r[i].length)))
    const line = (cells: readonly string[]) =>
      cells.map((c, i) => (i === cells.length - 1 ? c : c.padStart(widths[i]))).join('  ')
    const at = `${(bytesPerSecond / 1e9).toFixed(1)} GB/s and ${(flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`
    const launches = this.#runs.length
    return [
      `${this.device}: ${launches} launches of ${rows.length} kernels in ${this.milliseconds.toFixed(2)} ms; roofline ${at}`,
      line(head),
      ...rows.map(line),
    ].join('\n')
  }

  chromeTrace(): string {
    const begin = this.#runs[0]?.begin ?? 0
    return JSON.stringify({
      displayTimeUnit: 'ms',
      traceEvents: this.#runs.map(r => ({
        name: r.name,
        cat: 'kernel',
        ph: 'X',
        ts: 1000 * (r.begin - begin),
        dur: 1000 * (r.end - r.begin),
        pid: 1,
        tid: 1,
        args: { bytes: r.cost.bytes, flops: r.cost.flops },
      })),
    })
  }
}
