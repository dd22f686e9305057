// Special functions against values of SciPy 1.17 (rounded to ten digits), against JavaScript's own, and at the edges of their domains.

import { describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'

const scipy: Readonly<Record<string, readonly [x: readonly number[], y: readonly number[]]>> = {
  lgamma: [
    [
      -7.300000191, -2.5, -0.5, -0.001000000047, 0.001000000047, 0.3000000119, 1.0, 1.200000048, 1.461599946,
      1.899999976, 2.0, 2.5, 3.700000048, 7.900000095, 8.100000381, 50.0, 10000.0, 0.0, -3.0, 1.000000015e30,
    ],
    [
      -7.779102457,
      -0.0562437165,
      1.265512123,
      6.90833327,
      6.907178838,
      1.095797953,
      0.0,
      -0.08537410379,
      -0.12148629,
      -0.03898428442,
      0.0,
      0.2846828705,
      1.428072382,
      8.324266059,
      8.727389037,
      144.5657439,
      82099.7175,
      Infinity,
      Infinity,
      6.807755383e31,
    ],
  ],
  digamma: [
    [
      -7.300000191, -2.5, -0.5, -0.001000000047, 0.001000000047, 0.3000000119, 1.0, 1.200000048, 1.461599946,
      1.899999976, 2.0, 2.5, 3.700000048, 7.900000095, 8.100000381, 50.0, 10000.0,
    ],
    [
      4.337304454, 1.103156641, 0.03648997398, 999.4210907, -1000.575524, -3.502524076, -0.5772156649, -0.2890398362,
      -3.115848575e-5, 0.3561841448, 0.4227843351, 0.7031566406, 1.167153554, 2.0022385, 2.028867507, 3.901989673,
      9.210290371,
    ],
  ],
  trigamma: [
    [
      -7.300000191, -2.5, -0.5, -0.001000000047, 0.001000000047, 0.3000000119, 1.0, 1.200000048, 1.461599946,
      1.899999976, 2.0, 2.5, 3.700000048, 7.900000095, 8.100000381, 50.0, 10000.0,
    ],
    [
      14.95137005, 9.539246645, 8.934802201, 1000001.552, 1000001.548, 12.24536365, 1.644934067, 1.267377135,
      0.9677007593, 0.6879720692, 0.6449340668, 0.4903577561, 0.3100378531, 0.1349307817, 0.13139024, 0.02020133323,
      0.0001000050002,
    ],
  ],
  tetragamma: [
    [0.009999999776, 0.5, 1.0, 3.0, 9.0, 40.0],
    [-2000002.475, -16.82879664, -2.404113806, -0.1541138063, -0.0137933192, -0.0006408202718],
  ],
  erfc: [
    [-5.0, -1.0, -0.3000000119, 0.0, 0.3000000119, 0.5, 0.6999999881, 1.0, 2.0, 3.0, 5.0, 8.0, 9.0],
    [
      2.0, 1.842700793, 1.328626772, 1.0, 0.6713732282, 0.4795001222, 0.3221988144, 0.1572992071, 0.004677734981,
      2.2090497e-5, 1.537459794e-12, 1.122429717e-29, 4.137031747e-37,
    ],
  ],
  erfinv: [
    [
      -1.0, -0.9999989867, -0.8999999762, -0.3000000119, 0.0, 9.999999747e-5, 0.3000000119, 0.5, 0.6999999881,
      0.9499999881, 0.9998999834, 0.9999998808, 1.0, 1.5,
    ],
    [
      -Infinity,
      -3.457074726,
      -1.163087072,
      -0.2724627261,
      0.0,
      8.862269054e-5,
      0.2724627261,
      0.4769362762,
      0.7328690599,
      1.385903752,
      2.751035438,
      3.743921163,
      Infinity,
      NaN,
    ],
  ],
  ndtri: [
    [0.001000000047, 0.1000000015, 0.5, 0.9750000238],
    [-3.090232292, -1.281551557, 0.0, 1.959964392],
  ],
  ndtr: [
    [-4.0, -1.0, 0.0, 0.5, 3.0],
    [3.167124183e-5, 0.1586552539, 0.5, 0.6914624613, 0.998650102],
  ],
}

const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  lgamma: x => x.lgamma(),
  digamma: x => x.digamma(),
  trigamma: x => x.polygamma(1),
  tetragamma: x => x.polygamma(2),
  erfc: x => x.erfc(),
  erfinv: x => x.erfinv(),
  ndtri: x => x.ndtri(),
  ndtr: x => x.ndtr(),
}

describe('values', () => {
  for (const [name, [x, y]] of Object.entries(scipy))
    onEachDevice(`${name} is SciPy's`, async () => {
      expectClose(await functions[name](tensor([...x])).numbers(), y, { absolute: 1e-6, relative: 4e-6 }, name)
    })
})

