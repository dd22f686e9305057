import { expect, test } from 'vitest'
import { cubicMinimum, type Point, strongWolfe } from './line-search.ts'

const pointsOf =
  (f: (t: number) => number, slope: (t: number) => number) =>
  (t: number): Point => ({ t, loss: f(t), slope: slope(t) })

test('the minimum of a cubic through two points, bounded', () => {
  // (t - 2)^2 (t + 1)
  const at = pointsOf(
    t => (t - 2) ** 2 * (t + 1),
    t => 3 * t * (t - 2),
  )
  expect(cubicMinimum(at(0.5), at(3))).toBeCloseTo(2, 12)
  expect(cubicMinimum(at(3), at(0.5))).toBeCloseTo(2, 12)
  expect(cubicMinimum(at(0.5), at(3), [2.4, 3])).toBe(2.4)
  expect(cubicMinimum(at(0.5), { ...at(3), slope: Number.NaN })).toBe(1.75)
})

const functions: [string, (t: number) => number, (t: number) => number][] = [
  ['a parabola', t => (t - 3) ** 2, t => 2 * (t - 3)],
  ['a valley with a steep wall', t => Math.exp(t) - 5 * t, t => Math.exp(t) - 5],
  ['waves on a slope', t => Math.sin(3 * t) - t + 0.1 * t * t, t => 3 * Math.cos(3 * t) - 1 + 0.2 * t],
  ['a far minimum', t => (t / 500 - 1) ** 4, t => (4 / 500) * (t / 500 - 1) ** 3],
  ['a kink', t => Math.abs(t - 0.7) * 2 - t, t => (t > 0.7 ? 1 : -3)],
]
for (const [name, f, slope] of functions)
  for (const first of [1e-3, 1, 40])
    test(`${name} from ${first}: the step decreases enough, and is flat enough where that can be`, async () => {
      const at = pointsOf(f, slope)
      const start = at(0).slope < 0 ? at(0) : at(0.6)
      const shifted = async (t: number): Promise<Point> => ({ ...at(start.t + t), t })
      const { point, evaluations } = await strongWolfe(shifted, { ...start, t: 0 }, first, {
        longest: 1,
        toleranceChange: 1e-9,
      })
      expect(evaluations).toBeLessThanOrEqual(27)
      expect(point.loss).toBeLessThanOrEqual(start.loss + 1e-4 * point.t * start.slope)
      if (name !== 'a kink') expect(Math.abs(point.slope)).toBeLessThanOrEqual(0.9 * Math.abs(start.slope))
    })
