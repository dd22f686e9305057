// Loop kernels against the interpreter: random ones in every form, and by hand what random ones seldom meet.

import { describe, expect, test } from 'vitest'
import {
  acc,
  axis,
  binary,
  buffer,
  declare,
  f32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
} from '../../kernel/build.ts'
import { dim } from '../../kernel/dim.ts'
import { axisIndex, zeroIndex } from '../../kernel/index-expr.ts'
import type { Expr, LoopKernel } from '../../kernel/ir.ts'
import { differences, onDevice, openBackend } from './differential.ts'
import { rare } from './functions.ts'
import { alone, printLoops } from './print.ts'
import { forms, randomKernel } from './random-kernels.ts'
import { chooseStrategy } from './strategy.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: 1 }

// what is printed here is not asked for
await rare.need()

const kernelOf = (
  parts: Partial<LoopKernel> & Pick<LoopKernel, 'name' | 'buffers' | 'parallel' | 'body'>,
): LoopKernel => ({
  kind: 'loop',
  scalars: [],
  vector: false,
  scratch: [],
  ...parts,
})

/** Lanes of an item and how many of them exchange values: as many as this device can, and none. */
const lanesOfEveryForm = [
  [2, 1],
  [16, 1],
  [64, 1],
  ...[2, 64].filter(() => backend && backend.subgroup > 1).map(lanes => [lanes, backend!.subgroup]),
]

/** The kernel printed for so many lanes, whatever the device would choose. */
function withLanes(kernel: LoopKernel, lanes: number, subgroup = 1): LoopKernel {
  const chosen = { ...kernel, name: `${kernel.name} by ${lanes} lanes, ${subgroup} of which exchange values` }
  const alias = kernel.buffers.map((_, i) => i)
  backend!.preset(chosen, alone(printLoops(chosen, { threads: Math.max(64, lanes), lanes, subgroup }, alias, backend!)))
  return chosen
}