const shapes = [[3, 4], []] as const
const unit = [-0.9, 0.9] as const
const pairs = [[[3, 4], [4]]] as const
checkOp('asin', x => x.asin(), { shapes, range: unit, plain: Math.asin })
checkOp('acos', x => x.acos(), { shapes, range: unit, plain: Math.acos })
checkOp('atan', x => x.atan(), { shapes, plain: Math.atan })
checkOp('sinh', x => x.sinh(), { shapes, plain: Math.sinh })
checkOp('cosh', x => x.cosh(), { shapes, plain: Math.cosh })
checkOp('asinh', x => x.asinh(), { shapes, plain: Math.asinh })
checkOp('acosh', x => x.acosh(), { shapes, range: [1.2, 5], plain: Math.acosh })
checkOp('atanh', x => x.atanh(), { shapes, range: unit, plain: Math.atanh })
checkOp('exp2', x => x.exp2(), { shapes, plain: x => 2 ** x })
checkOp('log2', x => x.log2(), { shapes, range: [0.1, 5], plain: Math.log2 })
checkOp('log10', x => x.log10(), { shapes, range: [0.1, 5], plain: Math.log10 })
checkOp('lgamma', x => x.lgamma(), { shapes, range: [0.2, 9], dtypes: ['f16', 'f64'] })
checkOp('lgamma below 0', x => x.lgamma(), { shapes: [[5]], range: [-2.8, -2.2], second: false })
checkOp('digamma', x => x.digamma(), { shapes, range: [0.3, 9] })
checkOp('polygamma', x => x.polygamma(1), { shapes, range: [0.5, 9] })
checkOp('erfc', x => x.erfc(), { shapes })
checkOp('erfinv', x => x.erfinv(), { shapes, range: unit })
checkOp('ndtr', x => x.ndtr(), { shapes })
checkOp('mvlgamma', x => x.mvlgamma(2), { shapes, range: [1, 4] })
checkOp('sinc', x => x.sinc(), {
  shapes,
  plain: x => (x === 0 ? 1 : Math.sin(Math.fround(Math.PI * x)) / (Math.PI * x)),
  plainTolerance: { absolute: 1e-6 },
  second: false,
})
checkOp('logit', x => x.logit(), { shapes, range: [0.1, 0.9] })
checkOp('entr', x => x.entr(), {
  shapes,
  range: [0.1, 2],
  plain: x => (x < 0 ? -Infinity : x === 0 ? 0 : -x * Math.log(x)),
})
checkOp('hypot', (a, b) => a.hypot(b), { shapes: pairs, plain: Math.hypot })
const logaddexp = (a: number, b: number) =>
  a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))
checkOp('logaddexp', (a, b) => a.logaddexp(b), { shapes: pairs, plain: logaddexp })
checkOp('logaddexp2', (a, b) => a.logaddexp2(b), { shapes: pairs })
const xlogy = (x: number, y: number) => (Number.isNaN(y) ? NaN : x === 0 ? 0 : x * Math.log(y))
checkOp('xlogy', (a, b) => a.xlogy(b), { shapes: pairs, range: [0.1, 2], plain: xlogy })
checkOp('xlog1py', (a, b) => a.xlog1py(b), { shapes: pairs, range: [0.1, 2] })

onEachDevice('powers of two and ten are exact', async () => {
  expect(await tensor([0, 1, 10, -3, 100]).exp2().numbers()).toEqual([1, 2, 1024, 0.125, 2 ** 100])
  expect(
    await tensor([1, 8, 1024, 0.125, 2 ** 31])
      .log2()
      .numbers(),
  ).toEqual([0, 3, 10, -3, 31])
  expect(await tensor([1, 10, 1000, 1e6, 1e9]).log10().numbers()).toEqual([0, 1, 3, 6, 9])
  // the smallest number of f32 is the nearest to 1e-45, and not it
  const smallest = tensor([2 ** -149])
  // a GPU may take it for 0
  if (smallest.device !== 'webgpu')
    expectClose(await smallest.log10().numbers(), [Math.log10(2 ** -149)], { absolute: 0, relative: 2e-7 }, 'log10')
  expect(await tensor([8, 16], { dtype: 'i32' }).log2().numbers()).toEqual([3, 4])
})

onEachDevice('derivatives stay finite where values are', async () => {
  const slope = async (f: (x: Tensor) => Tensor, x: number) => await grad(f)(tensor(x)).item()
  expect(await slope(x => x.hypot(0), 0)).toBe(0)
  expect(await slope(x => x.xlogy(0), 0)).toBe(0)
  expect(await slope(x => x.logaddexp(tensor(-Infinity)), -Infinity)).toBe(0.5)
  expect(await slope(x => x.sinc(), 0)).toBe(0)
  expect(await slope(x => x.lgamma(), 1)).toBeCloseTo(-0.5772157, 5)
})

test('polygamma refuses what is no order', () => {
  expect(() => tensor(1).polygamma(-1)).toThrow('polygamma: n must be a whole number of at least 0, not -1')
})
