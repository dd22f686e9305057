// Special functions against values of SciPy 1.17 (rounded to ten digits), and at the edges of their domains.

import { describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { digamma, entr, erfc, erfinv, lgamma, mvlgamma, ndtr, ndtri, polygamma, xlog1py } from './index.ts'

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
  lgamma,
  digamma,
  trigamma: x => polygamma(x, 1),
  tetragamma: x => polygamma(x, 2),
  erfc,
  erfinv,
  ndtri,
  ndtr,
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
checkOp('lgamma', lgamma, { shapes, range: [0.2, 9], dtypes: ['f16', 'f64'] })
checkOp('lgamma below 0', lgamma, { shapes: [[5]], range: [-2.8, -2.2], second: false })
checkOp('digamma', digamma, { shapes, range: [0.3, 9] })
checkOp('polygamma', x => polygamma(x, 1), { shapes, range: [0.5, 9] })
checkOp('erfc', erfc, { shapes })
checkOp('erfinv', erfinv, { shapes, range: unit })
checkOp('ndtr', ndtr, { shapes })
checkOp('mvlgamma', x => mvlgamma(x, 2), { shapes, range: [1, 4] })
checkOp('entr', entr, {
  shapes,
  range: [0.1, 2],
  plain: x => (x < 0 ? -Infinity : x === 0 ? 0 : -x * Math.log(x)),
})
checkOp('xlog1py', (a, b) => xlog1py(a, b), { shapes: pairs, range: [0.1, 2] })
checkOp('ndtri', ndtri, { shapes, range: [0.1, 0.9], tolerance: { absolute: 1e-4, relative: 1e-3 } })

onEachDevice('the derivative of lgamma is exact where it is 0', async () => {
  expect(await grad(lgamma)(tensor(1)).item()).toBeCloseTo(-0.5772157, 5)
})

test('polygamma refuses what is no order', () => {
  expect(() => polygamma(tensor(1), -1)).toThrow('polygamma: n must be a whole number of at least 0, not -1')
})
