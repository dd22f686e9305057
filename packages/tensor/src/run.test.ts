// What a device says of itself: how many plans and kernels it has compiled and run.

import { expect, test } from 'vitest'
import { randn, realize, setDefaultDevice, statistics } from './index.ts'

test('a fused expression is one plan and one kernel; a second run compiles nothing', async () => {
  await setDefaultDevice('wasm')
  const x = randn([8, 16])
  await realize(x)
  const run = async () => {
    const before = statistics('wasm')
    await realize(x.mul(2).add(1).softmax(-1))
    const after = statistics('wasm')
    return (['plansCompiled', 'kernelsCompiled', 'runs', 'launches'] as const).map(key => after[key] - before[key])
  }
  expect(await run()).toEqual([1, 1, 1, 1])
  expect(await run()).toEqual([0, 0, 1, 1])
})

test('the counts are a copy, and 0 for a device that compiles nothing', async () => {
  const before = statistics('wasm')
  await realize(randn([4]).add(1))
  expect(statistics('wasm').runs).toBe(before.runs + 1)
  await setDefaultDevice('reference')
  await realize(randn([4]).add(1))
  const { nodesBuilt, ...counts } = statistics('reference')
  expect(counts).toEqual({ plansCompiled: 0, kernelsCompiled: 0, runs: 0, launches: 0, captures: 0, submits: 0 })
  randn([4]).add(1)
  expect(statistics('reference').nodesBuilt).toBeGreaterThan(nodesBuilt)
})
