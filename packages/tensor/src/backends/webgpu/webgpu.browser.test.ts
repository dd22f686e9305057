// A smoke set of the backend in a browser: what is proven at length in Node also runs on the browser's own WebGPU.

import { afterAll, describe, expect, test } from 'vitest'
import { acc, axis, binary, buffer, declare, load, loop, rowMajor, store, unary, update } from '../../kernel/build.ts'
import type { LoopKernel, MatmulKernel } from '../../kernel/ir.ts'
import { differences, openBackend } from './differential.ts'
import { randomKernel } from './random-kernels.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: this browser has no WebGPU adapter)'
afterAll(() => backend?.dispose())

describe.skipIf(!backend)(`WebGPU in the browser${why}`, () => {
  test.each(['map', 'row', 'column', 'scatter', 'in place'] as const)('random kernels: %s', async form => {
    for (let seed = 1; seed <= 3; seed++) {
      const { kernel, buffers, scalars, symbols } = randomKernel(form, seed, [5, 100])
      if (kernel.buffers.length > backend!.limits.buffersPerKernel) continue
      const tolerance = { absolute: 2e-4, relative: 1e-4 }
      expect(await differences(backend!, kernel, buffers, { scalars, symbols }, tolerance)).toEqual([])
    }
  })

  test('softmax of rows', async () => {
    const [rows, c] = [axis(0, 9), axis(1, 70)]
    const x = load('f32', 0, rowMajor(rows, c))
    const e = unary('exp', binary('sub', x, acc(0)))
    const kernel: LoopKernel = {
      kind: 'loop',
      name: 'softmax',
      buffers: [buffer('f32', 630), buffer('f32', 630, 'write')],
      scalars: [],
      parallel: [rows],
      vector: false,
      scratch: [],
      body: [
        declare(0, Number.NEGATIVE_INFINITY),
        loop(c, [update(0, 'max', x)], { reduces: [0] }),
        declare(1, 0),
        loop(c, [update(1, 'add', e)], { reduces: [1] }),
        loop(c, [store(1, rowMajor(rows, c), binary('div', e, acc(1)))]),
      ],
    }
    const data = Float32Array.from({ length: 630 }, (_, i) => Math.sin(i) * 5)
    expect(await differences(backend!, kernel, [data, new Float32Array(630)])).toEqual([])
  })

  test('matmul on an odd shape', async () => {
    const [m, n, k] = [axis(0, 37), axis(1, 45), axis(2, 19)]
    const kernel: MatmulKernel = {
      kind: 'matmul',
      name: 'matmul',
      batch: [],
      m,
      n,
      k,
      a: { buffer: 0, index: rowMajor(m, k) },
      b: { buffer: 1, index: rowMajor(n, k) },
      buffers: [buffer('f32', 37 * 19), buffer('f32', 45 * 19), buffer('f32', 37 * 45, 'write')],
      scalars: [],
      body: [store(2, rowMajor(m, n), acc(0))],
    }
    const data = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => (i % 7) - 3)
    expect(await differences(backend!, kernel, [data(37 * 19), data(45 * 19), data(37 * 45)])).toEqual([])
  })

  test('a lost device rejects', async () => {
    const own = (await openBackend())!
    const target = { buffer: own.allocate(16), offset: 0, bytes: 16 }
    const read = own.read(target, 'f32', 4)
    own.device.destroy()
    await expect(read).rejects.toThrow(/lost/)
    await own.dispose()
  })
})
