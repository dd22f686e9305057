// Each word of the integer vocabulary, compiled and compared with JavaScript's unsigned arithmetic.

import { type Local, ModuleBuilder } from '@cairn/wasm'
import { expect, test } from 'vitest'
import { type Int, type Ints, ints } from './int.ts'

function compile(write: (int: Ints, a: Local<'i32'>, b: Local<'i32'>) => Int): (a: number, b: number) => number {
  const module = new ModuleBuilder()
  module.func({ params: ['i32', 'i32'], results: ['i32'], export: 'run' }, (f, a, b) => {
    const int = ints(f)
    int.push(write(int, a, b))
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()))
  const run = exports.run as (a: number, b: number) => number
  return (a, b) => run(a, b) >>> 0
}

const pairs = [
  [0, 1],
  [7, 3],
  [3, 7],
  [8, 8],
  [4000000000, 3],
  [5, 4000000000],
] as const

const u32 = (x: number): number => x >>> 0

const expressions: Record<string, [(int: Ints, a: Int, b: Int) => Int, (a: number, b: number) => number]> = {
  add: [({ add }, a, b) => add(a, b, 5, a), (a, b) => u32(a + b + 5 + a)],
  sub: [({ sub }, a, b) => sub(a, b), (a, b) => u32(a - b)],
  mul: [({ mul }, a, b) => mul(a, b), (a, b) => u32(Math.imul(a, b))],
  'mul by a power of two': [({ mul }, a) => mul(a, 32), a => u32(Math.imul(a, 32))],
  'mul by one': [({ mul }, a) => mul(a, 1), a => a],
  'mul by six': [({ mul }, a) => mul(a, 6), a => u32(Math.imul(a, 6))],
  div: [({ div }, a, b) => div(a, b), (a, b) => Math.floor(a / b)],
  'div by a power of two': [({ div }, a) => div(a, 8), a => Math.floor(a / 8)],
  rem: [({ rem }, a, b) => rem(a, b), (a, b) => a % b],
  and: [({ and }, a, b) => and(a, b), (a, b) => u32(a & b)],
  or: [({ or }, a, b) => or(a, b), (a, b) => u32(a | b)],
  ceilDiv: [({ ceilDiv }, a, b) => ceilDiv(a, b), (a, b) => Math.floor(u32(a + b - 1) / b)],
  'ceilDiv by a constant': [({ ceilDiv }, a) => ceilDiv(a, 6), a => Math.ceil(a / 6)],
  roundUp: [({ roundUp }, a) => roundUp(a, 16), a => Math.ceil(a / 16) * 16],
  min: [({ min }, a, b) => min(a, b), (a, b) => Math.min(a, b)],
  max: [({ max }, a, b) => max(a, b), (a, b) => Math.max(a, b)],
  choose: [({ choose, lt }, a, b) => choose(lt(a, b), 10, 20), (a, b) => (a < b ? 10 : 20)],
  eq: [({ eq }, a, b) => eq(a, b), (a, b) => Number(a === b)],
  ne: [({ ne }, a, b) => ne(a, b), (a, b) => Number(a !== b)],
  lt: [({ lt }, a, b) => lt(a, b), (a, b) => Number(a < b)],
  le: [({ le }, a, b) => le(a, b), (a, b) => Number(a <= b)],
  gt: [({ gt }, a, b) => gt(a, b), (a, b) => Number(a > b)],
  ge: [({ ge }, a, b) => ge(a, b), (a, b) => Number(a >= b)],
  geSigned: [({ geSigned }, a, b) => geSigned(a, b), (a, b) => Number((a | 0) >= (b | 0))],
}

test.each(Object.entries(expressions))('%s', (_, [write, expected]) => {
  const run = compile(write)
  for (const [a, b] of pairs) expect(run(a, b), `${a}, ${b}`).toBe(expected(a, b))
})

test('range runs no round for an empty range, rangeOnce one; when takes its branch', () => {
  const count = (name: 'range' | 'rangeOnce') =>
    compile((int, a, b) => {
      const [i, rounds] = [int.local(), int.local()]
      int[name](i, a, b, 2, () => {
        int.when(
          int.eq(i, a),
          () => int.bump(rounds, 100),
          () => int.bump(rounds, 1),
        )
      })
      return rounds
    })
  expect([count('range')(3, 3), count('range')(3, 4), count('range')(3, 8)]).toEqual([0, 100, 102])
  expect([count('rangeOnce')(3, 3), count('rangeOnce')(3, 4), count('rangeOnce')(3, 8)]).toEqual([100, 100, 102])
})
