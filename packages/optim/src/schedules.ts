// Learning-rate schedules: plain functions from the step (0 for the first) to the rate. Set it before each step: `opt.lr = schedule(step)`;
// the rate is data, so it compiles nothing. A resumed run needs only its step.

import { CairnError } from '@cairn/tensor'

export type Schedule = (step: number) => number

export interface WarmupOptions {
  /** the highest rate */
  readonly lr: number
  /** steps of linear warmup; the rate of step s is lr * (s + 1) / (warmup + 1) */
  readonly warmup?: number
  /** all steps, warmup included; later ones stay at `minLr` */
  readonly steps: number
  /** default 0 */
  readonly minLr?: number
}

/** Warms up, then goes from lr to minLr as `shape` goes from 0 to 1 goes from 1 to 0. */
function warmed({ lr, warmup = 0, steps, minLr = 0 }: WarmupOptions, shape: (progress: number) => number): Schedule {
  if (warmup > steps) throw new CairnError('schedule', `a warmup of ${warmup} steps does not fit into ${steps}`)
  return step => {
    if (step < warmup) return (lr * (step + 1)) / (warmup + 1)
    if (step >= steps) return minLr
    return minLr + (lr - minLr) * shape((step - warmup) / (steps - warmup))
  }
}

/** Linear warmup, then half a cosine down to minLr (Loshchilov and Hutter 2017). */
export const cosineWithWarmup = (options: WarmupOptions): Schedule =>
  warmed(options, progress => (1 + Math.cos(Math.PI * progress)) / 2)

/** Linear warmup, then a straight line down to minLr. */
export const linearWithWarmup = (options: WarmupOptions): Schedule => warmed(options, progress => 1 - progress)

/** Linear warmup, then constant. */
export const constantWithWarmup =
  ({ lr, warmup = 0 }: { readonly lr: number; readonly warmup?: number }): Schedule =>
  step =>
    step < warmup ? (lr * (step + 1)) / (warmup + 1) : lr

/** Times `gamma` (default 0.1) after every `every` steps. */
export const stepDecay =
  ({ lr, every, gamma = 0.1 }: { readonly lr: number; readonly every: number; readonly gamma?: number }): Schedule =>
  step =>
    lr * gamma ** Math.floor(step / every)

/** Times `gamma` after each step. */
export const exponentialDecay =
  ({ lr, gamma }: { readonly lr: number; readonly gamma: number }): Schedule =>
  step =>
    lr * gamma ** step
