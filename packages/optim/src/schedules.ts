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

/** Times `gamma` (default 0.1) after each of the `milestones`. */
export const multiStep =
  (options: { readonly lr: number; readonly milestones: readonly number[]; readonly gamma?: number }): Schedule =>
  step =>
    options.lr * (options.gamma ?? 0.1) ** options.milestones.filter(at => step >= at).length

/** torch's LinearLR: from lr * start (default 1/3) to lr * end (default 1) within `steps`, then constant. */
export const linear =
  (options: {
    readonly lr: number
    readonly steps: number
    readonly start?: number
    readonly end?: number
  }): Schedule =>
  step => {
    const { lr, steps, start = 1 / 3, end = 1 } = options
    return lr * (start + (end - start) * Math.min(1, step / steps))
  }

/** torch's PolynomialLR: lr * (1 - step / steps)^power (default 1), to 0. */
export const polynomial =
  (options: { readonly lr: number; readonly steps: number; readonly power?: number }): Schedule =>
  step =>
    options.lr * (1 - Math.min(step, options.steps) / options.steps) ** (options.power ?? 1)

/** torch's CosineAnnealingLR: half a cosine from lr to minLr (default 0) in `steps`; it goes up again after them. */
export const cosine =
  (options: { readonly lr: number; readonly steps: number; readonly minLr?: number }): Schedule =>
  step => {
    const { lr, steps, minLr = 0 } = options
    return minLr + ((lr - minLr) * (1 + Math.cos((Math.PI * step) / steps))) / 2
  }

/** Cosines that begin again (Loshchilov and Hutter 2017): the first after `steps`, each `factor` times (default 1) as long as the one before. */
export const cosineRestarts =
  (options: {
    readonly lr: number
    readonly steps: number
    readonly factor?: number
    readonly minLr?: number
  }): Schedule =>
  given => {
    const { lr, factor = 1, minLr = 0 } = options
    let [step, length] = [given, options.steps]
    if (factor === 1) step %= length
    else
      while (step >= length) {
        step -= length
        length *= factor
      }
    return minLr + ((lr - minLr) * (1 + Math.cos((Math.PI * step) / length))) / 2
  }

export interface OneCycleOptions {
  /** the highest rate */
  readonly lr: number
  readonly steps: number
  /** share of the steps that the rate rises in, default 0.3 */
  readonly warmup?: number
  /** the first rate is lr / divide, default 25 */
  readonly divide?: number
  /** the last rate is the first / finalDivide, default 1e4 */
  readonly finalDivide?: number
  /** default cosine */
  readonly anneal?: 'cosine' | 'linear'
}

/** torch's OneCycleLR (Smith and Topin 2018): up, and down to almost nothing. The last step is steps - 1. */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { lr, steps, warmup = 0.3, divide = 25, finalDivide = 1e4, anneal = 'cosine' } = options
  const first = lr / divide
  const top = warmup * steps - 1
  const between = (from: number, to: number, share: number): number =>
    anneal === 'linear' ? from + (to - from) * share : to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
  return step => {
    const at = Math.min(step, steps - 1)
    if (at <= top) return between(first, lr, at / top)
    return between(lr, first / finalDivide, (at - top) / (steps - 1 - top))
  }
}

export interface WarmupStableDecayOptions extends WarmupOptions {
  /** the last steps, in which the rate goes to minLr; default a tenth of all */
  readonly decay?: number
  /** how: 1 - sqrt (default; Hägele et al. 2024), linear or cosine */
  readonly shape?: 'sqrt' | 'linear' | 'cosine'
}

/** Warmup, a long constant part, and a short decay (Zhai et al. 2022; Hu et al. 2024). */
export function warmupStableDecay(options: WarmupStableDecayOptions): Schedule {
  const { lr, warmup = 0, steps, minLr = 0, decay = Math.round(steps / 10), shape = 'sqrt' } = options
  if (warmup + decay > steps)
    throw new CairnError('schedule', `${warmup} steps of warmup and ${decay} of decay do not fit into ${steps}`)
  const left = (share: number): number =>
    shape === 'sqrt' ? 1 - Math.sqrt(share) : shape === 'linear' ? 1 - share : (1 + Math.cos(Math.PI * share)) / 2
  return step => {
    if (step < warmup) return (lr * (step + 1)) / (warmup + 1)
    if (step < steps - decay) return lr
    return minLr + (lr - minLr) * (step >= steps ? 0 : left((step - (steps - decay)) / decay))
  }
}

