// Is a system better than another on the same queries? Tests of paired differences: Student's t, Fisher's randomization (which
// Smucker, Allan and Carterette 2007 recommend for retrieval), and Wilcoxon's signed ranks. All are two-sided.
import { normalTail, studentTail } from './student-t.ts'

export interface TestResult {
  /** t, the mean difference, or the smaller sum of ranks. */
  statistic: number
  /** The chance of a difference at least as large if neither system were better. */
  p: number
  /** The mean of a - b. */
  difference: number
}

function differences(name: string, a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  if (a.length !== b.length) throw new RangeError(`${name}: ${a.length} and ${b.length} values; pair them by query`)
  const out = new Float64Array(a.length)
  for (let i = 0; i < out.length; i++) {
    out[i] = a[i]! - b[i]!
    if (Number.isNaN(out[i])) throw new RangeError(`${name}: pair ${i} is no number`)
  }
  return out
}

const mean = (values: Float64Array): number => (values.length ? values.reduce((s, v) => s + v, 0) / values.length : 0)

/** Student's paired t-test, `values.length - 1` degrees of freedom. Without any difference p is 1. */
export function pairedTTest(a: ArrayLike<number>, b: ArrayLike<number>): TestResult & { degrees: number } {
  const d = differences('pairedTTest', a, b)
  const degrees = d.length - 1
  const difference = mean(d)
  if (d.every(value => value === 0)) return { statistic: 0, p: 1, difference: 0, degrees }
  if (degrees < 1) throw new RangeError('pairedTTest: needs at least two pairs')
  const variance = d.reduce((s, v) => s + (v - difference) ** 2, 0) / degrees
  const statistic = difference / Math.sqrt(variance / d.length)
  return { statistic, p: variance === 0 ? 0 : studentTail(statistic, degrees), difference, degrees }
}

/**
 * Fisher's randomization test: how often the mean difference is as large when each pair is swapped by a coin. All swaps are
 * tried where there are no more than `samples` of them, else `samples` random ones (and p counts the observed one among them).
 * `options.seed` is that of the coins; equal seeds give equal results
 */
export function randomizationTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { samples = 100_000, seed = 1 }: { samples?: number; seed?: number } = {},
): TestResult {
  const d = differences('randomizationTest', a, b)
  const difference = mean(d)
  const size = d.map(Math.abs).filter(value => value > 0)
  const observed = Math.abs(d.reduce((s, v) => s + v, 0))
  // Sums of the same numbers in another order differ in their last bits.
  const least = observed - 1e-12 * size.reduce((s, v) => s + v, 0)
  if (size.length === 0) return { statistic: 0, p: 1, difference: 0 }
  if (size.length < 31 && 2 ** size.length <= samples) {
    const all = 2 ** size.length
    let extreme = 0
    for (let swaps = 0; swaps < all; swaps++) {
      let sum = 0
      for (let i = 0; i < size.length; i++) sum += (swaps >>> i) & 1 ? size[i]! : -size[i]!
      if (Math.abs(sum) >= least) extreme++
    }
    return { statistic: difference, p: extreme / all, difference }
  }
  const next = coins(seed)
  let extreme = 0
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0
    let bits = 0
    for (let i = 0; i < size.length; i++) {
      if (i % 32 === 0) bits = next()
      sum += bits & 1 ? size[i]! : -size[i]!
      bits >>>= 1
    }
    if (Math.abs(sum) >= least) extreme++
  }
  return { statistic: difference, p: (extreme + 1) / (samples + 1), difference }
}

/** 32 random bits at a time: splitmix32. */
function coins(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
}

/**
 * Wilcoxon's signed-rank test, pairs without a difference left out (his own treatment). The distribution is exact up to 50
 * pairs without ties; beyond, it is the normal approximation with the variance corrected for ties.
 */
export function wilcoxonTest(a: ArrayLike<number>, b: ArrayLike<number>): TestResult & { exact: boolean } {
  const all = differences('wilcoxonTest', a, b)
  const difference = mean(all)
  const d = [...all].filter(value => value !== 0).sort((x, y) => Math.abs(x) - Math.abs(y))
  const n = d.length
  if (n === 0) return { statistic: 0, p: 1, difference: 0, exact: true }
  let plus = 0
  let tied = 0
  for (let i = 0; i < n; ) {
    let end = i + 1
    while (end < n && Math.abs(d[end]!) === Math.abs(d[i]!)) end++
    const rank = (i + 1 + end) / 2
    for (let j = i; j < end; j++) if (d[j]! > 0) plus += rank
    tied += (end - i) ** 3 - (end - i)
    i = end
  }
  const total = (n * (n + 1)) / 2
  const statistic = Math.min(plus, total - plus)
  if (tied === 0 && n <= 50)
    return { statistic, p: Math.min(1, 2 * rankSumTail(statistic, n)), difference, exact: true }
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tied / 48
  return { statistic, p: normalTail((statistic - total / 2) / Math.sqrt(variance)), difference, exact: false }
}

/** The chance that a random subset of 1..n has a sum of at most `sum`. */
function rankSumTail(sum: number, n: number): number {
  const ways = new Float64Array(sum + 1)
  ways[0] = 1
  for (let rank = 1; rank <= n; rank++) for (let s = sum; s >= rank; s--) ways[s]! += ways[s - rank]!
  return ways.reduce((s, v) => s + v, 0) / 2 ** n
}
