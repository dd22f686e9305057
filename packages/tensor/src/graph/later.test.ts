// Parts loaded when they are first needed: what waits for them, in which order, and what a part that cannot be loaded leaves.

import { expect, test } from 'vitest'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import { Tensor } from '../index.ts'
import { Later } from '../load-later.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { Storage } from './storage.ts'

/** A device that must load something before it can multiply matrices; `loads[i]()` ends the i-th try, with an error if one is given. */
function device() {
  const loads: ((error?: Error) => void)[] = []
  const products = new Later(
    () =>
      new Promise<object>((resolve, reject) => {
        loads.push(error => (error ? reject(error) : resolve({})))
      }),
  )
  const backend = new InterpretBackend()
  const executor = new CompiledExecutor(
    Object.assign(backend, {
      prepare: (program: { launches: readonly { kernel: { kind: string } }[] }) =>
        program.launches.some(l => l.kernel.kind === 'matmul') ? products.need() : null,
    }),
  )
  const engine = new Engine('later', () => Promise.resolve(executor))
  const own = (values: readonly number[], shape: readonly number[]) =>
    new Tensor(new Storage(engine, shape, 'f32').hold(Float32Array.from(values)))
  return { engine, loads, own }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

test('effects keep their order while a part is loaded, and a storage lives until what waits has read it', async () => {
  const { engine, loads, own } = device()
  await engine.ready()
  const [a, b] = [own([1, 2, 3, 4], [2, 2]), own([1, 1, 1, 1], [2, 2])]
  const total = own([0, 0, 0, 0], [2, 2])
  total.assign(total.add(a.matmul(b)))
  const first = total.numbers()
  total.assign(total.mul(10))
  const second = total.numbers()
  a[Symbol.dispose]()
  await turn()
  expect(loads.length).toBe(1)
  loads[0]()
  expect(await first).toEqual([3, 3, 7, 7])
  expect(await second).toEqual([30, 30, 70, 70])
  await expect(a.numbers()).rejects.toThrow('was disposed')
  // now it is there: no waiting
  expect(await b.matmul(b).numbers()).toEqual([2, 2, 2, 2])
  expect(loads.length).toBe(1)
})

test('a part that cannot be loaded is an error of what needs it, changes nothing, and is tried again', async () => {
  const { engine, loads, own } = device()
  await engine.ready()
  const x = own([1, 2, 3, 4], [2, 2])
  x.assign(x.matmul(x))
  const failed = engine.queue.run()
  await turn()
  loads[0](new Error('offline'))
  await expect(failed).rejects.toThrow('offline')
  expect(await x.numbers()).toEqual([1, 2, 3, 4])
  const again = x.matmul(x).numbers()
  await turn()
  loads[1]()
  expect(await again).toEqual([7, 10, 15, 22])
})
