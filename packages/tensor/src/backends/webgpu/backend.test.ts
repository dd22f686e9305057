// The contract of a backend on WebGPU: order, memory to the byte, and every way of failing.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import type { TypedArray } from '../../dtype.ts'
import { CairnError, DeviceError, DeviceLostError, OutOfMemoryError, StaleError } from '../../errors.ts'
import { axis, binary, buffer, declare, f32, load, loop, store, update } from '../../kernel/build.ts'
import { symbol } from '../../kernel/dim.ts'
import { axisIndex, valueIndex, zeroIndex } from '../../kernel/index-expr.ts'
import type { Expr, LoopKernel } from '../../kernel/ir.ts'
import type { Binding, Program } from '../backend.ts'
import type { WebGPUBackend } from './backend.ts'
import { roundSize } from './buffers.ts'
import { hasHardwareAdapter } from './device.ts'
import { onDevice, openBackend, single } from './differential.ts'
import { alone } from './print.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const unhandled: unknown[] = []
process.on('unhandledRejection', reason => void unhandled.push(reason))
afterAll(async () => {
  await backend?.dispose()
  expect(unhandled).toEqual([])
})

const size = 100
const place = (b: WebGPUBackend, elements = size): Binding => ({
  buffer: b.allocate(elements * 4),
  offset: 0,
  bytes: elements * 4,
})
const scalar = (slot: number): Expr => ({ op: 'scalar', dtype: 'f32', slot })

/** out[i] = x[i] * scalar 0 + scalar 1, for a runtime number of elements (symbol 0) */
function affine(name = 'affine'): LoopKernel {
  const a = axis(0, symbol(0, size))
  return {
    kind: 'loop',
    name,
    buffers: [buffer('f32', a.size), buffer('f32', a.size, 'write')],
    scalars: ['f32', 'f32'],
    parallel: [a],
    vector: true,
    scratch: [],
    body: [store(1, axisIndex(a), binary('add', binary('mul', load('f32', 0, axisIndex(a)), scalar(0)), scalar(1)))],
  }
}

/** x[i] = x[i] * scalar 0 + scalar 1, on one buffer */
function affineInPlace(): LoopKernel {
  const { buffers, body, ...rest } = affine('affine in place')
  return {
    ...rest,
    buffers: [{ ...buffers[0], access: 'readwrite' }],
    body: [{ ...body[0], buffer: 0 } as (typeof body)[0]],
  }
}

const numbers = (count = size): Float32Array => Float32Array.from({ length: count }, (_, i) => i)

