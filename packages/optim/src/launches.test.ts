// How many kernels an optimizer launches: the updates of all parameters share launches whatever their shapes, and so do the sums of squares
// of a global norm. Held against the plain evaluator for as many steps as a wrong part would need to show.

import { manualSeed, randn, realize, setDefaultDevice, statistics, type Tensor } from '@cairn/tensor'
import { afterAll, expect, test } from 'vitest'
import { AdamW, clipGradNorm, gradNorm } from './index.ts'

/** some below and some above the length from which a sum is cut into pieces, some of them ragged */
const shapes = [[65, 128], [300, 70], [7], [128], [33, 5], [40_000], [1], [16, 32, 64]]

const parameters = async (): Promise<Tensor[]> => {
  manualSeed(7)
  const list = shapes.map(shape => randn(shape))
  for (const p of list) p.requiresGrad = true
  await realize(...list)
  return list
}

afterAll(() => setDefaultDevice('auto'))

test('AdamW with a global norm, 40 steps: few launches, and the values of the plain evaluator', async () => {
  const run = async (device: 'wasm' | 'reference') => {
    await setDefaultDevice(device)
    const params = await parameters()
    const opt = new AdamW(params, { lr: 0.01 })
    const norms: number[] = []
    let launches = 0
    for (let step = 0; step < 40; step++) {
      for (const p of params)
        p.grad = p
          .mul(p)
          .mul(0.1)
          .add(step / 40)
      // gradients that are in memory, as those of a backward pass are
      await realize()
      const before = statistics(device).launches
      const norm = clipGradNorm(params, 1)
      opt.lr = 0.01 / (step + 1)
      await opt.step()
      launches = statistics(device).launches - before
      norms.push(await norm.item())
    }
    return { launches, norms, values: await Promise.all(params.map(p => p.data())) }
  }
  const fast = await run('wasm')
  const plain = await run('reference')
  // pieces and join of the norm; clock; the update, apart for parameters of one element
  expect(fast.launches).toBeLessThanOrEqual(5)
  fast.norms.forEach((n, i) => {
    expect(Math.abs(n / plain.norms[i] - 1)).toBeLessThan(1e-5)
  })
  fast.values.forEach((list, i) => {
    for (let at = 0; at < list.length; at++)
      if (Math.abs(Number(list[at]) - Number(plain.values[i][at])) > 1e-5)
        throw new Error(`parameter [${shapes[i]}] at ${at}: ${list[at]} instead of ${plain.values[i][at]}`)
  })
})

test('a global norm is two launches', async () => {
  await setDefaultDevice('wasm')
  const params = await parameters()
  for (const p of params) p.grad = p.mul(2)
  await realize()
  const before = statistics('wasm').launches
  const norm = await gradNorm(params).item()
  expect(statistics('wasm').launches - before).toBe(2)
  let total = 0
  for (const p of params) for (const x of (await p.grad!.data()) as Float32Array) total += x * x
  expect(Math.abs(norm / Math.sqrt(total) - 1)).toBeLessThan(1e-6)
})
