// The discrete Fourier transform of the last axis. Small lengths are a product with the matrix of the transform; composite ones go by their factors (J. Cooley and J. Tukey
// 1965, in the four-step form, so that each step is such a product); large primes by the chirp of L. Bluestein (1970). All of it is linear ops, so derivatives and vmap follow.

import { hostTensor } from '../ops/build.ts'
import type { Tensor } from '../tensor.ts'
import { complexMul } from './complex.ts'

/** Up to this length one product is as fast as its factors. */
const direct = 64
/** Primes up to this length are one product too. */
const directPrime = 128

/** cos and sin of -2 pi k / n (or + for the inverse), k reduced first. */
function root(k: number, n: number, sign: number): readonly [number, number] {
  const angle = (sign * 2 * Math.PI * (k % n)) / n
  return [Math.cos(angle), Math.sin(angle)]
}

/** The transform of n complex values as a real matrix [2 n, 2 n] that multiplies rows of pairs. */
function matrixOf(n: number, sign: number, like: Tensor): Tensor {
  const values = new Float64Array(4 * n * n)
  for (let j = 0; j < n; j++)
    for (let k = 0; k < n; k++) {
      const [c, s] = root(j * k, n, sign)
      values.set([c, s], 2 * j * 2 * n + 2 * k)
      values.set([-s, c], (2 * j + 1) * 2 * n + 2 * k)
    }
  return hostTensor(values, [2 * n, 2 * n], like.dtype, like)
}

/** A table [...shape, 2] of roots of unity. */
function table(shape: readonly number[], like: Tensor, at: (i: number) => readonly [number, number]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const values = new Float64Array(2 * size)
  for (let i = 0; i < size; i++) values.set(at(i), 2 * i)
  return hostTensor(values, [...shape, 2], like.dtype, like)
}

const smallestFactor = (n: number): number => {
  for (let p = 2; p * p <= n; p++) if (n % p === 0) return p
  return n
}

/** The divisor of n that goes first: as large as one product takes. 1 where there is none but large primes. */
function firstFactor(n: number): number {
  let best = 1
  for (let d = 2; d <= direct / 2; d++) if (n % d === 0) best = d
  return best
}

/** @param x [rows, n, 2] @param sign -1 forward, 1 inverse (unscaled) */
export function transform(x: Tensor, sign: -1 | 1): Tensor {
  const [rows, n] = x.shape
  if (n === 1) return x
  const prime = smallestFactor(n) === n
  if (n <= direct || (prime && n <= directPrime))
    return x
      .reshape([rows, 2 * n])
      .matmul(matrixOf(n, sign, x))
      .reshape([rows, n, 2])
  const a = firstFactor(n)
  if (a === 1) return prime || n > 2 ** 16 ? chirped(x, sign) : bySmallest(x, sign)
  return byFactors(x, a, sign)
}

const bySmallest = (x: Tensor, sign: -1 | 1): Tensor => byFactors(x, smallestFactor(x.shape[1]), sign)

/** n = a b: transforms of length a, roots of unity in between, transforms of length b. */
function byFactors(x: Tensor, a: number, sign: -1 | 1): Tensor {
  const [rows, n] = x.shape
  const b = n / a
  const columns = x.reshape([rows, a, b, 2]).permute([0, 2, 1, 3])
  const first = transform(columns.reshape([rows * b, a, 2]), sign).reshape([rows, b, a, 2])
  const between = table([b, a], x, i => root(Math.floor(i / a) * (i % a), n, sign))
  const turned = complexMul(first, between).permute([0, 2, 1, 3])
  const second = transform(turned.reshape([rows * a, b, 2]), sign).reshape([rows, a, b, 2])
  return second.permute([0, 2, 1, 3]).reshape([rows, n, 2])
}

/** A convolution with a chirp, of a length that is a power of two. */
function chirped(x: Tensor, sign: -1 | 1): Tensor {
  const [rows, n] = x.shape
  const m = 2 ** Math.ceil(Math.log2(2 * n - 1))
  // k^2 modulo 2 n, so that large k stay exact
  const chirp = (k: number, s: number) => root(Number((BigInt(k) * BigInt(k)) % BigInt(2 * n)), 2 * n, s)
  const own = table([n], x, k => chirp(k, sign))
  const wave = table([1, m], x, k => (k < n ? chirp(k, -sign) : m - k < n ? chirp(m - k, -sign) : [0, 0]))
  const padded = complexMul(x, own).pad([
    [0, 0],
    [0, m - n],
    [0, 0],
  ])
  const product = complexMul(transform(padded, -1), transform(wave, -1))
  const back = transform(product, 1).narrow(1, 0, n).div(m)
  return complexMul(back, own).reshape([rows, n, 2])
}