describe.skipIf(!backend)(`WebGPU backend${why}`, () => {
  const b = backend!

  test('says what it is', () => {
    expect(b.name).toBe('webgpu')
    expect(b.limits.alignment % 4).toBe(0)
    expect(b.limits.dtypes.has('f32') && b.limits.dtypes.has('bool')).toBe(true)
    expect(b.limits.dtypes.has('f64') || b.limits.dtypes.has('i64')).toBe(false)
    expect(() => b.storedBytes('i64', 3)).toThrow(/i64/)
    if (b.description.includes('swiftshader')) expect(b.software).toBe(true)
  })

  test('what is queued together is one submit', async () => {
    const [x, y] = [place(b), place(b)]
    using step = b.load(single(affine('submits')))
    b.write(x, 'f32', numbers())
    await b.run(step, [x, y], [2, 1], [size])
    const before = b.submits
    await Promise.all([b.run(step, [x, y], [2, 1], [size]), b.run(step, [y, x], [2, 1], [size])])
    expect(b.submits).toBe(before + 1)
    for (const { buffer } of [x, y]) b.free(buffer)
  })

  test('every dtype comes back as it was written', async () => {
    const given: [Parameters<typeof b.write>[1], TypedArray][] = [
      ['f32', Float32Array.from([1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 3])],
      ['f16', Uint16Array.from([0x3c00, 0x8000, 0x7c00, 0x0001, 0xfbff])],
      ['bf16', Uint16Array.from([0x3f80, 0x8000, 0x7f80, 0x0080, 0xff7f])],
      ['i32', Int32Array.from([-1, 0, 2 ** 31 - 1, -(2 ** 31), 7])],
      ['u32', Uint32Array.from([0, 2 ** 32 - 1, 5])],
      ['i8', Int8Array.from([-128, 127, 3])],
      ['u8', Uint8Array.from([0, 255, 3])],
      ['bool', Uint8Array.from([0, 1, 1])],
    ]
    for (const [dtype, data] of given) {
      const bytes = b.storedBytes(dtype, data.length)
      const target = { buffer: b.allocate(bytes), offset: 0, bytes }
      b.write(target, dtype, data)
      const back = await b.read(target, dtype, data.length)
      expect(back, dtype).toEqual(data)
      expect(back.constructor).toBe(data.constructor)
      b.free(target.buffer)
    }
    expect(await b.read(place(b), 'f32', 0)).toEqual(new Float32Array(0))
  })

  test('writes, runs, copies and reads take effect in the order of the calls', async () => {
    const [x, y] = [place(b), place(b)]
    using step = b.load(single(affine('order')))
    b.write(x, 'f32', numbers())
    void b.run(step, [x, y], [2, 1], [size])
    const first = b.read(y, 'f32', size)
    void b.run(step, [y, x], [10, 0], [size])
    const second = b.read(x, 'f32', 3)
    b.write(x, 'f32', numbers().fill(7))
    const third = b.read(x, 'f32', 2)
    b.copy(x, y)
    void b.run(step, [y, x], [1, 0.5], [50])
    const fourth = b.read(x, 'f32', size)
    b.write(y, 'f32', numbers())
    expect(await first).toEqual(numbers().map(v => 2 * v + 1))
    expect([...(await second)]).toEqual([10, 30, 50])
    expect([...(await third)]).toEqual([7, 7])
    expect(await fourth).toEqual(numbers().map((_, i) => (i < 50 ? 7.5 : 7)))
    expect(await b.read(y, 'f32', size)).toEqual(numbers())
    for (const { buffer } of [x, y]) b.free(buffer)
  })

  test('what is given is copied at the call', async () => {
    const [x, y] = [place(b), place(b)]
    using step = b.load(single(affine('copied')))
    const data = numbers()
    const [scalars, symbols] = [[3, 0], [size]]
    b.write(x, 'f32', data)
    const run = b.run(step, [x, y], scalars, symbols)
    data.fill(-1)
    scalars[0] = 1000
    symbols[0] = 1
    await run
    expect(await b.read(y, 'f32', size)).toEqual(numbers().map(v => 3 * v))
  })

  test('many runs with moving scalars, alternating memory and sizes', async () => {
    const places = [place(b), place(b), place(b)]
    using step = b.load(single(affine('moving')))
    b.write(places[0], 'f32', numbers().fill(0))
    let want = 0
    for (let i = 0; i < 60; i++) {
      void b.run(step, [places[i % 3], places[(i + 1) % 3]], [0.5, i], [size - (i % 2)])
      want = want * 0.5 + i
    }
    const [last] = await b.read(places[60 % 3], 'f32', 1)
    expect(last).toBeCloseTo(want, 4)
  })

  test('a program of several kernels, with slots in one buffer at several offsets', async () => {
    const [one, two] = [affine('first of two'), affineInPlace()]
    const program: Program = {
      launches: [
        { kernel: one, buffers: [0, 1], scalars: [0, 1] },
        { kernel: two, buffers: [1], scalars: [2, 2] },
        { kernel: one, buffers: [1, 2], scalars: [1, 0] },
      ],
      slots: 3,
      scalars: ['f32', 'f32', 'f32'],
    }
    const memory = b.allocate(4096)
    const slots = [0, 512, 1024].map(offset => ({ buffer: memory, offset, bytes: 400 }))
    b.write(slots[0], 'f32', numbers())
    using loaded = b.load(program)
    await b.run(loaded, slots, [2, 3, 10], [size])
    // (2 v + 3) * 10 + 10, then * 3 + 2
    expect(await b.read(slots[2], 'f32', size)).toEqual(numbers().map(v => ((2 * v + 3) * 10 + 10) * 3 + 2))
    // a copy inside one buffer
    b.copy(slots[2], slots[0])
    expect(await b.read(slots[0], 'f32', 2)).toEqual(Float32Array.from([122, 182]))
    b.free(memory)
  })

  test('two slots of one memory share a binding; memory that overlaps otherwise is refused', async () => {
    const a = axis(0, 4)
    const sum: LoopKernel = {
      kind: 'loop',
      name: 'sum of two',
      buffers: [buffer('f32', 4), buffer('f32', 4), buffer('f32', 4, 'write')],
      scalars: [],
      parallel: [a],
      vector: true,
      scratch: [],
      body: [store(2, axisIndex(a), binary('add', load('f32', 0, axisIndex(a)), load('f32', 1, axisIndex(a))))],
    }
    const [x, z] = [place(b, 1000), place(b, 4)]
    b.write(x, 'f32', Float32Array.from([1, 2, 3, 4]))
    using loaded = b.load(single(sum))
    await b.run(loaded, [x, x, z], [], [])
    expect([...(await b.read(z, 'f32', 4))]).toEqual([2, 4, 6, 8])
    const inside = { buffer: x.buffer, offset: 256, bytes: 16 }
    await expect(b.run(loaded, [x, inside, z], [], [])).rejects.toThrow(/overlap.*sum of two/)
    await expect(b.run(loaded, [x, { ...inside, bytes: 8 }, z], [], [])).rejects.toThrow(/does not fit.*sum of two/)
  })

  test('sizes of 0: empty kernels do nothing, reductions over nothing give the start', async () => {
    const [x, y] = [place(b), place(b)]
    b.write(y, 'f32', numbers())
    using step = b.load(single(affine('empty')))
    await b.run(step, [x, y], [1, 1], [0])
    expect(await b.read(y, 'f32', size)).toEqual(numbers())
    const r = axis(0, 0)
    const nothing: LoopKernel = {
      kind: 'loop',
      name: 'sum of nothing',
      buffers: [buffer('f32', 0), buffer('f32', 0), buffer('f32', 1, 'write')],
      scalars: [],
      parallel: [],
      vector: false,
      scratch: [],
      body: [
        declare(0, 5),
        loop(r, [update(0, 'add', binary('mul', load('f32', 0, axisIndex(r)), load('f32', 1, axisIndex(r))))], {
          reduces: [0],
        }),
        store(2, zeroIndex, { op: 'acc', dtype: 'f32', id: 0 }),
      ],
    }
    const [, , out] = await onDevice(b, nothing, [new Float32Array(0), new Float32Array(0), new Float32Array(1)])
    expect([...out]).toEqual([5])
    await b.run(b.load({ launches: [], slots: 0, scalars: [] }), [], [], [])
  })

  test('an index past the end stays inside of its buffer', async () => {
    const a = axis(0, 4)
    const gather: LoopKernel = {
      kind: 'loop',
      name: 'wild gather',
      buffers: [buffer('i32', 4), buffer('f32', 4), buffer('f32', 4, 'write')],
      scalars: [],
      parallel: [a],
      vector: true,
      scratch: [],
      body: [store(2, axisIndex(a), load('f32', 1, valueIndex(load('i32', 0, axisIndex(a)))))],
    }
    const out = await onDevice(b, gather, [Int32Array.from([0, 3, 1_000_000_000, -1]), numbers(4), new Float32Array(4)])
    expect([...out[2].slice(0, 2)]).toEqual([0, 3])
    expect([0, 1, 2, 3]).toContain(out[2][2])
  })

  test('bytes in use are exact and return; freed memory is used again', async () => {
    const own = (await openBackend())!
    const before = own.bytesInUse
    const buffers = [1, 256, 257, 1000, 70_000, 5_000_000].map(bytes => own.allocate(bytes))
    const expected = [1, 256, 257, 1000, 70_000, 5_000_000].reduce((sum, bytes) => sum + roundSize(bytes), 0)
    expect(own.bytesInUse - before).toBe(expected)
    const held = own.bytesHeld
    for (let i = 0; i < 50; i++) {
      for (const buffer of buffers.splice(0)) own.free(buffer)
      expect(own.bytesInUse).toBe(before)
      buffers.push(...[1, 256, 257, 1000, 70_000, 5_000_000].map(bytes => own.allocate(bytes)))
      using loaded = own.load(single(affine()))
      const bindings = [0, 1].map(j => ({ buffer: buffers[3 + j], offset: 0, bytes: 400 }))
      await own.run(loaded, bindings, [1, i], [size])
      expect((await own.read(bindings[1], 'f32', 1)).length).toBe(1)
    }
    expect(own.bytesInUse - before).toBe(expected)
    // beside the six: one parameter block, one transfer
    expect(own.bytesHeld - held).toBeLessThanOrEqual(512)
    for (const buffer of buffers) own.free(buffer)
    own.free(buffers[0])
    expect(own.bytesInUse).toBe(before)
    await own.dispose()
  })

  test('small values share blocks: read and written by one kernel, counted each, given back together', async () => {
    const own = (await openBackend())!
    const [inUse, held] = [own.bytesInUse, own.bytesHeld]
    const few = 50
    const cells = Array.from({ length: 600 }, () => place(own, few))
    expect(own.bytesInUse - inUse).toBe(600 * 256)
    // 256 cells a block
    expect(own.bytesHeld - held).toBe(3 * 256 * 256)
    using step = own.load(single(affine('from cell to cell')))
    cells.slice(0, 300).forEach((cell, i) => void own.write(cell, 'f32', numbers(few).fill(i)))
    for (let i = 0; i < 300; i++) void own.run(step, [cells[i], cells[300 + i]], [2, i], [few])
    own.copy(cells[599], cells[7])
    const results = await Promise.all(cells.slice(300).map(cell => own.read(cell, 'f32', few)))
    results.forEach((values, i) => void expect(values).toEqual(numbers(few).fill(3 * i)))
    expect(await own.read(cells[7], 'f32', few)).toEqual(numbers(few).fill(897))
    expect(await own.read(cells[8], 'f32', few)).toEqual(numbers(few).fill(8))
    // freed cells are used again: what others hold stays
    for (const { buffer } of cells.splice(0, 300)) own.free(buffer)
    const again = Array.from({ length: 300 }, () => place(own, few))
    for (const cell of again) own.write(cell, 'f32', numbers(few).fill(-1))
    expect(await own.read(cells[0], 'f32', few)).toEqual(numbers(few).fill(0))
    expect(await own.read(cells[299], 'f32', few)).toEqual(numbers(few).fill(897))
    for (const { buffer } of [...cells, ...again]) own.free(buffer)
    await expect(own.read(cells[0], 'f32', few)).rejects.toThrow(StaleError)
    expect(own.bytesInUse - inUse).toBe(256) // what the program's parameters take
    await own.dispose()
  })

  test('where there is no room for a block of cells, a small value has its own', async () => {
    const own = (await openBackend({ maxBytes: 10_000 }))!
    const [x, y] = [place(own, 4), place(own, 4)]
    own.write(x, 'f32', numbers(4))
    using step = own.load(single(affine()))
    await own.run(step, [x, y], [2, 1], [4])
    expect([...(await own.read(y, 'f32', 4))]).toEqual([1, 3, 5, 7])
    await own.dispose()
  })

  test('memory of some launches moves, a run between is refused, buffers come to be one', async () => {
    const own = (await openBackend())!
    const add = (name: string): LoopKernel => {
      const a = axis(0, size)
      return {
        kind: 'loop',
        name,
        buffers: [buffer('f32', size), buffer('f32', size), buffer('f32', size, 'write')],
        scalars: [],
        parallel: [a],
        vector: true,
        scratch: [],
        body: [store(2, axisIndex(a), binary('add', load('f32', 0, axisIndex(a)), load('f32', 1, axisIndex(a))))],
      }
    }
    const names = ['first', 'second', 'third']
    const launches = names.map((name, i) => ({ kernel: add(name), buffers: [i, i + 1, i + 2], scalars: [] }))
    using loaded = own.load({ launches, slots: 5, scalars: [] })
    const fresh = (values: number): Binding => {
      const made = place(own)
      own.write(made, 'f32', numbers().fill(values))
      return made
    }
    const slots = [fresh(1), fresh(2), fresh(0), fresh(0), fresh(0)]
    const check = async (): Promise<void> => {
      const [[x], [y]] = [await own.read(slots[0], 'f32', 1), await own.read(slots[1], 'f32', 1)].map(v => [
        Number(v[0]),
      ])
      await own.run(loaded, [...slots], [], [])
      // x + y, x + 2y, 2x + 3y; where the last result is x itself, y was read before
      expect((await own.read(slots[4], 'f32', size))[size - 1]).toBe(2 * x + 3 * y)
    }
    await check()
    slots[0] = fresh(5)
    await check()
    const broken = place(own)
    const { block } = broken.buffer as unknown as { block: { failed: boolean; pending: Promise<void> | null } }
    await block.pending
    block.failed = true
    const before = slots[1]
    slots[1] = broken
    const refused = own.run(loaded, [...slots], [], [])
    slots[1] = before
    slots[3] = fresh(0)
    const after = check()
    await expect(refused).rejects.toThrow(OutOfMemoryError)
    await after
    const [x, last] = [slots[0], slots[4]]
    slots[4] = slots[2]
    await check() // second and third kernels: the result is an operand's memory
    slots[4] = last
    slots[0] = slots[1]
    await check() // the first kernel's operands are one
    slots[0] = x
    await check()
    await own.dispose()
  })

  test('rounded sizes hold what is asked and waste little', () => {
    for (const bytes of [0, 1, 256, 257, 1024, 1025, 99_999, 2 ** 20, 2 ** 20 + 1, 2 ** 24 + 1, 123_456_789]) {
      const rounded = roundSize(bytes)
      expect(rounded).toBeGreaterThanOrEqual(bytes)
      expect(rounded % 256).toBe(0)
      expect(rounded).toBeLessThanOrEqual(Math.max(256, bytes + 256, bytes * 1.25))
    }
  })

  test('out of memory changes nothing; a smaller request may follow', async () => {
    const own = (await openBackend({ maxBytes: 1 << 20 }))!
    const x = place(own)
    own.write(x, 'f32', numbers())
    const before = own.bytesInUse
    expect(() => own.allocate(1 << 21)).toThrow(OutOfMemoryError)
    expect(() => own.allocate(own.limits.bufferBytes + 4)).toThrow(/larger than one buffer/)
    const many: ReturnType<typeof own.allocate>[] = []
    expect(() => {
      for (;;) many.push(own.allocate(100_000))
    }).toThrow(/out of memory/)
    for (const buffer of many) own.free(buffer)
    expect(own.bytesInUse).toBe(before)
    // the pool makes room for another size
    const large = own.allocate(900_000)
    expect(await own.read(x, 'f32', size)).toEqual(numbers())
    own.free(large)
    await own.dispose()
  })

  test('memory that the GPU refuses rejects what uses it and nothing else', async () => {
    const own = (await openBackend())!
    const x = place(own)
    const refusal = place(own)
    // stands for a real refusal, which cannot be provoked without exhausting the machine
    const { block } = refusal.buffer as unknown as { block: { failed: boolean; pending: Promise<void> | null } }
    await block.pending
    block.failed = true
    using step = own.load(single(affine()))
    own.write(refusal, 'f32', numbers())
    await expect(own.run(step, [x, refusal], [1, 0], [size])).rejects.toThrow(OutOfMemoryError)
    await expect(own.read(refusal, 'f32', 1)).rejects.toThrow(OutOfMemoryError)
    own.free(refusal.buffer)
    const y = place(own)
    own.write(x, 'f32', numbers())
    await own.run(step, [x, y], [1, 0], [size])
    expect(await own.read(y, 'f32', size)).toEqual(numbers())
    await own.dispose()
  })

  test('freed buffers and disposed executables are errors', async () => {
    const [x, y] = [place(b), place(b)]
    const step = b.load(single(affine()))
    b.free(y.buffer)
    await expect(b.run(step, [x, y], [1, 0], [size])).rejects.toThrow(StaleError)
    await expect(b.read(y, 'f32', 1)).rejects.toThrow(StaleError)
    expect(() => b.write(y, 'f32', numbers())).toThrow(StaleError)
    step[Symbol.dispose]()
    step[Symbol.dispose]()
    await expect(b.run(step, [x, x], [1, 0], [size])).rejects.toThrow(/disposed/)
  })

  test('a kernel that does not compile rejects its run, naming itself; later runs go on', async () => {
    const broken = affine('broken kernel')
    const shader = { bindings: 2, fields: [], workgroups: () => 1 }
    b.preset(broken, alone({ ...shader, code: '@compute @workgroup_size(1) fn main() {\n  nonsense(x);\n}' }))
    using bad = b.load(single(broken))
    using good = b.load(single(affine()))
    const [x, y] = [place(b), place(b)]
    b.write(x, 'f32', numbers())
    const failing = b.run(bad, [x, y], [1, 0], [size])
    const working = b.run(good, [x, y], [1, 5], [size])
    await expect(failing).rejects.toThrow(/does not compile.*broken kernel/s)
    // the line, and where in it
    await expect(failing).rejects.toThrow(/unresolved.*\n {2}2 \| {3}nonsense\(x\);\n {13,}\^/s)
    await expect(failing).rejects.toBeInstanceOf(DeviceError)
    await working
    expect((await b.read(y, 'f32', 1))[0]).toBe(5)
  })

  test('a size that indices cannot reach is an error', async () => {
    using step = b.load(single(affine()))
    const [x, y] = [place(b), place(b)]
    await expect(b.run(step, [x, y], [1, 0], [2 ** 32])).rejects.toThrow(CairnError)
  })

  test('long programs are cut into several submits', async () => {
    const launches = Array.from({ length: 40 }, () => ({ kernel: affineInPlace(), buffers: [0], scalars: [0, 1] }))
    const elements = 1 << 16
    const x = place(b, elements)
    b.write(x, 'f32', new Float32Array(elements))
    using loaded = b.load({ launches, slots: 1, scalars: ['f32', 'f32'] })
    const { queue } = b.device
    let submits = 0
    const submit = queue.submit.bind(queue)
    queue.submit = buffers => {
      submits++
      submit(buffers)
    }
    try {
      // as if each element took a millisecond
      b.assumeSpeed(100)
      await b.run(loaded, [x], [1, 1], [elements])
      expect(submits).toBeGreaterThan(10)
      submits = 0
      b.assumeSpeed(1e9)
      await b.run(loaded, [x], [1, 1], [elements])
      expect(submits).toBeLessThanOrEqual(3)
    } finally {
      queue.submit = submit
    }
    expect((await b.read(x, 'f32', elements)) as Float32Array).toEqual(new Float32Array(elements).fill(80))
  })

  test('a lost device rejects what is under way and all that comes later', async () => {
    const own = (await openBackend())!
    const [x, y] = [place(own), place(own)]
    using step = own.load(single(affine('under way')))
    const run = own.run(step, [x, y], [1, 0], [size])
    const read = own.read(y, 'f32', size)
    own.device.destroy()
    await expect(run).rejects.toThrow(DeviceLostError)
    await expect(read).rejects.toThrow(DeviceLostError)
    await expect(own.run(step, [x, y], [1, 0], [size])).rejects.toThrow(DeviceLostError)
    await expect(own.read(y, 'f32', 1)).rejects.toThrow(DeviceLostError)
    expect(() => own.allocate(4)).toThrow(DeviceLostError)
    expect(() => own.write(x, 'f32', numbers())).toThrow(DeviceLostError)
    own.free(x.buffer)
    await own.dispose()
  })

  test('an error of the device outside of any call is not lost', async () => {
    const own = (await openBackend())!
    const [x, y] = [place(own), place(own)]
    using step = own.load(single(affine()))
    await own.run(step, [x, y], [1, 0], [size])
    // an invalid use of the device, which WebGPU reports later and to nobody
    own.device.createBuffer({ size: 4, usage: 0xffff })
    await new Promise(resolve => setTimeout(resolve, 20))
    await expect(own.run(step, [x, y], [1, 0], [size])).rejects.toThrow(/the device failed/)
    await expect(own.read(y, 'f32', 1)).rejects.toThrow(DeviceLostError)
    await own.dispose()
  })

  test('dispose finishes what was queued; later calls throw', async () => {
    const own = (await openBackend())!
    const [x, y] = [place(own), place(own)]
    const step = own.load(single(affine()))
    own.write(x, 'f32', numbers())
    const run = own.run(step, [x, y], [2, 0], [size])
    const read = own.read(y, 'f32', 2)
    const disposed = own.dispose()
    await run
    expect([...(await read)]).toEqual([0, 2])
    await disposed
    expect(() => own.allocate(4)).toThrow(/disposed/)
    expect(() => own.load(single(affine()))).toThrow(/disposed/)
    await expect(own.run(step, [x, y], [2, 0], [size])).rejects.toThrow(/disposed/)
    await own.dispose()
  })

  test('equal kernels are compiled once', () => {
    b.load(single(affine('shared')))
    const before = b.pipelines
    b.load(single(affine('shared')))
    const other = affine('of another name')
    b.load(single(other))
    expect(b.pipelines).toBe(before)
    const a = axis(0, symbol(0, size))
    b.load(single({ ...other, body: [store(1, axisIndex(a), f32(3))], parallel: [a] }))
    expect(b.pipelines).toBe(before + 1)
  })

  test('a script ends by itself, disposed or not', async () => {
    const here = new URL('./backend.ts', import.meta.url).href
    for (const last of ['await b.dispose()', '']) {
      const script = `import { createWebGPUBackend } from ${JSON.stringify(here)}
        const b = await createWebGPUBackend()
        const buffer = b.allocate(400)
        b.write({ buffer, offset: 0, bytes: 400 }, 'f32', new Float32Array(100).fill(3))
        console.log((await b.read({ buffer, offset: 0, bytes: 400 }, 'f32', 100))[99])
        ${last}`
      const args = ['--conditions=@cairn/source', '--input-type=module', '--eval', script]
      const { stdout } = await promisify(execFile)(process.execPath, args, {
        timeout: 20_000,
        env: await environment(),
      })
      expect(stdout.trim()).toBe('3')
    }
  })
})

