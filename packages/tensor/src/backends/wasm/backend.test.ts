// The backend as the engine uses it: order, memory, errors, threads; matmul templates against the interpreter.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DType, TypedArray } from '../../dtype.ts'
import { DeviceLostError, OutOfMemoryError } from '../../errors.ts'
import {
  acc,
  axis,
  binary,
  buffer,
  declare,
  f32,
  i32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
  where,
} from '../../kernel/build.ts'
import { dim, symbol } from '../../kernel/dim.ts'
import { axisIndex, type Index, valueIndex } from '../../kernel/index-expr.ts'
import { interpret } from '../../kernel/interpret.ts'
import type { Kernel, LoopKernel, MatmulKernel, Stmt } from '../../kernel/ir.ts'
import { matmulAsLoops } from '../../kernel/matmul-loops.ts'
import type { Binding, DeviceBuffer, Program } from '../backend.ts'
import { createWasmBackend, type WasmBackend } from './backend.ts'
import { blockAlignment, Heap } from './memory.ts'

const bindingOf = (b: DeviceBuffer): Binding => ({ buffer: b, offset: 0, bytes: b.bytes })

function single(kernel: Kernel): Program {
  return {
    launches: [{ kernel, buffers: kernel.buffers.map((_, i) => i), scalars: kernel.scalars.map((_, i) => i) }],
    slots: kernel.buffers.length,
    scalars: kernel.scalars,
  }
}

const n = symbol(0, 1000)
const i = axis(0, n)
const x = load('f32', 0, axisIndex(i))
/** y = y * 2 + 1, in place */
const step: LoopKernel = {
  kind: 'loop',
  name: 'double and add',
  parallel: [i],
  vector: true,
  buffers: [buffer('f32', n, 'readwrite')],
  scalars: ['f32'],
  scratch: [],
  body: [store(0, axisIndex(i), binary('add', binary('mul', x, { op: 'scalar', dtype: 'f32', slot: 0 }), f32(1)))],
}

/** Reads far outside of the memory. */
const wild: LoopKernel = {
  kind: 'loop',
  name: 'wild gather',
  parallel: [i],
  vector: false,
  buffers: [buffer('f32', n, 'readwrite'), buffer('i32', n)],
  scalars: [],
  scratch: [],
  body: [store(0, axisIndex(i), load('f32', 0, valueIndex(load('i32', 1, axisIndex(i)))))],
}

async function runOn(
  backend: WasmBackend,
  kernel: Kernel,
  arrays: readonly TypedArray[],
  symbols: number[] = [],
  scalars: number[] = [],
): Promise<TypedArray[]> {
  const wanted = single(kernel)
  await backend.prepare?.(wanted)
  using program = backend.load(wanted)
  const buffers = arrays.map(a => backend.allocate(a.byteLength))
  arrays.forEach((a, b) => {
    backend.write(bindingOf(buffers[b]), kernel.buffers[b].dtype, a)
  })
  const done = backend.run(program, buffers.map(bindingOf), scalars, symbols)
  const reads = arrays.map((a, b) => backend.read(bindingOf(buffers[b]), kernel.buffers[b].dtype, a.length))
  const [results] = await Promise.all([Promise.all(reads), done])
  for (const b of buffers) backend.free(b)
  return results
}

