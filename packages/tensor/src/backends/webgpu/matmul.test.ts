// Products on odd shapes and in every layout against the interpreter: each tile of the table, the reduction that serves few
// rows or columns, batches, runtime sizes, epilogues.

import { describe, expect, test } from 'vitest'
import { acc, axis, binary, buffer, f32, load, rowMajor, store, unary } from '../../kernel/build.ts'
import { type Dim, dim, mulDim, productDim, symbol } from '../../kernel/dim.ts'
import { type Axis, addIndex, axisIndex, type Index, scaleIndex } from '../../kernel/index-expr.ts'
import type { Expr, MatmulKernel } from '../../kernel/ir.ts'
import { differences, onDevice, openBackend, randomFrom } from './differential.ts'
import { asLoops, chooseTile, printMatmul, tiles } from './matmul.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: 1 }

interface Case {
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
}

const toDim = (size: number | Dim): Dim => (typeof size === 'number' ? dim(size) : size)

/** The index of `axes` in row-major order as stored, `offset` elements further. */
const layout = (batch: readonly Axis[], x: Axis, y: Axis, transpose = false): Index =>
  rowMajor(...batch, ...(transpose ? [y, x] : [x, y]))

function matmul(c: Case): MatmulKernel {
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
      buffer('f32', sizes.a),
      buffer('f32', sizes.b),
      buffer('f32', sizes.c, 'write'),
      ...(c.epilogue ? [buffer('f32', n.size), buffer('f32', sizes.c)] : []),
    ],
    scalars: [],
    body: [store(2, out, value)],
  }
}

/** Small integers: every order of summation gives the same product. */
function operands(kernel: MatmulKernel): Float32Array[] {
  const random = randomFrom(3)
  return kernel.buffers.map(({ size }, i) =>
    Float32Array.from({ length: size.sample }, () => (i === 2 ? Number.NaN : Math.floor(random() * 7) - 3)),
  )
}

const exact = { absolute: 1e-6, relative: 1e-6 }

