// Transcendental functions against JavaScript's own, and at the edges of their domains.

import { expect } from 'vitest'
import { grad, type Tensor, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'

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
checkOp('sinc', x => x.sinc(), {
  shapes,
  plain: x => (x === 0 ? 1 : Math.sin(Math.fround(Math.PI * x)) / (Math.PI * x)),
  plainTolerance: { absolute: 1e-6 },
  second: false,
})
checkOp('logit', x => x.logit(), { shapes, range: [0.1, 0.9] })
checkOp('hypot', (a, b) => a.hypot(b), { shapes: pairs, plain: Math.hypot })
const logaddexp = (a: number, b: number) =>
  a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))
checkOp('logaddexp', (a, b) => a.logaddexp(b), { shapes: pairs, plain: logaddexp })
checkOp('logaddexp2', (a, b) => a.logaddexp2(b), { shapes: pairs })
const xlogy = (x: number, y: number) => (Number.isNaN(y) ? NaN : x === 0 ? 0 : x * Math.log(y))
checkOp('xlogy', (a, b) => a.xlogy(b), { shapes: pairs, range: [0.1, 2], plain: xlogy })

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
  // -pi^2 x / 3, where the quotient's derivative has lost all digits in f32
  expect((await slope(x => x.sinc(), 1e-3)) / ((-(Math.PI ** 2) * 1e-3) / 3)).toBeCloseTo(1, 5)
})
