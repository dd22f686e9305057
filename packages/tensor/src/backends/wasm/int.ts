// Integer expressions over the stack assembler, for the address and loop arithmetic of hand-written templates:
// `set(end, add(x, mul(count, 4)))` instead of a run of stack instructions. Unsigned throughout, as addresses are.

import type { Func, FuncBuilder, Local } from '@cairn/wasm'

/** Something that leaves one i32 on the stack: a local, a constant, or code. An expression used twice is computed twice. */
export type Int = Local<'i32'> | number | (() => void)

type BinaryName = 'add' | 'sub' | 'mul' | 'div_u' | 'rem_u' | 'and' | 'or' | 'shl' | 'shr_u'
type CompareName = 'eq' | 'ne' | 'lt_u' | 'le_u' | 'gt_u' | 'ge_u' | 'ge_s'

/** The vocabulary, bound to one function under construction. */
export interface Ints {
  local(): Local<'i32'>
  push(x: Int): void
  add(a: Int, b: Int, ...more: Int[]): Int
  sub(a: Int, b: Int): Int
  /** A constant power of two becomes a shift. */
  mul(a: Int, b: Int): Int
  div(a: Int, b: Int): Int
  rem(a: Int, b: Int): Int
  and(a: Int, b: Int): Int
  or(a: Int, b: Int): Int
  /** ceil(a / b) */
  ceilDiv(a: Int, b: Int): Int
  /** the next multiple of a power of two */
  roundUp(a: Int, to: number): Int
  min(a: Int, b: Int): Int
  max(a: Int, b: Int): Int
  /** condition ? a : b, both computed */
  choose(condition: Int, a: Int, b: Int): Int
  eq(a: Int, b: Int): Int
  ne(a: Int, b: Int): Int
  lt(a: Int, b: Int): Int
  le(a: Int, b: Int): Int
  gt(a: Int, b: Int): Int
  ge(a: Int, b: Int): Int
  /** signed */
  geSigned(a: Int, b: Int): Int
  set(local: Local<'i32'>, value: Int): void
  /** local += by */
  bump(local: Local<'i32'>, by: Int): void
  /** pointers[i] = base + i * stride */
  chain(pointers: readonly Local<'i32'>[], base: Int, stride: Int): void
  when(condition: Int, then: () => void, otherwise?: () => void): void
  while(condition: Int, body: () => void): void
  /** for (local = from; local < to; local += step) */
  range(local: Local<'i32'>, from: Int, to: Int, step: Int, body: () => void): void
  /** As `range`, with at least one round. */
  rangeOnce(local: Local<'i32'>, from: Int, to: Int, step: Int, body: () => void): void
  call(func: Func, ...args: Int[]): void
}

const isPowerOfTwo = (x: Int): x is number => typeof x === 'number' && x > 0 && (x & (x - 1)) === 0

export function ints(f: FuncBuilder): Ints {
  const push = (x: Int): void => {
    if (typeof x === 'number') f.i32_const(x)
    else if (typeof x === 'function') x()
    else f.get(x)
  }
  const binary =
    (name: BinaryName | CompareName) =>
    (a: Int, b: Int): Int =>
    () => {
      push(a)
      push(b)
      f[`i32_${name}`]()
    }
  const [plus, sub, times, div, rem] = [binary('add'), binary('sub'), binary('mul'), binary('div_u'), binary('rem_u')]
  const [and, shl, shr] = [binary('and'), binary('shl'), binary('shr_u')]
  const add = (a: Int, b: Int, ...more: Int[]): Int => [b, ...more].reduce((sum, x) => plus(sum, x), a)
  const choose =
    (condition: Int, a: Int, b: Int): Int =>
    () => {
      push(a)
      push(b)
      push(condition)
      f.select()
    }
  const lt = binary('lt_u')
  const quotient = (a: Int, b: Int): Int => (isPowerOfTwo(b) ? shr(a, Math.log2(b)) : div(a, b))
  const set = (local: Local<'i32'>, value: Int): void => {
    push(value)
    f.set(local)
  }
  const whileLoop = (condition: Int, body: () => void): void => {
    f.while(() => push(condition), body)
  }

  return {
    local: () => f.local('i32'),
    push,
    add,
    sub,
    mul: (a, b) => (b === 1 ? a : isPowerOfTwo(b) ? shl(a, Math.log2(b)) : times(a, b)),
    div: quotient,
    rem,
    and,
    or: binary('or'),
    ceilDiv: (a, b) => quotient(typeof b === 'number' ? add(a, b - 1) : sub(add(a, b), 1), b),
    roundUp: (a, to) => and(add(a, to - 1), -to),
    min: (a, b) => choose(lt(a, b), a, b),
    max: (a, b) => choose(lt(a, b), b, a),
    choose,
    eq: binary('eq'),
    ne: binary('ne'),
    lt,
    le: binary('le_u'),
    gt: binary('gt_u'),
    ge: binary('ge_u'),
    geSigned: binary('ge_s'),
    set,
    bump: (local, by) => set(local, add(local, by)),
    chain(pointers, base, stride) {
      pointers.forEach((pointer, i) => {
        set(pointer, i === 0 ? base : add(pointers[i - 1], stride))
      })
    },
    when(condition, then, otherwise) {
      push(condition)
      f.if(then, otherwise)
    },
    while: whileLoop,
    range(local, from, to, step, body) {
      set(local, from)
      whileLoop(lt(local, to), () => {
        body()
        set(local, add(local, step))
      })
    },
    rangeOnce(local, from, to, step, body) {
      set(local, from)
      f.loop(again => {
        body()
        set(local, add(local, step))
        push(lt(local, to))
        f.br_if(again)
      })
    },
    call(func, ...args) {
      for (const arg of args) push(arg)
      f.call(func)
    },
  }
}