describe.skipIf(!backend)(`WGSL matmul${why}`, () => {
  test.each([
    [1, 1, 1],
    [5, 7, 3],
    [17, 33, 65],
    [64, 64, 64],
    [65, 130, 40],
    [130, 129, 19],
    [3, 100, 257],
    [1, 300, 64],
    [100, 2, 70],
    [64, 1, 1],
    [33, 17, 0],
    [0, 5, 4],
    [6, 200, 9],
  ])('%i x %i x %i, all layouts', async (m, n, k) => {
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const kernel = matmul({ m, n, k, transposeA, transposeB })
        expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
      }
  })

  test.each([
    { batch: [3], m: 20, n: 36, k: 10 },
    { batch: [2, 3], m: 33, n: 8, k: 17, transposeB: true },
    { batch: [2, 2], m: 2, n: 40, k: 50, transposeB: true },
    { batch: [4], m: 16, n: 70, k: 12, sharedB: true, epilogue: true },
    { batch: [5], m: 9, n: 9, k: 0 },
  ])('batches: %j', async c => {
    const kernel = matmul(c)
    expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
  })

  // the narrowest one has so few threads that what they would keep in registers is too much
  const every = [...tiles, ...tiles.slice(0, -1).map(tile => ({ ...tile, double: true }))]
  test.each(
    every.map(tile => [`${tile.rows} x ${tile.columns}${tile.double ? ', twice the memory' : ''}`, tile] as const),
  )('tile %s', async (_, tile) => {
    for (const c of [
      // read in fours, and not
      { batch: [2], m: 136, n: 68, k: 36 },
      { m: 132, n: 72, k: 20, transposeA: true, transposeB: true, epilogue: true },
      { m: 140, n: 150, k: 37, epilogue: true },
      { m: 30, n: 131, k: 16, transposeA: true, transposeB: true, epilogue: true },
    ]) {
      const kernel = matmul(c)
      const chosen = { ...kernel, name: `${kernel.name} in ${JSON.stringify(tile)}` }
      const shader = printMatmul(
        chosen,
        tile,
        kernel.buffers.map((_, i) => i),
      )
      backend!.preset(chosen, shader)
      expect(await differences(backend!, chosen, operands(kernel), {}, exact)).toEqual([])
    }
  })

  test('every tile and the reduction are chosen for some shape', () => {
    const chosen = [
      [4096, 4096],
      [1024, 768],
      [512, 512],
      [8, 4096],
      [1, 4096],
      [512, 3],
    ].map(([m, n]) => chooseTile(matmul({ m, n, k: 64 }), limits))
    expect(new Set(chosen)).toEqual(new Set([...tiles, null]))
    expect(
      chooseTile(matmul({ m: 4096, n: 4096, k: 64 }), { ...limits, threads: 64, workgroupBytes: 4096 })?.rows,
    ).toBe(32)
  })

  test('shapes of one structure share a shader', async () => {
    const before = backend!.pipelines
    for (const [m, n, k] of [
      [65, 67, 29],
      [70, 121, 32],
      [129, 65, 7],
    ]) {
      const kernel = matmul({ batch: [2], m, n, k, transposeA: true })
      backend!.preset(kernel, printMatmul(kernel, tiles[1], [0, 1, 2]))
      expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
    }
    expect(backend!.pipelines).toBe(before + 1)
  })

  test('one kernel serves other sizes than those it was compiled from', async () => {
    const [m, n, k] = [symbol(0, 40), symbol(1, 70), symbol(2, 30)]
    const kernel = matmul({ m, n, k, transposeB: true, epilogue: true })
    const before = backend!.pipelines
    for (const symbols of [
      [40, 70, 30],
      [1, 1, 1],
      [130, 5, 64],
      [33, 65, 17],
    ]) {
      const random = randomFrom(5)
      const buffers = kernel.buffers.map(({ size }) => {
        const length = size.symbols.reduce((product, s) => product * symbols[s], size.factor)
        return Float32Array.from({ length }, () => Math.floor(random() * 7) - 3)
      })
      expect(await differences(backend!, kernel, buffers, { symbols }, exact)).toEqual([])
    }
    expect(backend!.pipelines).toBe(before + 1)
  })

  test('operands at an offset, narrow operands, one buffer for both', async () => {
    const kernel = matmul({ m: 10, n: 12, k: 11 })
    const shifted: MatmulKernel = {
      ...kernel,
      name: 'a shifted by 5, in bf16',
      buffers: [buffer('bf16', 10 * 11 + 5), kernel.buffers[1], kernel.buffers[2]],
      a: { buffer: 0, index: addIndex(kernel.a.index, { terms: [{ atom: null, coef: dim(5) }] }) },
    }
    const [, b, c] = operands(kernel)
    const bits = Uint16Array.from({ length: 115 }, (_, i) => 0x3f80 + (i % 3) * 0x40)
    expect(await differences(backend!, shifted, [bits, b, c], {}, exact)).toEqual([])
    const gram = matmul({ m: 18, n: 18, k: 7, transposeB: true })
    const square: MatmulKernel = {
      ...gram,
      name: 'x times its transpose',
      buffers: [gram.buffers[0], gram.buffers[2]],
      b: { buffer: 0, index: gram.b.index },
      body: [store(1, rowMajor(gram.m, gram.n), acc(0))],
    }
    const [x, , z] = operands(gram)
    expect(await differences(backend!, square, [x, z], {}, exact)).toEqual([])
  })

  test('as a reduction it is the same product', async () => {
    const kernel = matmul({ m: 4, n: 50, k: 300, epilogue: true })
    const buffers = operands(kernel)
    const [, , one] = await onDevice(backend!, kernel, buffers)
    const [, , other] = await onDevice(backend!, asLoops(kernel), buffers)
    expect(other).toEqual(one)
  })

  test('rows of a strided view', async () => {
    const kernel = matmul({ m: 9, n: 10, k: 6 })
    const every: MatmulKernel = {
      ...kernel,
      name: 'every second row of a',
      buffers: [buffer('f32', 2 * 9 * 6), kernel.buffers[1], kernel.buffers[2]],
      a: {
        buffer: 0,
        index: addIndex(scaleIndex(axisIndex(kernel.m), dim(12)), axisIndex(kernel.k)),
      },
    }
    const [, b, c] = operands(kernel)
    const a = Float32Array.from({ length: 108 }, (_, i) => (i % 5) - 2)
    expect(await differences(backend!, every, [a, b, c], {}, exact)).toEqual([])
  })
})
