// A printed kernel against the interpreter, on buffers of numbers drawn here.

import { expect } from 'vitest'
import { type DType, isFloat, type TypedArray } from '../../../dtype.ts'
import { binary, f32, unary, where } from '../../../kernel/build.ts'
import { bf16ToNumber, f16ToNumber } from '../../../kernel/half.ts'
import { interpret } from '../../../kernel/interpret.ts'
import type { Expr, LoopKernel, UnaryOp } from '../../../kernel/ir.ts'
import { expand } from '../../../kernel/math.ts'
import { rewriteKernel } from '../../../kernel/rewrite.ts'
import { everywhere, guardOf, withinLimit } from '../print-prepare.ts'
import { runKernel } from './run-kernel.ts'

export const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const

/** A kernel of those parts, with nothing in the others. */
export const make = (k: Partial<LoopKernel> & Pick<LoopKernel, 'parallel' | 'buffers' | 'body'>): LoopKernel => ({
  kind: 'loop',
  name: 'test',
  scalars: [],
  scratch: [],
  vector: false,
  ...k,
})

export class Random {
  private state: number
  constructor(seed: number) {
    this.state = (seed * 2654435761 + 12345) >>> 0
  }
  next(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return ((this.state ^ (this.state >>> 15)) >>> 0) / 2 ** 32
  }
  below(n: number): number {
    return Math.floor(this.next() * n)
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
  chance(p: number): boolean {
    return this.next() < p
  }
}

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-40,
  -1e-40,
  1e30,
  -1e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
]

/** @param wild now and then a special value: infinite, NaN, subnormal, out of range */
export function fill(random: Random, dtype: DType, n: number, wild = true): TypedArray {
  const out = new arrays[dtype](n)
  for (let i = 0; i < n; i++) {
    if (dtype === 'f16' || dtype === 'bf16') {
      // any bits of moderate size
      const high = dtype === 'f16' ? 0x3000 + random.below(0x1400) : 0x3e00 + random.below(0x200)
      out[i] = (wild && random.chance(0.1) ? random.below(65536) : high | (random.chance(0.5) ? 0x8000 : 0)) as never
    } else if (dtype === 'f32' || dtype === 'f64')
      out[i] = (wild && random.chance(0.05) ? random.pick(specials) : random.next() * 8 - 4) as never
    else if (dtype === 'bool') out[i] = random.below(2) as never
    else if (dtype === 'i64')
      out[i] = BigInt(
        wild && random.chance(0.1) ? random.pick([0, 2 ** 40, -(2 ** 50)]) : random.below(200) - 100,
      ) as never
    else
      out[i] = (
        wild && random.chance(0.1)
          ? random.below(2 ** 32)
          : random.below(20) - (dtype === 'i32' || dtype === 'i8' ? 10 : 0)
      ) as never
  }
  return out
}

const copy = (list: readonly TypedArray[]): TypedArray[] => list.map(a => a.slice() as TypedArray)

/** The arithmetic that is printed: functions expanded within their limits, left to Math beyond. */
const expanded = (kernel: LoopKernel): LoopKernel =>
  rewriteKernel(kernel, e => {
    const guard = guardOf(e)
    if (!guard) return expand(e)
    const [x] = (e as Extract<Expr, { op: UnaryOp }>).args
    return everywhere(e) ?? where(binary('le', unary('abs', x), f32(guard.limit)), withinLimit(e), e)
  })

interface CheckOptions {
  readonly scalars?: number[]
  readonly symbols?: number[]
  /** relative to the largest value of the buffer; 0: the same bits (any NaN for any NaN) */
  readonly tolerance?: number
  readonly message?: string
}

/** Runs both and compares every buffer; ranges cut in several ways must give the same bits as the whole. */
export function check(kernel: LoopKernel, inputs: readonly TypedArray[], options: CheckOptions = {}): TypedArray[] {
  const { tolerance = 0, message = '' } = options
  const want = copy(inputs)
  interpret(expanded(kernel), want, options)
  const sizes = kernel.parallel.map(a =>
    a.size.symbols.length ? a.size.symbols.reduce((p, s) => p * options.symbols![s], a.size.factor) : a.size.factor,
  )
  const items = sizes.reduce((a, b) => a * b, 1)
  const first = copy(inputs)
  runKernel(kernel, first, options)
  compare(kernel, first, want, tolerance, message)
  const cuts = [[1], [3, 4, 9], [Math.floor(items / 2)], [Math.floor(items / 3), Math.floor((2 * items) / 3) + 1]]
  for (const list of cuts) {
    const inside = list.filter((c, i) => c > 0 && c < items && (i === 0 || c > list[i - 1]))
    if (inside.length === 0) continue
    const again = copy(inputs)
    runKernel(kernel, again, { ...options, cuts: inside })
    compare(kernel, again, first, 0, `${message} cut at ${inside}`)
  }
  // without relaxed SIMD multiply-adds round twice
  const plain = copy(inputs)
  runKernel(kernel, plain, { ...options, print: { relaxed: false } })
  return first
}

function compare(
  kernel: LoopKernel,
  got: readonly TypedArray[],
  want: readonly TypedArray[],
  tolerance: number,
  message: string,
): void {
  got.forEach((g, b) => {
    const w = want[b]
    const { dtype } = kernel.buffers[b]
    const number = (v: number | bigint): number =>
      dtype === 'f16' ? f16ToNumber(Number(v)) : dtype === 'bf16' ? bf16ToNumber(Number(v)) : Number(v)
    let scale = 1
    if (tolerance) for (const v of w) if (Number.isFinite(number(v))) scale = Math.max(scale, Math.abs(number(v)))
    const near = dtype === 'f16' || dtype === 'bf16' ? 1e-2 : isFloat(dtype) ? tolerance : 0
    for (let i = 0; i < w.length; i++) {
      const [x, y] = [g[i], w[i]]
      if (Object.is(x, y) || (Number.isNaN(x) && Number.isNaN(y))) continue
      if (tolerance && near && Math.abs(number(x) - number(y)) <= near * scale) continue
      expect(`${String(x)}`, `${message} buffer ${b} (${dtype}) element ${i} of ${w.length}`).toBe(`${String(y)}`)
      expect(Object.is(x, y), `${message} buffer ${b} element ${i}: sign of zero, ${x} for ${y}`).toBe(true)
    }
  })
}
