// Values of SciPy 1.17.1: ttest_rel, wilcoxon, permutation_test, t.sf, norm.sf.
import { expect, test } from 'vitest'
import { pairedTTest, randomizationTest, wilcoxonTest } from './paired.ts'
import { normalTail, studentTail } from './student-t.ts'

const a = [0.61, 0.42, 0.8, 0.33, 0.57, 0.91, 0.12, 0.45, 0.66, 0.38]
const b = [0.55, 0.4, 0.71, 0.35, 0.5, 0.8, 0.15, 0.3, 0.61, 0.4]

test('distributions', () => {
  for (const [t, degrees, p] of [
    [0.5, 1, 0.7048327646991335],
    [2, 3, 0.13932596855884305],
    [2.228, 10, 0.05001177181711132],
    [5, 30, 2.32966854670078e-5],
    [0.01, 200, 0.992031255153281],
  ] as const)
    expect(studentTail(t, degrees)).toBeCloseTo(p, 11)
  expect(normalTail(1.959963984540054)).toBeCloseTo(0.05, 14)
  expect(normalTail(5) / 5.733031437583866e-7).toBeCloseTo(1, 12)
  expect(normalTail(0)).toBe(1)
})

test('paired t-test', () => {
  const { statistic, p, degrees } = pairedTTest(a, b)
  expect(statistic).toBeCloseTo(2.5158836081326035, 12)
  expect(p).toBeCloseTo(0.032990725306175896, 12)
  expect(degrees).toBe(9)
  expect(pairedTTest(b, a).statistic).toBeCloseTo(-2.5158836081326035, 12)
  expect(pairedTTest(a, a)).toMatchObject({ statistic: 0, p: 1 })
})

test("Wilcoxon's test, exact and with ties", () => {
  // Hollander and Wolfe's depression scores.
  const before = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3]
  const after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
  expect(wilcoxonTest(before, after)).toMatchObject({ statistic: 5, exact: true })
  expect(wilcoxonTest(before, after).p).toBeCloseTo(0.0390625, 14)
  const x = [125, 115, 130, 140, 140, 115, 140, 125, 140, 135]
  const y = [110, 122, 125, 120, 140, 124, 123, 137, 135, 145]
  expect(wilcoxonTest(x, y)).toMatchObject({ statistic: 18, exact: false })
  expect(wilcoxonTest(x, y).p).toBeCloseTo(0.5936305914425295, 12)
})

test('randomization test: all swaps, and a sample of them', () => {
  expect(randomizationTest(a, b).p).toBeCloseTo(0.041015625, 14)
  const sampled = randomizationTest(a, b, { samples: 1000 })
  expect(Math.abs(sampled.p - 0.041)).toBeLessThan(0.02)
  expect(randomizationTest(a, b, { samples: 1000 })).toEqual(sampled)
  expect(randomizationTest(a, a).p).toBe(1)
})

test('refuses what is not paired', () => {
  expect(() => pairedTTest([1, 2], [1])).toThrow('pairedTTest: 2 and 1 values; pair them by query')
  expect(() => wilcoxonTest([Number.NaN], [1])).toThrow('wilcoxonTest: pair 0 is no number')
})
