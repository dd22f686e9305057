// For tests: products in every layout, and operands whose product is the same in every order of summation.

import type { TypedArray } from '../../dtype.ts'
import { acc, axis, binary, buffer, f32, load, rowMajor, store, unary } from '../../kernel/build.ts'
import { type Dim, dim, mulDim, productDim } from '../../kernel/dim.ts'
import { numberToF16 } from '../../kernel/half.ts'
import { type Axis, axisIndex, type Index } from '../../kernel/index-expr.ts'
import type { Expr, MatmulKernel } from '../../kernel/ir.ts'
import { randomFrom } from './differential.ts'

export interface Product {
  readonly batch?: readonly number[]
  readonly m: number | Dim
  readonly n: number | Dim
  readonly k: number | Dim
  /** stored with k outermost (a), with n outermost (b) */
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  /** b is shared by the batch */
  readonly sharedB?: boolean
  /** out = gelu-like(product + bias[n]) + residual */
  readonly epilogue?: boolean
  /** of a, b and the product; default f32 */
  readonly dtype?: 'f32' | 'f16'
}

const toDim = (size: number | Dim): Dim => (typeof size === 'number' ? dim(size) : size)

/** The index of `axes` in row-major order as stored, `offset` elements further. */
const layout = (batch: readonly Axis[], x: Axis, y: Axis, transpose = false): Index =>
  rowMajor(...batch, ...(transpose ? [y, x] : [x, y]))

export function matmul(c: Product): MatmulKernel {
  const [m, n, k] = [axis(100, toDim(c.m)), axis(101, toDim(c.n)), axis(102, toDim(c.k))]
  const batch = (c.batch ?? []).map((size, i) => axis(i, size))
  const count = productDim(batch.map(b => b.size))
  const sizes = {
    a: mulDim(count, mulDim(m.size, k.size)),
    b: mulDim(c.sharedB ? dim(1) : count, mulDim(k.size, n.size)),
    c: mulDim(count, mulDim(m.size, n.size)),
  }
  const out = rowMajor(...batch, m, n)
  const product = acc(0)
  const withBias = binary('add', product, load('f32', 3, axisIndex(n)))
  const value: Expr = c.epilogue
    ? binary('add', binary('mul', withBias, binary('add', f32(1), unary('tanh', withBias))), load('f32', 4, out))
    : product
  return {
    kind: 'matmul',
    name: `matmul ${JSON.stringify(c)}`,
    batch,
    m,
    n,
    k,
    a: { buffer: 0, index: layout(batch, m, k, c.transposeA) },
    b: { buffer: 1, index: layout(c.sharedB ? [] : batch, k, n, c.transposeB) },
    buffers: [
      buffer(c.dtype ?? 'f32', sizes.a),
      buffer(c.dtype ?? 'f32', sizes.b),
      buffer(c.dtype ?? 'f32', sizes.c, 'write'),
      ...(c.epilogue ? [buffer('f32', n.size), buffer('f32', sizes.c)] : []),
    ],
    scalars: [],
    body: [store(2, out, value)],
  }
}

/** Small integers: every order of summation gives the same product. */
export function operands(kernel: MatmulKernel): TypedArray[] {
  const random = randomFrom(3)
  return kernel.buffers.map(({ dtype, size }, i) => {
    const numbers = Array.from({ length: size.sample }, () => (i === 2 ? Number.NaN : Math.floor(random() * 7) - 3))
    return dtype === 'f16' ? Uint16Array.from(numbers, numberToF16) : Float32Array.from(numbers)
  })
}

export const exact = { absolute: 1e-6, relative: 1e-6 }