/** lr times any function of the step. */
export const lambda =
  (options: { readonly lr: number; readonly factor: (step: number) => number }): Schedule =>
  step =>
    options.lr * options.factor(step)

/** One schedule after the other: the next begins, with its step 0, at each milestone. */
export function sequential(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  if (milestones.length !== schedules.length - 1 || milestones.some((at, i) => at <= (milestones[i - 1] ?? -1)))
    throw new CairnError('schedule', `${schedules.length} schedules need ${schedules.length - 1} growing milestones`)
  return step => {
    const index = milestones.filter(at => step >= at).length
    return schedules[index](step - (index ? milestones[index - 1] : 0))
  }
}

/** All at once: their factors (rate / lr) are multiplied. */
export const chained =
  (schedules: readonly Schedule[], options: { readonly lr: number }): Schedule =>
  step =>
    schedules.reduce((rate, schedule) => rate * (schedule(step) / options.lr), options.lr)

export interface PlateauOptions {
  /** the rate to begin with */
  readonly lr: number
  /** whether less ('min', the default) or more is better */
  readonly mode?: 'min' | 'max'
  /** default 0.1 */
  readonly factor?: number
  /** measurements without progress that are let pass, default 10 */
  readonly patience?: number
  /** how much better counts, default 1e-4 */
  readonly threshold?: number
  /** of the best so far ('relative', the default), or of the measure */
  readonly thresholdMode?: 'relative' | 'absolute'
  /** measurements after a reduction that do not count, default 0 */
  readonly cooldown?: number
  /** default 0 */
  readonly minLr?: number
}

/** torch's ReduceLROnPlateau: lowers the rate when a measure stops getting better. It depends on what was measured, so it has a state. */
export class ReduceOnPlateau {
  lr: number
  readonly #options: Required<PlateauOptions>
  #best: number
  #bad = 0
  #cooling = 0
  constructor(options: PlateauOptions) {
    this.#options = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'relative',
      cooldown: 0,
      minLr: 0,
      ...options,
    }
    this.lr = options.lr
    this.#best = this.#options.mode === 'min' ? Infinity : -Infinity
  }
  /** @param measure such as a validation loss @returns the rate from now on */
  step(measure: number): number {
    const { factor, patience, cooldown, minLr } = this.#options
    if (this.#isBetter(measure)) {
      this.#best = measure
      this.#bad = 0
    } else this.#bad++
    if (this.#cooling > 0) {
      this.#cooling--
      this.#bad = 0
    }
    if (this.#bad > patience) {
      this.lr = Math.max(this.lr * factor, minLr)
      this.#cooling = cooldown
      this.#bad = 0
    }
    return this.lr
  }
  #isBetter(measure: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options
    const sign = mode === 'min' ? -1 : 1
    // nothing is better or worse than no measurement by a share
    if (!Number.isFinite(this.#best)) return sign * measure > sign * this.#best
    const border = thresholdMode === 'relative' ? this.#best * (1 + sign * threshold) : this.#best + sign * threshold
    return sign * measure > sign * border
  }
  /** For JSON; `best` is null before the first measurement. */
  stateDict(): { lr: number; best: number | null; bad: number; cooling: number } {
    const best = Number.isFinite(this.#best) ? this.#best : null
    return { lr: this.lr, best, bad: this.#bad, cooling: this.#cooling }
  }
  loadStateDict(state: { lr: number; best: number | null; bad: number; cooling: number }): void {
    this.lr = state.lr
    this.#best = state.best ?? (this.#options.mode === 'min' ? Infinity : -Infinity)
    this.#bad = state.bad
    this.#cooling = state.cooling
  }
}
