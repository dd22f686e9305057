// Scatters whose rows are sorted first, against the plain evaluator: on the interpreter of kernels and on WebGPU, as for a card.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend } from '../backends/backend.ts'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import { openBackend } from '../backends/webgpu/differential.ts'
import type { DType } from '../dtype.ts'
import { encode } from '../numeric.ts'
import { Tensor } from '../ops/methods.ts'
import { apply } from '../tensor.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import type { Executor } from './executor.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'

const webgpu = await openBackend({ software: false, tuningCache: false })
const engineOf = (name: string, executor: Executor): Engine => new Engine(name, () => Promise.resolve(executor))
const compiledOn = (backend: Backend) => new CompiledExecutor(backend)
const reference = engineOf('reference', new ReferenceExecutor())
const plain = compiledOn(new InterpretBackend())
const plainEngine = engineOf('interpret', plain)
const interpreted = compiledOn(new InterpretBackend({ sortedScatter: true, scratch: false, parts: false }))
const devices: [string, Engine, CompiledExecutor][] = [['interpreter', engineOf('sorted', interpreted), interpreted]]
if (webgpu) {
  const executor = compiledOn(webgpu)
  devices.push(['webgpu', engineOf('sorted webgpu', executor), executor])
}

beforeAll(() => Promise.all([reference, plainEngine, ...devices.map(d => d[1])].map(e => e.ready())))
afterAll(() => Promise.all([plain, ...devices.map(d => d[2])].map(e => e.dispose())))

const leaf = (engine: Engine, shape: number[], values: number[], dtype: DType = 'f32'): Tensor => {
  const storage = new Storage(engine, shape, dtype)
  storage.host = encode(dtype, values)
  storage.settled = storage.head
  return new Tensor(storage)
}
/** Small integers, whose sums are exact. */
const numbers = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => ((i * 7919 + seed * 104729) % 17) - 8)

type Mode = 'add' | 'set' | 'max' | 'min'
const scatter = (mode: Mode, axis: number, base: Tensor, index: Tensor, values: Tensor): Tensor => {
  const shape = values.shape.map((n, d) => (d === axis ? n : 1))
  return apply('scatter', [base, index.reshape(shape).expand(values.shape), values], { axis, mode })
}

interface Case {
  readonly base: number[]
  readonly axis: number
  readonly ids: number[]
  readonly dtype?: DType
}
const ids = (count: number, below: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * i * 31 + i) % below)
const cases: Record<string, Case> = {
  'many of few': { base: [7, 5], axis: 0, ids: ids(60, 7) },
  'few of many': { base: [300, 3], axis: 0, ids: ids(40, 300) },
  'all of one': { base: [4, 6], axis: 0, ids: Array(50).fill(2) },
  'each once, backwards': { base: [40, 2], axis: 0, ids: Array.from({ length: 40 }, (_, i) => 39 - i) },
  'along the last axis': { base: [3, 9], axis: 1, ids: ids(33, 9) },
  'along the middle': { base: [2, 9, 3], axis: 1, ids: ids(35, 9) },
  'no other axis': { base: [11], axis: 0, ids: ids(64, 11) },
  integers: { base: [7, 5], axis: 0, ids: ids(60, 7), dtype: 'i32' },
  'no columns': { base: [7, 0], axis: 0, ids: ids(40, 7) },
}

async function outcome(engine: Engine, mode: Mode, { base, axis, ids, dtype }: Case): Promise<number[]> {
  const shape = base.map((n, d) => (d === axis ? ids.length : n))
  const size = (of: number[]): number => of.reduce((a, b) => a * b, 1)
  const x = leaf(engine, base, numbers(size(base), 1), dtype)
  const index = leaf(engine, [ids.length], ids, 'i32')
  const values = leaf(engine, shape, numbers(size(shape), 2), dtype)
  // values that are computed where they are read
  return scatter(mode, axis, x, index, values.add(values)).numbers()
}

describe.each(devices)(
  `sorted scatters on %s${webgpu ? '' : ' (WebGPU skipped: no adapter)'}`,
  (_, engine, executor) => {
    test.each(Object.keys(cases))('%s', async name => {
      for (const mode of ['add', 'set', 'max', 'min'] as const)
        expect(await outcome(engine, mode, cases[name]), mode).toEqual(await outcome(reference, mode, cases[name]))
    })

    test('what is outside is written nowhere', async () => {
      const of = { base: [6, 3], axis: 0, ids: [...ids(40, 6), 6, -1, 6, 1000] }
      const inside = { ...of, ids: ids(40, 6) }
      const got = await outcome(engine, 'set', of).catch(error => error)
      if (Array.isArray(got)) expect(got).toEqual(await outcome(reference, 'set', inside))
      else expect(String(got)).toMatch(/outside/)
    })

    test('an index of each element stays as it was, and so do few rows', async () => {
      const launches = async (rows: number, perElement: boolean, mode: Mode): Promise<number> => {
        const index = leaf(engine, perElement ? [rows, 2] : [rows, 1], ids(perElement ? 2 * rows : rows, 4), 'i32')
        const before = executor.statistics.launches
        const values = leaf(engine, [rows, 2], numbers(2 * rows, 3))
        const x = leaf(engine, [4, 2], numbers(8, 1))
        await apply('scatter', [x, index.expand([rows, 2]), values], { axis: 0, mode }).numbers()
        return executor.statistics.launches - before
      }
      const plain = await launches(50, true, 'add')
      expect(await launches(8, false, 'max')).toBe(plain)
      expect(await launches(50, false, 'add')).toBe(plain + 4)
      expect(await launches(50, false, 'set')).toBe(plain + 1)
    })

    test('other numbers of rows, down to none, by one plan', async () => {
      const run = (on: Engine, rows: number): Promise<number[]> =>
        outcome(on, 'add', { base: [7, 5], axis: 0, ids: ids(rows, 7) })
      for (const rows of [60, 70, 33, 3, 1, 0, 64]) expect(await run(engine, rows)).toEqual(await run(reference, rows))
    })

    test('the gradient of an embedding, and a table written in place', async () => {
      const run = async (on: Engine): Promise<number[][]> => {
        const table = leaf(on, [20, 4], numbers(80, 5))
        table.requiresGrad = true
        const index = leaf(on, [6, 8], ids(48, 20), 'i32')
        table
          .indexSelect(0, index.reshape([48]))
          .mul(leaf(on, [48, 4], numbers(192, 6)))
          .sum()
          .backward()
        const gradient = await table.grad!.numbers()
        const rows = leaf(on, [9, 4], numbers(36, 7))
        for (let i = 0; i < 3; i++) {
          const moved = scatter('add', 0, rows, leaf(on, [40], ids(40, 9), 'i32'), leaf(on, [40, 4], numbers(160, i)))
          on.queue.assign(rows.storage!, moved.node, 'assign')
        }
        return [gradient, await rows.numbers()]
      }
      expect(await run(engine)).toEqual(await run(reference))
    })
  },
)
