// Several plans under way at once: the host writes tapes and bytes for the next while the last still runs.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { disposeDevice, realize, setDefaultDevice, type Tensor, tensor } from '../index.ts'

beforeAll(async () => {
  await setDefaultDevice('wasm', { threads: 2 })
})
afterAll(() => disposeDevice('wasm'))

const ramp = (n: number, m: number) =>
  tensor(
    Float32Array.from({ length: n * m }, (_, i) => ((i * 37) % 101) / 101 - 0.5),
    [n, m],
  )

/** Products whose intermediate values need an arena that grows with n. */
const chain = (n: number): Tensor => {
  const x = ramp(n, n)
  return x
    .matmul(x)
    .exp()
    .matmul(x)
    .mul(0.01)
    .matmul(x.sum(0, { keepDim: true }).expand([n, n]))
    .sum(1)
}

test('a larger plan behind a smaller one leaves its memory alone', async () => {
  const sizes = [64, 96, 160, 224]
  const alone: number[][] = []
  for (const n of sizes) alone.push(await chain(n).numbers())
  await disposeDevice('wasm')
  await setDefaultDevice('wasm', { threads: 2 })
  for (let round = 0; round < 3; round++) {
    const results = sizes.map(chain)
    const runs = results.map(r => realize(r))
    const reads = results.map(r => r.numbers())
    await Promise.all(runs)
    expect(await Promise.all(reads)).toEqual(alone)
  }
})
