// Initial values: what each must have, measured.

import { Generator } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { init } from './index.ts'

const seed = 11
const mean = (list: readonly number[]): number => list.reduce((s, v) => s + v, 0) / list.length
const deviation = (list: readonly number[]): number => Math.sqrt(mean(list.map(v => (v - mean(list)) ** 2)))
const draw = () => ({ generator: new Generator(seed) })

onEachDevice('orthogonal rows or columns of length gain', async () => {
  for (const [shape, gain] of [
    [[4, 7], 1],
    [[7, 4], 2],
    [[3, 2, 5], 0.5],
  ] as const) {
    const rows = shape[0]
    const columns = shape.slice(1).reduce((a: number, b) => a * b, 1)
    const w = await init.orthogonal(shape, { gain, ...draw() }).numbers()
    const at = (r: number, c: number) => w[r * columns + c]
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)]
    const vectors = Array.from({ length: count }, (_, i) =>
      Array.from({ length }, (_, n) => (rows <= columns ? at(i, n) : at(n, i))),
    )
    vectors.forEach((u, i) =>
      vectors.forEach((v, j) => {
        expect(u.reduce((s, e, n) => s + e * v[n], 0)).toBeCloseTo(i === j ? gain * gain : 0, 5)
      }),
    )
  }
})

onEachDevice('a truncated normal stays within its bounds and has the moments of one', async () => {
  const values = await init.truncNormal([40_000], { std: 1, low: -1, high: 1, ...draw() }).numbers()
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-1)
  expect(Math.max(...values)).toBeLessThanOrEqual(1)
  // variance of N(0, 1) within [-1, 1]: 1 - 2 phi(1) / (2 Phi(1) - 1)
  expect(Math.abs(deviation(values) - Math.sqrt(1 - (2 * 0.24197072451914337) / 0.6826894921370859))).toBeLessThan(0.01)
  expect(Math.abs(mean(values))).toBeLessThan(0.01)
  const shifted = await init.truncNormal([40_000], { mean: 3, std: 0.5, low: 3, high: 9, ...draw() }).numbers()
  expect(Math.min(...shifted)).toBeGreaterThanOrEqual(3)
  // half a normal: mean + std * sqrt(2 / pi)
  expect(Math.abs(mean(shifted) - (3 + 0.5 * Math.sqrt(2 / Math.PI)))).toBeLessThan(0.01)
})

onEachDevice('sparse columns, identities', async () => {
  const w = (await init.sparse([10, 6], 0.35, draw()).toArray()) as number[][]
  for (let c = 0; c < 6; c++) expect(w.filter(row => row[c] === 0).length).toBe(4)
  expect(await init.eye([2, 3]).toArray()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ])
  const { tensor } = await import('@cairn/tensor')
  const { conv1d } = await import('@cairn/tensor/functional')
  const x = tensor([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ])
  expect(await conv1d(x, init.dirac([2, 2, 3]), undefined, { padding: 1 }).toArray()).toEqual(await x.toArray())
  expect(() => init.orthogonal([3])).toThrow('at least two axes')
})
