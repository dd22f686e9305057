import { expect, test } from 'vitest'
import { constantWithWarmup, cosineWithWarmup, exponentialDecay, linearWithWarmup, stepDecay } from './schedules.ts'

test("cosine with warmup is nanoGPT's schedule", () => {
  const rate = cosineWithWarmup({ lr: 1e-3, warmup: 100, steps: 2000, minLr: 1e-4 })
  expect(rate(0)).toBeCloseTo(1e-3 / 101, 12)
  expect(rate(99)).toBeCloseTo(1e-3 * (100 / 101), 12)
  expect(rate(100)).toBeCloseTo(1e-3, 12)
  expect(rate(1050)).toBeCloseTo((1e-3 + 1e-4) / 2, 12)
  expect(rate(2000)).toBe(1e-4)
  expect(rate(5000)).toBe(1e-4)
})

test('lines, steps and powers', () => {
  const line = linearWithWarmup({ lr: 1, steps: 10 })
  expect([0, 5, 10].map(line)).toEqual([1, 0.5, 0])
  expect([0, 1, 2, 9].map(constantWithWarmup({ lr: 3, warmup: 2 }))).toEqual([1, 2, 3, 3])
  const stairs = stepDecay({ lr: 1, every: 3, gamma: 0.5 })
  expect([0, 2, 3, 6].map(stairs)).toEqual([1, 1, 0.5, 0.25])
  expect([0, 2].map(exponentialDecay({ lr: 1, gamma: 0.5 }))).toEqual([1, 0.25])
  expect(() => linearWithWarmup({ lr: 1, warmup: 5, steps: 2 })).toThrow('does not fit')
})
