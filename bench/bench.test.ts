// The share of a limit, in units of speed and of time, and the timer's own arithmetic.
import { expect, test } from 'vitest'
import { shareOfLimit } from './bench.ts'
import { measure } from './measure.ts'

test('a speed is a share of the highest, a duration of the shortest', () => {
  expect(shareOfLimit({ name: 'a', value: 30, unit: 'GFLOP/s', limit: { name: 'peak', value: 40 } })).toBe(0.75)
  expect(shareOfLimit({ name: 'a', value: 8, unit: 'ms', limit: { name: 'native', value: 4 } })).toBe(0.5)
  expect(shareOfLimit({ name: 'a', value: 8, unit: 'ms/step', limit: { name: 'native', value: 4 } })).toBe(0.5)
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
