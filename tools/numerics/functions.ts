// Special functions in double precision, for what Math does not have: the yardstick of docs/numerics.md. They share no formula with the library's kernels where
// another one is as good. Errors are some 1e-15, far below half a unit of f32. Formulas: Abramowitz and Stegun 1964, by number.

/** Sum of a series from its terms, until they no longer count. */
function series(term: (n: number) => number, from: number): number {
  let sum = 0
  for (let n = from; n < from + 500; n++) {
    const t = term(n)
    sum += t
    if (Math.abs(t) <= Number.EPSILON * 1e-2 * Math.abs(sum)) break
  }
  return sum
}

/** 7.1.6, whose terms all have one sign */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a > 2) return Math.sign(x) * (1 - erfc(a))
  let t = x
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * series(n => (n === 0 ? t : (t *= (2 * x * x) / (2 * n + 1))), 0)
}

/** 7.1.14, from the inside out */
export function erfc(x: number): number {
  if (x < 2) return 1 - erf(x)
  let fraction = x
  for (let n = 120; n >= 1; n--) fraction = x + n / 2 / fraction
  return Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI))
}

export const ndtr = (x: number): number => 0.5 * erfc(-x * Math.SQRT1_2)

/** The x of erfc(x) = p for 0 < p <= 1, by Halley's steps from Winitzki's guess. */
function erfcinv(p: number): number {
  if (p === 0) return Infinity
  const log = p < 0.5 ? Math.log(p * (2 - p)) : Math.log1p(-((1 - p) ** 2))
  const half = 2 / (Math.PI * 0.147) + log / 2
  let x = Math.sqrt(Math.max(0, Math.sqrt(half * half - log / 0.147) - half))
  for (let i = 0; i < 8; i++) {
    const slope = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)
    // near 0 the difference is taken where nothing cancels
    const newton = (p > 0.5 ? 1 - p - erf(x) : erfc(x) - p) / slope
    x += newton / (1 - x * newton)
  }
  return x
}
export const erfinv = (y: number): number => {
  const a = Math.abs(y)
  if (a === 1) return y * Infinity
  // for small y the series' first two terms, 7.4 of Carlitz 1963
  if (a < 1e-4) return (Math.sqrt(Math.PI) / 2) * (y + (Math.PI / 12) * y ** 3)
  return Math.sign(y) * erfcinv(1 - a)
}
export const ndtri = (p: number): number => {
  if (p === 0.5) return 0
  if (Math.abs(p - 0.5) < 0.25) return Math.SQRT2 * erfinv(2 * p - 1)
  return p < 0.5 ? -Math.SQRT2 * erfcinv(2 * p) : Math.SQRT2 * erfcinv(2 * (1 - p))
}

/** zeta(k), k >= 2, by Euler and Maclaurin from n = 40 (23.2.3) */
const zeta = (k: number): number => {
  const n = 40
  let sum = 0
  for (let i = 1; i < n; i++) sum += i ** -k
  return sum + n ** (1 - k) / (k - 1) + n ** -k / 2 + (k * n ** (-k - 1)) / 12 - (k * (k + 1) * (k + 2) * n ** (-k - 3)) / 720 + (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * n ** (-k - 5)) / 30240 // biome-ignore format: one formula
}
const zetas = Array.from({ length: 80 }, (_, k) => (k < 2 ? 0 : zeta(k)))
const euler = 0.5772156649015329

/** log gamma(1 + z) for |z| <= 1/2: 6.1.33 */
const lgamma1p = (z: number): number => -euler * z + series(k => (k < 80 ? (zetas[k] * (-z) ** k) / k : 0), 2)

/** B_2k of 23.2 */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]

export function lgamma(x: number): number {
  if (Number.isInteger(x) && x <= 0) return Infinity
  if (x < 0) return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x) // 6.1.17
  if (x === Infinity) return x
  if (x < 0.5) return lgamma1p(x) - Math.log(x)
  if (x <= 1.5) return lgamma1p(x - 1)
  if (x <= 2.5) return Math.log1p(x - 2) + lgamma1p(x - 2)
  let z = x
  let product = 1
  for (; z < 16; z++) product *= z
  // 6.1.40
  const tail = bernoulli.reduce((sum, b, i) => sum + b / ((2 * i + 2) * (2 * i + 1) * z ** (2 * i + 1)), 0)
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + tail - Math.log(product)
}

/** sin(pi x), which is exactly 0 at whole x */
const sinPi = (x: number): number => {
  const r = x - 2 * Math.round(x / 2)
  return Math.abs(r) <= 0.5 ? Math.sin(Math.PI * r) : Math.sign(r) * Math.sin(Math.PI * (1 - Math.abs(r)))
}
const tanPi = (x: number): number => Math.tan(Math.PI * (x - Math.round(x)))

export function digamma(x: number): number {
  if (x === 0) return -Infinity / x
  if (x < 0) return Number.isInteger(x) ? NaN : digamma(1 - x) - Math.PI / tanPi(x) // 6.3.7
  let z = x
  let sum = 0
  for (; z < 16; z++) sum -= 1 / z
  return sum + Math.log(z) - 0.5 / z - bernoulli.reduce((s, b, i) => s + b / ((2 * i + 2) * z ** (2 * i + 2)), 0) // 6.3.18
}

export function trigamma(x: number): number {
  let z = x
  let sum = 0
  for (; z < 16; z++) sum += 1 / (z * z)
  return sum + 1 / z + 0.5 / (z * z) + bernoulli.reduce((s, b, i) => s + b / z ** (2 * i + 3), 0) // 6.4.12
}

/** log(1 + exp(x)) */
export const softplus = (x: number): number => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)))
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