test.skipIf(!backend)(`without a driver the error says in one line what to install${why}`, async () => {
  const here = new URL('./backend.ts', import.meta.url).href
  const script = `import { createWebGPUBackend } from ${JSON.stringify(here)}
    import { hasHardwareAdapter } from ${JSON.stringify(new URL('./device.ts', import.meta.url).href)}
    console.log(await createWebGPUBackend().catch(error => error.name + ': ' + error.message))
    console.log(await hasHardwareAdapter())`
  const args = ['--conditions=@cairn/source', '--input-type=module', '--eval', script]
  const env = { ...(await environment()), VK_ICD_FILENAMES: '/nonexistent.json', VK_DRIVER_FILES: '/nonexistent.json' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000, env })
  expect(stdout).toMatch(/^DeviceError: webgpu: no adapter: install a Vulkan driver[^\n]*\nfalse\n$/)
})

test.skipIf(!backend?.software)(
  `'auto' does not take a software GPU${why || (backend?.software ? '' : ' (skipped: a real GPU is here)')}`,
  async () => {
    expect(await hasHardwareAdapter()).toBe(false)
  },
)

/** For a child process: a driver that this process may have opened by other means than its environment. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const { ensureSwiftShader } = await import('../../../../../tools/swiftshader.ts')
  const found = process.env.VK_ICD_FILENAMES?.includes('swiftshader') ? await ensureSwiftShader() : null
  return { ...process.env, ...found?.env }
}
