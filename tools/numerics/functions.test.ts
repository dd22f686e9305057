// The yardstick's own functions, at values of tables (Abramowitz and Stegun; to 15 digits or what the table has) and by their identities.
import { expect, test } from 'vitest'
import { digamma, erf, erfc, erfinv, lgamma, ndtr, ndtri, sigmoid, softplus, trigamma } from './functions.ts'
import { numberAt, placeOf, sweep, ulps } from './ulp.ts'

const near = (got: number, wanted: number, relative = 1e-14): void =>
  expect(Math.abs(got - wanted), `${got} where ${wanted} is wanted`).toBeLessThanOrEqual(relative * Math.abs(wanted))

test('known values', () => {
  near(erf(0.5), 0.5204998778130465)
  near(erf(1), 0.8427007929497149)
  near(erfc(2), 0.004677734981047266, 1e-13)
  near(erfc(5), 1.5374597944280349e-12, 1e-13)
  near(ndtr(-1), 0.15865525393145705)
  near(lgamma(0.5), Math.log(Math.PI) / 2)
  near(lgamma(10), Math.log(362880))
  near(lgamma(1.5), Math.log(Math.sqrt(Math.PI) / 2), 1e-13)
  near(lgamma(-0.5), Math.log(2 * Math.sqrt(Math.PI)))
  near(digamma(1), -0.5772156649015329)
  near(digamma(0.5), -0.5772156649015329 - 2 * Math.LN2)
  near(digamma(-0.5), 2 - 0.5772156649015329 - 2 * Math.LN2, 1e-13)
  near(trigamma(1), Math.PI ** 2 / 6)
  near(trigamma(0.5), Math.PI ** 2 / 2)
  near(sigmoid(-745), Math.exp(-745))
  near(softplus(-50), Math.exp(-50))
  expect([lgamma(1), lgamma(2), lgamma(-3), erf(0), ndtri(0.5)]).toEqual([0, 0, Infinity, 0, 0])
})

test('inverses', () => {
  for (const x of [1e-6, 0.01, 0.3, 0.4769, 0.7, 1, 2, 3]) near(erfinv(erf(x)), x, x < 2 ? 1e-13 : 1e-10)
  for (const p of [1e-30, 1e-9, 1e-3, 0.2, 0.4999, 0.7]) near(ndtr(ndtri(p)), p, 1e-12)
})

test('around 1 and 2 the logarithm of the gamma function keeps its digits', () => {
  for (const z of [1e-9, -1e-7, 1e-5]) {
    near(lgamma(1 + z), -0.5772156649015329 * (1 + z - 1) + (Math.PI ** 2 / 12) * (1 + z - 1) ** 2, 1e-9) // biome-ignore format: one formula
    near(lgamma(2 + z), (1 - 0.5772156649015329) * (2 + z - 2), Math.abs(z))
  }
})

test('units in the last place', () => {
  expect(ulps(1 + 2 ** -23, 1)).toBe(1)
  expect(ulps(1, 1 + 2 ** -24)).toBe(0.5)
  expect(ulps(0, 2 ** -149)).toBe(1)
  expect(ulps(2 ** -30, 0, 1)).toBe(2 ** -7)
  expect(ulps(Infinity, 1e39)).toBe(0)
  expect(ulps(3.4028234663852886e38, 1e39)).toBe(1)
  expect(ulps(NaN, 1)).toBe(Infinity)
  expect(ulps(-0, 0)).toBe(0)
})

test('a sweep runs through zero, both ends included', () => {
  expect([numberAt(placeOf(-2.5)), numberAt(placeOf(0)), numberAt(1)]).toEqual([-2.5, 0, 2 ** -149])
  const all = sweep(-1, 1, 1000, [0.5])
  expect([Math.min(...all), Math.max(...all)]).toEqual([-1, 1])
  expect(all.length).toBeGreaterThan(1000)
  expect(all).toContain(Math.fround(0.5 + 2 ** -24))
})
