// Implicit derivatives of draws: against differences of quantiles (mpmath, 50 digits), and on average against derivatives of means.

import { expect, test } from 'vitest'
import { Generator, grad, type Tensor, tensor } from '../index.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { testSeed } from '../testing/random.ts'
import { gammaSlope } from './gamma-slope.ts'
import * as d from './index.ts'

/** concentration, quantile, its derivative */
const known: readonly (readonly [number, number, number])[] = [
  [0.05, 0.001, 0.128338513],
  [0.05, 0.005, 0.482793952],
  [0.05, 0.05, 2.6668419],
  [0.05, 0.497214, 9.72596738],
  [0.05, 1.168034, 13.4615874],
  [0.05, 2.062461, 15.8817922],
  [0.3, 0.006, 0.0994652164],
  [0.3, 0.03, 0.343351497],
  [0.3, 0.3, 1.52599982],
  [0.3, 1.395445, 3.12614299],
  [0.3, 3.038613, 4.08281788],
  [0.3, 5.229503, 4.75493249],
  [1, 0.02, 0.0876700354],
  [1, 0.1, 0.289273117],
  [1, 1.0, 1.17356303],
  [1, 3.0, 1.93791169],
  [1, 6.0, 2.51424276],
  [1, 10.0, 2.97136409],
  [2.5, 0.05, 0.0832452862],
  [2.5, 0.25, 0.270016889],
  [2.5, 2.5, 1.06867302],
  [2.5, 5.662278, 1.56374693],
  [2.5, 10.405694, 2.00071559],
  [2.5, 16.730249, 2.37597716],
  [8, 0.16, 0.0809408293],
  [8, 0.928932, 0.287951809],
  [8, 8.0, 1.02107439],
  [8, 13.656854, 1.31815928],
  [8, 22.142136, 1.62657981],
  [8, 33.455844, 1.91780284],
  [30, 0.6, 0.0801346914],
  [30, 16.306936, 0.729967265],
  [30, 30.0, 1.00557372],
  [30, 40.954451, 1.1701607],
  [30, 57.386128, 1.36659452],
  [30, 79.29503, 1.57196551],
  [200, 4.0, 0.0798819694],
  [200, 164.644661, 0.906641836],
  [200, 200.0, 1.00083375],
  [200, 228.284271, 1.06848438],
  [200, 270.710678, 1.15995572],
  [200, 327.279221, 1.26742714],
]

onEachDevice('the quantiles of the gamma distribution move with its concentration', async () => {
  const [a, z] = [0, 1].map(i => tensor(known.map(row => row[i])))
  const slopes = await gammaSlope(a, z).numbers()
  expectClose(
    slopes,
    known.map(row => row[2]),
    { absolute: 0, relative: 1e-5 },
    'slopes',
  )
})

onEachDevice('gradients of draws are, on average, those of the means', async device => {
  const n = device === 'wasm' ? 4000 : 1000
  const generator = new Generator(testSeed)
  const check = async (what: string, draws: (p: Tensor) => Tensor, mean: (p: Tensor) => Tensor, at: number[]) => {
    const p = tensor(at)
    const slopes = grad((p: Tensor) => draws(p.expand([n, at.length])).sum())
    const each = await slopes(p).div(n).numbers()
    const exact = await grad((p: Tensor) => mean(p).sum())(p).numbers()
    each.forEach((g, i) => {
      expect(Math.abs(g - exact[i]), `${what}, seed ${testSeed}`).toBeLessThan(6 / Math.sqrt(n))
    })
  }
  await check(
    'gamma',
    p => d.gamma(p, 1, { generator }),
    p => p,
    [0.4, 3, 40],
  )
  await check(
    'beta',
    p => d.beta(p, 2, { generator }),
    p => p.div(p.add(2)),
    [0.7, 3],
  )
  await check(
    'dirichlet',
    p => d.dirichlet(p, { generator }).mul(tensor([1, 0, 0])),
    p => p.div(p.sum()).mul(tensor([1, 0, 0])),
    [0.7, 1.5, 3],
  )
})

test('draws as functions take numbers and tensors, and put their shape before that of the parameters', async () => {
  expect(d.gamma(tensor([1, 2]), 3, { shape: [4] }).shape).toEqual([4, 2])
  expect(d.beta(1, 2, { shape: [3] }).shape).toEqual([3])
  expect(d.exponential(2, { shape: [2, 2] }).shape).toEqual([2, 2])
  expect(d.poisson(tensor([1, 2])).shape).toEqual([2])
  expect(d.dirichlet(tensor([1, 2, 3]), { shape: [5] }).shape).toEqual([5, 3])
  expect(
    d.categorical(
      tensor([
        [0, 1],
        [1, 0],
      ]),
      { shape: [5] },
    ).shape,
  ).toEqual([5, 2])
  expect(d.categorical(tensor([0, 1])).dtype).toBe('i32')
})
