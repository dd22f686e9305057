import { expect, test } from 'vitest'
import {
  chained,
  constantWithWarmup,
  cosine,
  cosineRestarts,
  cosineWithWarmup,
  exponentialDecay,
  lambda,
  linear,
  linearWithWarmup,
  multiStep,
  oneCycle,
  polynomial,
  ReduceOnPlateau,
  sequential,
  stepDecay,
  warmupStableDecay,
} from './schedules.ts'

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

const close = (got: number[], wanted: number[]): void =>
  got.forEach((v, i) => {
    expect(v, `entry ${i}`).toBeCloseTo(wanted[i], 12)
  })

test('the schedules of torch, by their recurrences', () => {
  close([0, 1, 2, 3, 9].map(multiStep({ lr: 1, milestones: [2, 3], gamma: 0.5 })), [1, 1, 0.5, 0.25, 0.25])
  close([0, 1, 2, 4, 8].map(linear({ lr: 0.3, steps: 4 })), [0.1, 0.15, 0.2, 0.3, 0.3])
  close([0, 2, 4, 6].map(polynomial({ lr: 1, steps: 4, power: 2 })), [1, 0.25, 0, 0])
  close([0, 5, 10].map(cosine({ lr: 1, steps: 10, minLr: 0.2 })), [1, 0.6, 0.2])
  // 4 steps, then 8, then 16
  const restarts = cosineRestarts({ lr: 1, steps: 4, factor: 2 })
  close([0, 2, 4, 8, 12, 20].map(restarts), [1, 0.5, 1, 0.5, 1, 0.5])
  // 10 steps, 3 of them up: the top is at step 2
  const cycle = oneCycle({ lr: 1, steps: 10 })
  close([0, 1, 2, 9].map(cycle), [0.04, 0.52, 1, 0.04 / 1e4])
  const stable = warmupStableDecay({ lr: 1, warmup: 1, steps: 20, decay: 4, shape: 'linear' })
  close([0, 1, 15, 16, 18, 20, 30].map(stable), [0.5, 1, 1, 1, 0.5, 0, 0])
  close([1, 2].map(lambda({ lr: 3, factor: s => 1 / s })), [3, 1.5])
  const two = sequential([constantWithWarmup({ lr: 1, warmup: 1 }), exponentialDecay({ lr: 1, gamma: 0.5 })], [2])
  close([0, 1, 2, 3, 4].map(two), [0.5, 1, 1, 0.5, 0.25])
  const both = chained([exponentialDecay({ lr: 2, gamma: 0.5 }), stepDecay({ lr: 2, every: 2 })], { lr: 2 })
  close([0, 1, 2].map(both), [2, 1, 0.05])
  expect(() => sequential([two], [1])).toThrow('growing milestones')
})

test('a plateau lowers the rate after its patience, and resumes', () => {
  const plateau = new ReduceOnPlateau({ lr: 1, patience: 2, factor: 0.5, cooldown: 1, minLr: 0.2 })
  const rates = [5, 4, 4, 4, 4, 4].map(v => plateau.step(v))
  expect(rates).toEqual([1, 1, 1, 1, 0.5, 0.5])
  const again = new ReduceOnPlateau({ lr: 1, patience: 2, factor: 0.5, cooldown: 1, minLr: 0.2 })
  again.loadStateDict(JSON.parse(JSON.stringify(plateau.stateDict())))
  for (const v of [4, 4, 4, 3, 3, 3, 3, 3, 3]) expect(again.step(v)).toBe(plateau.step(v))
  expect(plateau.lr).toBe(0.2)
})