describe.each([1, 2])('%i threads', threads => {
  let backend: WasmBackend
  beforeAll(async () => {
    backend = await createWasmBackend({ threads })
  })
  afterAll(() => backend.dispose())

  test('writes, runs, copies and reads take effect in the order of the calls', async () => {
    const size = 5000
    using program = backend.load(single(step))
    const [a, b] = [backend.allocate(size * 4), backend.allocate(size * 4)]
    const reads: Promise<TypedArray>[] = []
    const runs: Promise<void>[] = []
    let value = 3
    const values: number[] = []
    backend.write(bindingOf(a), 'f32', new Float32Array(size).fill(value))
    for (let round = 0; round < 40; round++) {
      if (round % 7 === 3) {
        const data = new Float32Array(size).fill(round)
        backend.write(bindingOf(a), 'f32', data)
        // copied when called
        data.fill(-1)
        value = round
      }
      runs.push(backend.run(program, [bindingOf(a)], [1.5], [size]))
      value = Math.fround(Math.fround(value * 1.5) + 1)
      if (round % 5 === 0) {
        backend.copy(bindingOf(a), bindingOf(b))
        reads.push(backend.read(bindingOf(b), 'f32', size))
      } else reads.push(backend.read(bindingOf(a), 'f32', size))
      values.push(value)
    }
    await Promise.all(runs)
    for (const [round, read] of reads.entries()) {
      const got = (await read) as Float32Array
      expect([got[0], got[size - 1], got.length]).toEqual([values[round], values[round], size])
    }
    backend.free(a)
    backend.free(b)
  })

  test('one program of several kernels, sizes and offsets at run time, empty launches', async () => {
    using program = backend.load({
      launches: [
        { kernel: step, buffers: [0], scalars: [0] },
        { kernel: step, buffers: [0], scalars: [1] },
      ],
      slots: 1,
      scalars: ['f32', 'f32'],
    })
    const whole = backend.allocate(4096)
    const part: Binding = { buffer: whole, offset: blockAlignment, bytes: 256 }
    backend.write(bindingOf(whole), 'f32', new Float32Array(1024))
    await backend.run(program, [part], [2, 3], [10])
    await backend.run(program, [part], [2, 3], [0])
    const got = await backend.read(bindingOf(whole), 'f32', 30)
    expect([...got]).toEqual([...new Array(16).fill(0), ...new Array(10).fill(4), ...new Array(4).fill(0)])
    backend.free(whole)
  })

  test('a launch of many parts: own memory, sizes (also none) and numbers, each element once', async () => {
    const sizes = [1, 64, 0, 100_000, 63, 65, 7, 1000]
    const [first, ...more] = sizes.map((size, p) => ({ buffers: [p], scalars: [p % 2], sizes: [size] }))
    using program = backend.load({
      launches: [{ kernel: step, ...first, more }],
      slots: sizes.length,
      scalars: ['f32', 'f32'],
    })
    const buffers = sizes.map(size => backend.allocate(4 * size + 256))
    for (let round = 0; round < 5; round++) {
      for (const b of buffers) backend.write(bindingOf(b), 'f32', new Float32Array(b.bytes / 4).fill(round))
      await backend.run(program, buffers.map(bindingOf), [2, -3], [])
      for (const [p, b] of buffers.entries()) {
        const got = (await backend.read(bindingOf(b), 'f32', b.bytes / 4)) as Float32Array
        const wanted = round * (p % 2 ? -3 : 2) + 1
        expect([p, got.findIndex((v, at) => v !== (at < sizes[p] ? wanted : round))]).toEqual([p, -1])
      }
    }
    for (const b of buffers) backend.free(b)
  })

  test('a trap names the kernel; the backend goes on', async () => {
    const bad = Int32Array.from({ length: 100 }, () => 0x3f000000)
    await expect(runOn(backend, wild, [new Float32Array(100), bad], [100])).rejects.toThrow(/wild gather/)
    await expect(runOn(backend, wild, [new Float32Array(100), bad], [100])).rejects.toThrow(DeviceLostError)
    const [got] = await runOn(backend, step, [new Float32Array(100).fill(2)], [100], [4])
    expect(got[99]).toBe(9)
  })

  test('scratch rows grow with the sizes; results do not depend on threads', async () => {
    const rows = 300
    const [r, c] = [axis(1, rows), axis(2, n)]
    const at = load('f32', 0, rowMajor(r, c))
    const softmax: LoopKernel = {
      kind: 'loop',
      name: 'softmax',
      parallel: [r],
      vector: false,
      buffers: [buffer('f32', n), buffer('f32', n, 'write')],
      scalars: [],
      scratch: [{ dtype: 'f32', size: n }],
      body: [
        declare(0, Number.NEGATIVE_INFINITY),
        loop(c, [update(0, 'max', at)], { reduces: [0] }),
        declare(1, 0),
        loop(
          c,
          [
            store(2, axisIndex(c), unary('exp', binary('sub', at, acc(0)))),
            update(1, 'add', unary('exp', binary('sub', at, acc(0)))),
          ],
          { reduces: [1] },
        ),
        loop(c, [store(1, rowMajor(r, c), binary('div', load('f32', 2, axisIndex(c)), acc(1)))]),
      ],
    }
    for (const columns of [10, 700, 30]) {
      const input = Float32Array.from({ length: rows * columns }, (_, k) => Math.sin(k) * 5)
      const [, got] = await runOn(backend, softmax, [input, new Float32Array(input.length)], [columns])
      const want = new Float32Array(input.length)
      interpret(softmax, [input, want], { symbols: [columns] })
      for (let k = 0; k < want.length; k++) expect(Math.abs(Number(got[k]) - want[k])).toBeLessThan(1e-6)
      const alone = await createWasmBackend({ threads: 1 })
      const [, same] = await runOn(alone, softmax, [input, new Float32Array(input.length)], [columns])
      await alone.dispose()
      expect(got).toEqual(same)
    }
  })

  test('bytes in use return to where they were', async () => {
    await runOn(backend, step, [new Float32Array(100)], [100], [1])
    const before = backend.bytesInUse
    for (let round = 0; round < 5; round++) await runOn(backend, step, [new Float32Array(1000)], [1000], [1])
    await new Promise(resolve => setTimeout(resolve, 0))
    expect(backend.bytesInUse).toBe(before)
  })

  test('equal kernels are compiled once', async () => {
    await runOn(backend, step, [new Float32Array(10)], [10], [1])
    const { kernels } = backend
    await runOn(backend, { ...step, name: 'another name' }, [new Float32Array(10)], [10], [1])
    expect(backend.kernels).toBe(kernels)
  })

  // ---- matmul

  const layouts = ['AB', "A'B", "AB'", "A'B'"] as const
  function product(
    layout: (typeof layouts)[number],
    batch: number,
    m: number,
    nn: number,
    k: number,
    body: 'plain' | 'epilogue',
    sizes: 'constant' | 'symbols',
  ): { kernel: MatmulKernel; symbols: number[] } {
    const size = (id: number, value: number) => (sizes === 'constant' ? dim(value) : symbol(id, value))
    const [bAxis, mAxis, nAxis, kAxis] = [
      axis(0, size(0, batch)),
      axis(1, size(1, m)),
      axis(2, size(2, nn)),
      axis(3, size(3, k)),
    ]
    const place: Index = rowMajor(bAxis, mAxis, nAxis)
    const bias = load('f32', 3, axisIndex(nAxis))
    const out: Stmt[] =
      body === 'plain'
        ? [store(2, place, acc(0))]
        : [
            store(2, place, unary('tanh', binary('add', binary('mul', acc(0), f32(0.125)), bias))),
            store(
              4,
              place,
              where(binary('lt', { op: 'index', dtype: 'i32', index: axisIndex(nAxis) }, i32(3)), f32(0), acc(0)),
            ),
          ]
    return {
      kernel: {
        kind: 'matmul',
        name: `matmul ${layout}`,
        batch: [bAxis],
        m: mAxis,
        n: nAxis,
        k: kAxis,
        a: { buffer: 0, index: layout[1] === "'" ? rowMajor(bAxis, kAxis, mAxis) : rowMajor(bAxis, mAxis, kAxis) },
        b: { buffer: 1, index: layout.endsWith("B'") ? rowMajor(nAxis, kAxis) : rowMajor(kAxis, nAxis) },
        buffers: [
          buffer('f32', batch * m * k),
          buffer('f32', nn * k),
          buffer('f32', batch * m * nn, 'write'),
          buffer('f32', nn),
          buffer('f32', batch * m * nn, 'write'),
        ],
        scalars: [],
        body: out,
      },
      symbols: [batch, m, nn, k],
    }
  }

  const shapes = [
    [1, 1, 1, 1],
    [2, 3, 5, 7],
    [1, 32, 48, 64],
    [3, 17, 33, 20],
    [1, 1, 100, 40],
    [1, 70, 1, 40],
    [2, 50, 130, 1],
    [1, 5, 6, 0],
    [0, 3, 4, 5],
    [1, 8, 12, 1100],
  ] as const
  test.each(layouts.flatMap(l => (['plain', 'epilogue'] as const).map(b => [l, b] as const)))(
    'matmul %s, %s, against the loops and the interpreter',
    async (layout, body) => {
      for (const [batch, m, nn, k] of shapes)
        for (const sizes of ['constant', 'symbols'] as const) {
          const { kernel, symbols } = product(layout, batch, m, nn, k, body, sizes)
          const arrays = [batch * m * k, nn * k, batch * m * nn, nn, batch * m * nn].map((length, seed) =>
            Float32Array.from({ length }, (_, at) => Math.sin(at * 1.7 + seed)),
          )
          const got = await runOn(backend, kernel, arrays, symbols)
          const want = arrays.map(a => a.slice())
          interpret(kernel, want, { symbols })
          const loops = await runOn(backend, matmulAsLoops(kernel), arrays, symbols)
          for (const b of [2, 4])
            for (let at = 0; at < want[b].length; at++) {
              const message = `${batch} x ${m} x ${nn} x ${k} ${sizes} buffer ${b} element ${at}`
              expect(Math.abs(Number(got[b][at]) - want[b][at]), message).toBeLessThan(1e-5 * Math.max(1, k))
              expect(Math.abs(Number(loops[b][at]) - want[b][at]), `loops ${message}`).toBeLessThan(
                1e-5 * Math.max(1, k),
              )
            }
        }
    },
  )

  test('a transposed result and f16 operands take the plain path', async () => {
    const { kernel } = product('AB', 1, 9, 10, 11, 'plain', 'constant')
    const half: MatmulKernel = {
      ...kernel,
      buffers: kernel.buffers.map((b, at) => (at === 0 ? { ...b, dtype: 'f16' as DType } : b)),
      body: [store(2, rowMajor(kernel.batch[0], kernel.n, kernel.m), acc(0))],
    }
    const arrays: TypedArray[] = [
      Uint16Array.from({ length: 99 }, (_, at) => 0x3000 + at * 17),
      Float32Array.from({ length: 110 }, (_, at) => Math.cos(at)),
      new Float32Array(90),
      new Float32Array(10),
      new Float32Array(90),
    ]
    const got = await runOn(backend, half, arrays)
    const want = arrays.map(a => a.slice() as TypedArray)
    interpret(half, want)
    for (let at = 0; at < 90; at++) expect(Math.abs(Number(got[2][at]) - Number(want[2][at]))).toBeLessThan(1e-4)
  })
})

