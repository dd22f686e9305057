// What is compiled for a card and not for a software device, run on one all the same: long columns in pieces, products of f16 from their operands as they are.

import { afterAll, describe, expect, test } from 'vitest'
import { createWebGPUBackend } from '../backends/webgpu/backend.ts'
import { decode, encode } from '../numeric.ts'
import { Tensor } from '../ops/methods.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'

const backend = await createWebGPUBackend({ software: false, tuningCache: false }).catch(() => null)
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const reference = new Engine('reference', () => Promise.resolve(new ReferenceExecutor()))
const executor = backend && new CompiledExecutor(backend)
const card = new Engine('card', () => Promise.resolve(executor!))
afterAll(() => executor?.dispose())

function leaf(engine: Engine, shape: number[], dtype: 'f32' | 'f16'): Tensor {
  const storage = new Storage(engine, shape, dtype)
  const size = shape.reduce((a, b) => a * b, 1)
  storage.host = encode(
    dtype,
    Array.from({ length: size }, (_, i) => Math.sin(i * 1.7)),
  )
  storage.settled = storage.head
  return new Tensor(storage)
}

async function both(shapes: number[][], dtype: 'f32' | 'f16', run: (inputs: Tensor[]) => Tensor) {
  const on = async (engine: Engine) => {
    await engine.ready()
    const out = run(shapes.map(shape => leaf(engine, shape, dtype)))
    return [...decode(out.dtype, await out.data())].map(Number)
  }
  const wanted = await on(reference)
  const before = executor!.statistics.launches
  const found = await on(card)
  const launches = executor!.statistics.launches - before
  return { wanted, found, launches }
}

describe.skipIf(!backend)(`as on a card${why}`, () => {
  test.each([
    [[1100, 70], 2, (x: Tensor) => x.mul(0.5).sum(0).add(1)],
    [[4, 300, 33], 2, (x: Tensor) => x.sum([0, 1])],
    [[1500, 64], 2, (x: Tensor) => x.amax(0)],
    // too short, and along rows
    [[900, 70], 1, (x: Tensor) => x.sum(0)],
    [[70, 1100], 1, (x: Tensor) => x.sum(1)],
  ])('%j in %i kernels', async (shape, kernels, run) => {
    const { wanted, found, launches } = await both([shape], 'f32', ([x]) => run(x))
    expect(launches).toBe(kernels)
    found.forEach((x, i) => void expect(Math.abs(x - wanted[i])).toBeLessThan(1e-3))
  })

  test('a product of f16 is one kernel, and so are those of its views', async () => {
    const runs: [number[][], (inputs: Tensor[]) => Tensor][] = [
      [
        [
          [40, 30],
          [30, 50],
        ],
        ([a, b]) => a.matmul(b).relu(),
      ],
      [
        [
          [40, 30],
          [50, 30],
        ],
        ([a, b]) => a.matmul(b.transpose(0, 1)),
      ],
      [
        [
          [1, 300],
          [60, 300],
        ],
        ([a, b]) => a.matmul(b.transpose(0, 1)),
      ],
      [
        [
          [3, 7, 9],
          [9, 5],
        ],
        ([a, b]) => a.matmul(b),
      ],
    ]
    for (const [shapes, run] of runs) {
      const { wanted, found, launches } = await both(shapes, 'f16', run)
      expect(launches).toBe(1)
      found.forEach(
        (x, i) => void expect(Math.abs(x - wanted[i])).toBeLessThan(2e-3 * Math.max(1, Math.abs(wanted[i]))),
      )
    }
  })
})
