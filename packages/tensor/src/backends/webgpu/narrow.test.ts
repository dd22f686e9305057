// Products with few rows or columns, and products whose sum is cut, against the interpreter: layouts, ragged sizes, batches, runtime sizes, epilogues; each
// also past the sizes at which it is chosen by itself.

import { afterAll, describe, expect, test } from 'vitest'
import { symbol } from '../../kernel/dim.ts'
import type { MatmulKernel } from '../../kernel/ir.ts'
import type { ProductChoice } from './choose.ts'
import { differences, onDevice, openBackend } from './differential.ts'
import { loadTemplates, printKernel } from './kernels.ts'
import { tiles } from './matmul.ts'
import { type Narrow, sidesOf } from './narrow.ts'
import { exact, matmul, operands, type Product } from './products.ts'

const backend = await openBackend()
await loadTemplates([matmul({ m: 1, n: 1, k: 1 })])
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
afterAll(() => backend?.dispose())
const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: backend?.subgroup ?? 1 }

/** The kernel printed by this template, whatever the device would choose. */
function chosen(kernel: MatmulKernel, choice: ProductChoice): MatmulKernel {
  const named = { ...kernel, name: `${kernel.name} by ${JSON.stringify(choice)}` }
  const alias = kernel.buffers.map((_, i) => i)
  backend!.preset(named, printKernel(named, limits, alias, backend!, choice))
  return named
}

const check = async (kernel: MatmulKernel, run = {}, data = operands(kernel)): Promise<void> => {
  expect(await differences(backend!, kernel, data, run, exact)).toEqual([])
}

const layouts = [
  { transposeB: true },
  { transposeB: false },
  { transposeA: true, transposeB: true },
  { transposeA: true, transposeB: false },
]

describe.skipIf(!backend)(`WGSL narrow products${why}`, () => {
  const narrow: Narrow = { threads: 64, lanes: 16, each: 1, short: 1, subgroup: 1 }
  const shapes: readonly Narrow[] = [
    narrow,
    { ...narrow, each: 2, short: 4 },
    { ...narrow, lanes: 1, short: 2 },
    { ...narrow, lanes: 64, each: 3, subgroup: limits.subgroup },
  ]
  test.each(shapes.map(s => [JSON.stringify(s), s] as const))('%s: layouts and ragged sizes', async (_, shape) => {
    for (const layout of layouts)
      for (const [m, n, k] of [
        // in vectors of four along either axis, and not
        [1, 148, 96],
        [3, 130, 37],
        [76, 2, 44],
      ])
        await check(
          chosen(matmul({ ...layout, m, n, k, epilogue: n === 130 }), { kind: 'narrow', narrow: shape, parts: 1 }),
        )
  })

  test.each<Product>([
    { batch: [3], m: 1, n: 36, k: 40, transposeB: true },
    { batch: [2, 2], m: 4, n: 9, k: 8, epilogue: true },
    { batch: [2], m: 20, n: 1, k: 12, sharedB: true },
    { m: 1, n: 50, k: 0, epilogue: true },
    { m: 1, n: 0, k: 5 },
    { m: 1, n: 1, k: 1000 },
  ])('batches and nothing: %j', async c => {
    await check(chosen(matmul(c), { kind: 'narrow', narrow: { ...narrow, short: 2 }, parts: 1 }))
  })

  test('by itself: operands are read in fours where they lie so', () => {
    const lie = (c: Product) => {
      const { alongDepth, wide } = sidesOf(matmul(c), [0, 1, 2])
      return [alongDepth, wide]
    }
    expect(lie({ m: 1, n: 64, k: 32, transposeB: true })).toEqual([true, true])
    expect(lie({ m: 1, n: 64, k: 32 })).toEqual([false, true])
    expect(lie({ m: 1, n: 63, k: 32 })).toEqual([false, false])
    expect(lie({ m: 64, n: 1, k: 30 })).toEqual([true, false])
  })

  test('one kernel serves other sizes than those it was compiled from', async () => {
    const [m, n, k] = [symbol(0, 1), symbol(1, 70), symbol(2, 30)]
    for (const transposeB of [false, true]) {
      const kernel = chosen(matmul({ m, n, k, transposeB, epilogue: true }), { kind: 'narrow', narrow, parts: 1 })
      for (const symbols of [
        [1, 70, 30],
        [9, 33, 64],
        [2, 1, 1],
      ]) {
        const data = kernel.buffers.map(({ size }) => {
          const length = size.symbols.reduce((product, s) => product * symbols[s], size.factor)
          return Float32Array.from({ length }, (_, i) => (i % 7) - 3)
        })
        await check(kernel, { symbols }, data)
      }
    }
  })

  test('what a card would choose, large enough to be cut', async () => {
    for (const c of [
      { m: 1, n: 256, k: 2048, epilogue: true },
      { m: 1, n: 300, k: 1025, transposeB: true },
    ]) {
      const kernel = matmul(c)
      const named = { ...kernel, name: `${kernel.name} as on a card` }
      const printed = printKernel(
        named,
        limits,
        kernel.buffers.map((_, i) => i),
        backend!,
      )
      backend!.preset(named, printed)
      await check(named)
    }
  })
})

describe.skipIf(!backend)(`WGSL products whose sum is cut${why}`, () => {
  const tile = { kind: 'tile', tile: tiles[2] } as const
  test.each<[Product, number]>([
    [{ m: 33, n: 20, k: 100 }, 2],
    [{ m: 40, n: 36, k: 300, transposeA: true, epilogue: true }, 4],
    [{ batch: [2], m: 5, n: 40, k: 257, transposeB: true }, 16],
    // more parts than numbers in the sum
    [{ m: 9, n: 9, k: 3 }, 8],
    [{ m: 9, n: 9, k: 0, epilogue: true }, 4],
    [{ m: 0, n: 9, k: 10 }, 4],
  ])('%j in %i parts', async (c, parts) => {
    await check(chosen(matmul(c), { ...tile, parts }))
    if (c.m !== 0) {
      const narrow = { threads: 32, lanes: 4, each: 1, short: 2, subgroup: 1 }
      await check(chosen(matmul(c), { kind: 'narrow', narrow, parts }))
    }
  })

  test('twice the memory, and a sum of a size that is not known', async () => {
    await check(
      chosen(matmul({ m: 66, n: 64, k: 130 }), { kind: 'tile', tile: { ...tiles[1], double: true }, parts: 4 }),
    )
    const kernel = chosen(matmul({ m: 20, n: 30, k: symbol(0, 500), epilogue: true }), { ...tile, parts: 4 })
    for (const k of [500, 1, 77]) {
      const data = kernel.buffers.map(({ size }) =>
        Float32Array.from({ length: size.symbols.length ? size.factor * k : size.factor }, (_, i) => (i % 5) - 2),
      )
      await check(kernel, { symbols: [k] }, data)
    }
  })

  test('the same bits at every run, and several products share the scratch memory', async () => {
    const one = chosen(matmul({ m: 33, n: 20, k: 700 }), { ...tile, parts: 4 })
    const larger = chosen(matmul({ m: 64, n: 64, k: 300 }), { ...tile, parts: 8 })
    const data = operands(one).map(d => Float32Array.from(d as Float32Array, x => Math.sin(x) / 3))
    const [[, , first], , [, , second]] = await Promise.all([
      onDevice(backend!, one, data),
      onDevice(backend!, larger, operands(larger)),
      onDevice(backend!, one, data),
    ])
    expect(second).toEqual(first)
    const before = backend!.bytesInUse
    await onDevice(backend!, larger, operands(larger))
    expect(backend!.bytesInUse).toBe(before)
  })
})