describe('memory', () => {
  test('more than the limit is an OutOfMemoryError that changes nothing', async () => {
    const backend = await createWasmBackend({ threads: 1, maxBytes: 100_000 })
    const a = backend.allocate(60_000)
    const { bytesInUse } = backend
    expect(() => backend.allocate(50_000)).toThrow(OutOfMemoryError)
    expect(backend.bytesInUse).toBe(bytesInUse)
    backend.free(a)
    expect(backend.bytesInUse).toBe(0)
    backend.free(backend.allocate(99_000))
    // a run that finds no room for its parameters fails alone
    const rest = backend.allocate(99_950)
    using program = backend.load(single(step))
    await expect(backend.run(program, [bindingOf(rest)], [1], [10])).rejects.toThrow(OutOfMemoryError)
    backend.free(rest)
    await runOn(backend, step, [new Float32Array(10)], [10], [1])
    await backend.dispose()
    expect(() => backend.allocate(1)).toThrow(DeviceLostError)
  })

  test('with no room for staging, host access waits its turn', async () => {
    const backend = await createWasmBackend({ threads: 2, maxBytes: 500_000 })
    const size = 100_000
    using program = backend.load(single(step))
    const a = backend.allocate(size * 4)
    backend.write(bindingOf(a), 'f32', new Float32Array(size).fill(1))
    const runs = [backend.run(program, [bindingOf(a)], [1], [size]), backend.run(program, [bindingOf(a)], [1], [size])]
    const first = backend.read(bindingOf(a), 'f32', size)
    backend.write(bindingOf(a), 'f32', new Float32Array(size).fill(10))
    runs.push(backend.run(program, [bindingOf(a)], [1], [size]))
    const second = backend.read(bindingOf(a), 'f32', size)
    expect([(await first)[size - 1], (await second)[0]]).toEqual([3, 11])
    await Promise.all(runs)
    await backend.dispose()
  })

  test('blocks merge when they are freed; random use keeps count (seed 1)', () => {
    const heap = new Heap(new WebAssembly.Memory({ initial: 2 }), 1000, Number.POSITIVE_INFINITY, 64)
    let state = 1
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state >>> 8) % below
    }
    const live: { block: ReturnType<Heap['allocate']>; mark: number }[] = []
    for (let round = 0; round < 3000; round++) {
      if (live.length > 30 || (live.length && random(2))) {
        const [gone] = live.splice(random(live.length), 1)
        const bytes = new Uint8Array(heap.memory.buffer, gone.block.address, gone.block.bytes)
        expect(bytes[0] === gone.mark && bytes[bytes.length - 1] === gone.mark).toBe(true)
        heap.release(gone.block)
      } else {
        const block = heap.allocate(random(20_000), 'test')
        expect(block.address % blockAlignment).toBe(0)
        const mark = round & 255
        new Uint8Array(heap.memory.buffer, block.address, block.bytes).fill(mark)
        live.push({ block, mark })
      }
      expect(heap.used).toBe(live.reduce((sum, { block }) => sum + block.bytes, 0))
    }
    for (const { block } of live) heap.release(block)
    const size = heap.memory.buffer.byteLength
    heap.allocate(size - 4096, 'all')
    expect(heap.memory.buffer.byteLength).toBe(size)
    expect(() => heap.allocate(64 * 65536, 'more')).toThrow(OutOfMemoryError)
  })
})
