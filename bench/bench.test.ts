// The share of a limit, in units of speed and of time, and the timer's own arithmetic.
import { expect, test } from 'vitest'
import { shareOfLimit } from './bench.ts'
import { compare, measure } from './measure.ts'

test('a speed is a share of the highest, a duration of the shortest', () => {
  expect(shareOfLimit({ name: 'a', value: 30, unit: 'GFLOP/s', limit: { name: 'peak', value: 40 } })).toBe(0.75)
  expect(shareOfLimit({ name: 'a', value: 8, unit: 'ms', limit: { name: 'native', value: 4 } })).toBe(0.5)
  expect(shareOfLimit({ name: 'a', value: 8, unit: 'ms/step', limit: { name: 'native', value: 4 } })).toBe(0.5)
  expect(shareOfLimit({ name: 'a', value: 2, unit: 'kernels', limit: { name: 'one', value: 1 } })).toBe(0.5)
  expect(shareOfLimit({ name: 'a', value: 8, unit: 'ms' })).toBeUndefined()
})

test('measure warms up, then calls as often as asked, one at a time', async () => {
  let [calls, running] = [0, 0]
  const work = async () => {
    expect(running++).toBe(0)
    calls++
    await Promise.resolve()
    running--
  }
  const timing = await measure(work, { warmup: 2, runs: 7, seconds: 0 })
  expect([calls, timing.runs]).toEqual([9, 7])
  expect(timing.best).toBeLessThanOrEqual(timing.median)
  expect(timing.best).toBeGreaterThanOrEqual(0)
})

test('compare sets each run beside the limits timed before and after it', async () => {
  const order: string[] = []
  const work = { amount: 3, run: () => void order.push('work') }
  const limit = { amount: 5, run: () => void order.push('limit') }
  const result = await compare(work, limit, { warmup: 1, runs: 2, seconds: 0 })
  expect(order.join(' ')).toBe('work limit limit work limit work limit')
  expect(result.runs).toBe(2)
  expect(result.share).toBeGreaterThan(0)
  expect(result.rate).toBeGreaterThan(0)
})

test('a share that was measured run by run is the one that counts', () => {
  expect(shareOfLimit({ name: 'a', value: 30, unit: 'GFLOP/s', limit: { name: 'p', value: 40 }, share: 0.8 })).toBe(0.8)
})
