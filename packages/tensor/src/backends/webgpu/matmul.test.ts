// Products on odd shapes and in every layout against the interpreter: each tile of the table, the reduction that serves few
// rows or columns, batches, runtime sizes, epilogues.

import { describe, expect, test } from 'vitest'
import { acc, buffer, rowMajor, store } from '../../kernel/build.ts'
import { dim, symbol } from '../../kernel/dim.ts'
import { addIndex, axisIndex, scaleIndex } from '../../kernel/index-expr.ts'
import type { MatmulKernel } from '../../kernel/ir.ts'
import { chooseProduct } from './choose.ts'
import { differences, onDevice, openBackend, randomFrom } from './differential.ts'
import { asLoops, printMatmul, tiles } from './matmul.ts'
import { alone } from './print.ts'
import { exact, matmul, operands } from './products.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: 1 }

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
      backend!.preset(chosen, alone(shader))
      expect(await differences(backend!, chosen, operands(kernel), {}, exact)).toEqual([])
    }
  })

  test('every template is chosen for some shape', () => {
    const choose = (m: number, n: number, k: number, device = limits) =>
      chooseProduct(matmul({ m, n, k }), [0, 1, 2], device)
    const chosen = [
      [4096, 4096],
      [1024, 768],
      [512, 512],
      [8, 4096],
    ].map(([m, n]) => choose(m, n, 64))
    expect(chosen).toEqual(tiles.map(tile => ({ kind: 'tile', tile, parts: 1 })))
    expect(choose(1, 4096, 64).kind).toBe('narrow')
    expect(choose(512, 3, 64).kind).toBe('narrow')
    expect(choose(1, 4096, 64, { ...limits, software: true })).toEqual({ kind: 'loops' })
    expect(choose(4096, 4096, 64, { ...limits, threads: 64, workgroupBytes: 4096 })).toMatchObject({
      tile: { rows: 32 },
    })
    // the sum is cut where the result is too small to keep a card busy: the gradient of a layer's weight over many rows
    expect(choose(768, 768, 8192)).toMatchObject({ kind: 'tile', parts: 4 })
    expect(choose(768, 768, 64)).toMatchObject({ parts: 1 })
    expect(choose(1, 768, 3072)).toMatchObject({ kind: 'narrow', parts: 16 })
    // and never where scratch memory would grow with a size that is not known
    expect(chooseProduct(matmul({ m: symbol(0, 768), n: 768, k: 8192 }), [0, 1, 2], limits)).toMatchObject({ parts: 1 })
  })

  test('shapes of one structure share a shader', async () => {
    const before = backend!.pipelines
    for (const [m, n, k] of [
      [65, 67, 29],
      [70, 121, 32],
      [129, 65, 7],
    ]) {
      const kernel = matmul({ batch: [2], m, n, k, transposeA: true })
      backend!.preset(kernel, alone(printMatmul(kernel, tiles[1], [0, 1, 2])))
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
