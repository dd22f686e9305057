// What a bench is: a module in `benches/` that measures one thing and says what the machine would allow.

export const devices = ['reference', 'wasm', 'webgpu', 'auto'] as const

/** A device that `--device` may name. */
export type DeviceName = (typeof devices)[number]

export interface BenchOptions {
  device: DeviceName
  /** Words after the bench's name, for instance the sizes to measure. */
  args: readonly string[]
}

export interface Measurement {
  /** What was measured, with its shapes: `matmul 512 x 512 x 512, 2 threads`. */
  name: string
  value: number
  /** `GFLOP/s`, `tokens/s`, `ms`, `kernels`, ... */
  unit: string
  /** What the machine allows or another implementation reaches, in the same unit. */
  limit?: { name: string; value: number }
  /**
   * The share of the limit, where each run was set beside a limit timed around it: the median of those shares, which a clock
   * that swings between runs does not blur. Without it the share is that of the two values.
   */
  share?: number
  /** The share of the limit that must be reached, 0.7 for instance. A miss is an exit code of 1. */
  target?: number
  /** Relative half-width of the middle half of the runs, 0.02 for 2%. */
  spread?: number
}

export interface Bench {
  /** One line for the listing. */
  description: string
  run(options: BenchOptions): AsyncIterable<Measurement>
}

/** Whether units of this kind are better when smaller. */
export const isCost = (unit: string): boolean => /^(ns|us|ms|s|min|kernels|submits|barriers|bytes|MiB)\b/.test(unit)

/** The share of the limit that was reached, 1 being all of it; undefined without a limit. */
export function shareOfLimit({ value, unit, limit, share }: Measurement): number | undefined {
  if (!limit) return undefined
  if (share !== undefined) return share
  return isCost(unit) ? limit.value / value : value / limit.value
}
