// Halves against exhaustive round trips and against the definition of rounding to nearest, ties to even.

import { expect, test } from 'vitest'
import { CairnError, ShapeError } from './errors.ts'
import {
  bf16ToNumber as fromBf16,
  f16ToNumber as fromF16,
  numberToBf16 as toBf16,
  numberToF16 as toF16,
} from './kernel/half.ts'
import { decode, encode, roundTo } from './numeric.ts'
import { draw, testSeed } from './testing/random.ts'

const everyHalf = Array.from({ length: 65536 }, (_, bits) => bits)

test('every f16 survives the round trip', () => {
  for (const bits of everyHalf) {
    const value = fromF16(bits)
    if (Number.isNaN(value)) expect(Number.isNaN(fromF16(toF16(value)))).toBe(true)
    else expect(toF16(value)).toBe(bits)
  }
})

test('every bf16 survives the round trip', () => {
  for (const bits of everyHalf) {
    const value = fromBf16(bits)
    if (Number.isNaN(value)) expect(Number.isNaN(fromBf16(toBf16(value)))).toBe(true)
    else expect(toBf16(value)).toBe(bits)
  }
})

/** Checks that a rounding picks the nearest of the finite values, and the even one of two equally near. */
function checkNearest(to: (v: number) => number, from: (bits: number) => number, values: readonly number[]): void {
  for (const v of values) {
    const bits = to(v)
    const error = Math.abs(from(bits) - v)
    for (const beside of [bits - 1, bits + 1]) {
      const other = from(beside & 0xffff)
      if (!Number.isFinite(other) || Math.sign(other) * Math.sign(v) < 0) continue
      const near = Math.abs(other - v)
      expect(error < near || (error === near && bits % 2 === 0), `${v} (seed ${testSeed})`).toBe(true)
    }
  }
}

test('f16 rounds to the nearest, ties to even', () => {
  const from = draw('f16')
  const random = Array.from({ length: 5000 }, () => from.uniform(-1, 1) * 2 ** from.integer(-26, 16))
  const ties = Array.from({ length: 2000 }, () => {
    const low = from.integer(0, 0x7bff)
    return (fromF16(low) + fromF16(low + 1)) / 2
  })
  checkNearest(toF16, fromF16, [...random, ...ties, ...ties.map(v => -v)])
  expect([65519.99, 65520, -65520, Infinity].map(v => fromF16(toF16(v)))).toEqual([
    65504,
    Infinity,
    -Infinity,
    Infinity,
  ])
  expect(Object.is(fromF16(toF16(-0)), -0)).toBe(true)
})

test('bf16 rounds to the nearest, ties to even', () => {
  const from = draw('bf16')
  const random = Array.from({ length: 5000 }, () => Math.fround(from.uniform(-1, 1) * 2 ** from.integer(-120, 120)))
  const ties = Array.from({ length: 2000 }, () => {
    const low = from.integer(0, 0x7f7f)
    return (fromBf16(low) + fromBf16(low + 1)) / 2
  })
  checkNearest(toBf16, fromBf16, [...random, ...ties, ...ties.map(v => -v)])
})

test('integers wrap, i64 saturates, bool is 0 or 1', () => {
  expect([2 ** 31, -1, 2 ** 32 + 5].map(roundTo('i32'))).toEqual([-(2 ** 31), -1, 5])
  expect([-1, 2 ** 32].map(roundTo('u32'))).toEqual([2 ** 32 - 1, 0])
  expect([128, -129].map(roundTo('i8'))).toEqual([-128, 127])
  expect([256, -1].map(roundTo('u8'))).toEqual([0, 255])
  expect([0, -2].map(roundTo('bool'))).toEqual([0, 1])
  expect(encode('i64', [2 ** 63, -(2 ** 70), 5])).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 5n))
  expect([...decode('i64', BigInt64Array.of(-7n))]).toEqual([-7])
  expect(encode('bool', [3, 0])).toEqual(Uint8Array.of(1, 0))
})

test('an error says op, problem and values in one sentence, and carries them', () => {
  const error = new ShapeError('stack', 'shapes differ', { left: [2, 3], right: [4], axis: 1 })
  expect(error.message).toBe('stack: shapes differ (left [2, 3], right [4], axis 1)')
  expect(error).toBeInstanceOf(CairnError)
  expect([error.name, error.op, error.data.axis]).toEqual(['ShapeError', 'stack', 1])
})