describe.skipIf(!backend)(`WGSL loops${why}`, () => {
  test.each(forms)('random kernels: %s', async form => {
    for (let seed = 1; seed <= 16; seed++) {
      const { kernel, buffers, scalars, symbols } = randomKernel(form, seed, [0, 1, 5, 64, 200])
      if (kernel.buffers.length > backend!.limits.buffersPerKernel) continue
      expect(
        await differences(backend!, kernel, buffers, { scalars, symbols }, { absolute: 2e-4, relative: 1e-4 }),
      ).toEqual([])
    }
  })

  test.each(forms)('the same by lanes of every number: %s', async form => {
    for (let seed = 31; seed <= 34; seed++) {
      const { kernel, buffers, scalars, symbols } = randomKernel(form, seed, [1, 5, 100])
      if (kernel.buffers.length > backend!.limits.buffersPerKernel) continue
      const shared = kernel.body.some(s => s.kind === 'loop') && kernel.body.every(s => s.kind !== 'loop' || !s.ordered)
      for (const [lanes, subgroup] of shared ? lanesOfEveryForm : [[1, 1]])
        for (const vector of [true, false]) {
          const chosen = withLanes({ ...kernel, vector }, lanes, subgroup)
          expect(
            await differences(backend!, chosen, buffers, { scalars, symbols }, { absolute: 2e-4, relative: 1e-4 }),
          ).toEqual([])
        }
    }
  })

  test('rows, columns and full reductions get the lanes they should', () => {
    const sum = (rows: number, length: number, vector: boolean): LoopKernel => {
      const [r, c] = [axis(0, rows), axis(1, length)]
      return kernelOf({
        name: 'sum',
        buffers: [buffer('f32', rows * length), buffer('f32', rows, 'write')],
        parallel: [r],
        vector,
        body: [
          declare(0, 0),
          loop(c, [update(0, 'add', load('f32', 0, rowMajor(r, c)))], { reduces: [0] }),
          store(1, axisIndex(r), acc(0)),
        ],
      })
    }
    expect(chooseStrategy(sum(1, 100_000, false), limits)).toMatchObject({ threads: 256, lanes: 256 })
    expect(chooseStrategy(sum(1, 100_000, false), { ...limits, threads: 1024 })).toMatchObject({
      threads: 1024,
      lanes: 1024,
    })
    expect(chooseStrategy(sum(4096, 768, false), { ...limits, threads: 1024 })).toMatchObject({
      threads: 256,
      lanes: 256,
    })
    expect(chooseStrategy(sum(4096, 768, false), limits)).toMatchObject({ threads: 256, lanes: 256 })
    expect(chooseStrategy(sum(4096, 64, false), limits)).toMatchObject({ threads: 128, lanes: 32 })
    expect(chooseStrategy(sum(4096, 8, false), limits).lanes).toBe(1)
    expect(chooseStrategy(sum(768, 4096, true), limits).lanes).toBe(8)
    expect(chooseStrategy(sum(100_000, 4096, true), limits).lanes).toBe(1)
    expect(chooseStrategy(sum(4096, 768, false), { ...limits, software: true }).lanes).toBe(1)
    expect(chooseStrategy(sum(1, 100_000, false), { ...limits, software: true }).lanes).toBe(16)
  })

  test('a long reduction is the same in every run', async () => {
    const r = axis(0, 100_001)
    const kernel = kernelOf({
      name: 'sum of all',
      buffers: [buffer('f32', r.size), buffer('f32', 1, 'write')],
      parallel: [],
      body: [
        declare(0, 0),
        loop(r, [update(0, 'add', load('f32', 0, axisIndex(r)))], { reduces: [0] }),
        store(1, zeroIndex, acc(0)),
      ],
    })
    const x = Float32Array.from({ length: 100_001 }, (_, i) => Math.sin(i))
    const [, first] = await onDevice(backend!, kernel, [x, new Float32Array(1)])
    const [, second] = await onDevice(backend!, kernel, [x, new Float32Array(1)])
    expect(first[0]).toBeCloseTo(
      x.reduce((a, b) => a + b, 0),
      2,
    )
    expect(second).toEqual(first)
  })

  test('a chain of thousands of operations in one kernel', async () => {
    const [a, r] = [axis(0, 5), axis(1, 3)]
    let x: Expr = load('f32', 0, axisIndex(a))
    for (let i = 0; i < 4000; i++) x = binary(i % 2 ? 'sub' : 'add', x, f32(i))
    const kernel = kernelOf({
      name: 'long chain',
      buffers: [buffer('f32', 5), buffer('f32', 5, 'write')],
      parallel: [a],
      body: [declare(0, 0), loop(r, [update(0, 'add', x)], { reduces: [0] }), store(1, axisIndex(a), acc(0))],
    })
    const [, y] = await onDevice(backend!, kernel, [new Float32Array(5), new Float32Array(5)])
    expect([...y]).toEqual(Array(5).fill(-6000))
  })

  test('more workgroups than one dimension of a grid holds', async () => {
    const items = 65_536 * 256 + 300
    const a = axis(0, items)
    const kernel = kernelOf({
      name: 'count',
      buffers: [buffer('u32', items, 'write')],
      parallel: [a],
      vector: true,
      body: [
        store(0, axisIndex(a), {
          op: 'cast',
          dtype: 'u32',
          args: [{ op: 'index', dtype: 'i32', index: axisIndex(a) }],
        }),
      ],
    })
    const [y] = await onDevice(backend!, kernel, [new Uint32Array(items)])
    let wrong = 0
    for (let i = 0; i < items; i++) if (y[i] !== i) wrong++
    expect(wrong).toBe(0)
  })

  test('max and min keep NaN and infinities, whichever way a reduction runs', async () => {
    for (const length of [3, 100])
      for (const [bad, at] of [
        [Number.NaN, 0],
        [Number.NaN, length - 1],
        [Number.NEGATIVE_INFINITY, 1],
        [Number.POSITIVE_INFINITY, 2],
      ]) {
        const [rows, c] = [axis(0, 2), axis(1, length)]
        const x: Expr = load('f32', 0, rowMajor(rows, c))
        const kernel = kernelOf({
          name: `extremes of ${length} with ${bad} at ${at}`,
          buffers: [buffer('f32', 2 * length), buffer('f32', 2, 'write'), buffer('f32', 2, 'write')],
          parallel: [rows],
          body: [
            declare(0, Number.NEGATIVE_INFINITY),
            declare(1, Number.POSITIVE_INFINITY),
            loop(c, [update(0, 'max', x), update(1, 'min', x)], { reduces: [0, 1] }),
            store(1, axisIndex(rows), acc(0)),
            store(2, axisIndex(rows), acc(1)),
          ],
        })
        const data = Float32Array.from({ length: 2 * length }, (_, i) => (i === length + at ? bad : Math.cos(i)))
        const out = new Float32Array(2)
        for (const lanes of [1, 8, 64])
          expect(await differences(backend!, withLanes(kernel, lanes), [data, out, out])).toEqual([])
      }
  })

  /** Normalized rows: two sums and what they make of each element. */
  const normalized = (count: number, length: number): LoopKernel => {
    const [rows, c] = [axis(0, count), axis(1, length)]
    const x = load('f32', 0, rowMajor(rows, c))
    const mean = binary('mul', acc(0), f32(1 / length))
    const centred = binary('sub', x, mean)
    return kernelOf({
      name: 'normalized rows',
      buffers: [buffer('f32', count * length), buffer('f32', count * length, 'write')],
      parallel: [rows],
      body: [
        declare(0, 0),
        loop(c, [update(0, 'add', x)], { reduces: [0] }),
        declare(1, 0),
        loop(c, [update(1, 'add', binary('mul', centred, centred))], { reduces: [1] }),
        declare(2, Number.NEGATIVE_INFINITY),
        loop(c, [update(2, 'max', binary('mul', centred, acc(1)))], { reduces: [2] }),
        loop(c, [store(1, rowMajor(rows, c), binary('div', centred, acc(2)))]),
      ],
    })
  }

  test('rows by hundreds of lanes, three reductions after each other', async () => {
    const widest = Math.min(256, backend!.device.limits.maxComputeInvocationsPerWorkgroup)
    for (const subgroup of new Set([1, backend!.subgroup]))
      for (const lanes of [widest / 8, widest]) {
        const kernel = normalized(5, 700)
        const data = Float32Array.from({ length: 5 * 700 }, (_, i) => Math.sin(i * i))
        const buffers = [data, new Float32Array(data.length)]
        expect(
          await differences(
            backend!,
            withLanes(kernel, lanes, subgroup),
            buffers,
            {},
            { absolute: 1e-5, relative: 1e-4 },
          ),
        ).toEqual([])
      }
  })

  test('few barriers a reduction, none where a subgroup has a row', () => {
    const barriers = (threads: number, lanes: number, subgroup: number): number =>
      printLoops(normalized(8, 768), { threads, lanes, subgroup }, [0, 1]).code.split('workgroupBarrier').length - 1
    expect(barriers(128, 16, 1)).toBe(3)
    expect(barriers(256, 256, 1)).toBe(6)
    expect(barriers(1024, 1024, 1)).toBe(9)
    expect(barriers(256, 256, 32)).toBe(3)
    expect(barriers(128, 32, 32)).toBe(0)
    // many rows on a card with subgroups: several in a workgroup, none of which waits
    const kernel = normalized(4096, 768)
    expect(chooseStrategy(kernel, { ...limits, subgroup: 32 })).toEqual({ threads: 128, lanes: 32, subgroup: 32 })
    expect(chooseStrategy(normalized(64, 768), { ...limits, subgroup: 32 }).lanes).toBe(256)
  })

  test('a softmax row of -Infinity gives NaN', async () => {
    const [rows, c] = [axis(0, 2), axis(1, 40)]
    const x = load('f32', 0, rowMajor(rows, c))
    const e = unary('exp', binary('sub', x, acc(0)))
    const kernel = kernelOf({
      name: 'softmax',
      buffers: [buffer('f32', 80), buffer('f32', 80, 'write')],
      parallel: [rows],
      body: [
        declare(0, Number.NEGATIVE_INFINITY),
        loop(c, [update(0, 'max', x)], { reduces: [0] }),
        declare(1, 0),
        loop(c, [update(1, 'add', e)], { reduces: [1] }),
        loop(c, [store(1, rowMajor(rows, c), binary('div', e, acc(1)))]),
      ],
    })
    const data = Float32Array.from({ length: 80 }, (_, i) => (i < 40 ? Number.NEGATIVE_INFINITY : i / 7))
    for (const lanes of [1, 8, 64])
      expect(await differences(backend!, withLanes(kernel, lanes), [data, new Float32Array(80)])).toEqual([])
    const [, y] = await onDevice(backend!, kernel, [data, new Float32Array(80)])
    expect(y[0]).toBeNaN()
  })

  test('what is too much for the device is an error that names the kernel', () => {
    const a = axis(0, 4)
    const many = kernelOf({
      name: 'sum of many',
      buffers: Array.from({ length: 40 }, () => buffer('f32', 4)),
      parallel: [a],
      body: [store(0, axisIndex(a), f32(1))],
    })
    const launch = (kernel: LoopKernel) => ({
      launches: [{ kernel, buffers: kernel.buffers.map((_, i) => i), scalars: [] }],
      slots: kernel.buffers.length,
      scalars: [],
    })
    expect(() => backend!.load(launch(many))).toThrow(/more buffers than this GPU allows.*sum of many/)
    const rows = kernelOf({
      name: 'rows',
      buffers: [],
      parallel: [a],
      scratch: [{ dtype: 'f32', size: dim(4) }],
      body: [],
    })
    expect(() => backend!.load(launch(rows))).toThrow(/no scratch rows.*rows/)
    const double = kernelOf({ name: 'double', buffers: [buffer('f64', 4, 'write')], parallel: [a], body: [] })
    expect(() => backend!.load(launch(double))).toThrow(/do not store.*f64/)
  })
})
