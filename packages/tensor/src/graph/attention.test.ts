// Attention as an op: the lowering by the interpreter of kernels, memory linear in the length, sizes as symbols. Values and gradients against
// the composed form are tested in nn/functional/attention.test.ts, where both live.

import { expect, test } from 'vitest'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import { attention } from '../functional/attention.ts'
import { arange, bytesInUse, grad, randn, readAll, realize, statistics, Tensor, tensor } from '../index.ts'
import { encode } from '../numeric.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'

const engines = (): Engine[] => [
  new Engine('reference', () => Promise.resolve(new ReferenceExecutor())),
  new Engine('together', () => Promise.resolve(new CompiledExecutor(new InterpretBackend()))),
  new Engine('apart', () => Promise.resolve(new CompiledExecutor(new InterpretBackend({ splitAttention: true })))),
  new Engine('narrow', () =>
    Promise.resolve(new CompiledExecutor(new InterpretBackend({ splitAttention: true, buffersPerKernel: 9 }))),
  ),
]

function leaf(engine: Engine, shape: readonly number[], values: readonly number[], dtype: 'f32' | 'i32' = 'f32') {
  const storage = new Storage(engine, shape, dtype)
  storage.host = encode(dtype, values)
  storage.settled = storage.head
  const t = new Tensor(storage)
  if (dtype === 'f32') t.requiresGrad = true
  return t
}

test('schedules and lowers to the same values as the evaluator, through views and by one kernel or several', async () => {
  const results: number[][] = []
  for (const engine of engines()) {
    await engine.ready()
    const from = draw('attention')
    const numbers = (count: number) => from.many(count, -1, 1).map(Math.fround)
    // [2, 5, 3, 4, 4]: queries, keys and values side by side, as a layer makes them
    const all = leaf(engine, [2, 5, 3, 4, 4], numbers(480))
    const [q, k, v] = all.permute([2, 0, 3, 1, 4]).unbind(0)
    const ends = leaf(engine, [5], [1, 2, 0, 4, 5], 'i32')
    const mask = leaf(engine, [4, 1, 5], numbers(20)).detach()
    const out = attention(q, k.narrow(1, 0, 2), v.narrow(1, 1, 2), { ends, mask, scale: 0.7 })
    const total = out.permute([0, 2, 1, 3]).reshape([10, 16]).square().sum()
    const read = await readAll([out, ...grad(total, [all])])
    results.push(read.flatMap(x => [...(x as Float32Array)]))
  }
  for (const result of results.slice(1)) expectClose(result, results[0], single, 'attention')
})

const causal = (length: number) => ({ ends: arange(1, length + 1, 1) })

onEachDevice(
  'takes memory linear in the length: 4096 tokens, 8 heads of 64, forward and backward, in less than 32 MiB beside what goes in and out',
  async device => {
    const [heads, length, width] = [8, 4096, 64]
    const inputs = [1, 2, 3].map(() => randn([1, heads, length, width]))
    for (const x of inputs) x.requiresGrad = true
    const upper = randn([1, heads, length, width])
    upper.own()
    await realize(...inputs, upper)
    const before = bytesInUse(device)
    const [q, k, v] = inputs
    const out = attention(q, k, v, causal(length))
    const gradients = grad(out, inputs, { gradient: upper })
    await realize(out, ...gradients)
    const results = 4 * heads * length * width * 4
    // an arena keeps its greatest extent: what is in use after it is the peak
    expect(bytesInUse(device) - before - results).toBeLessThan(32 * 2 ** 20)
    const data = (await gradients[1].data()) as Float32Array
    expect(data.every(Number.isFinite)).toBe(true)
    for (const t of [out, ...gradients, ...inputs, upper]) t[Symbol.dispose]()
  },
  { on: ['wasm'], timeout: 60_000 },
)

onEachDevice(
  'one kernel for a forward pass and its sums, and one for three gradients; other lengths compile nothing after the second',
  async device => {
    const k = randn([1, 2, 64, 8])
    const q = randn([1, 2, 64, 8])
    for (const x of [k, q]) x.requiresGrad = true
    const run = async (length: number) => {
      const y = attention(q.narrow(2, 0, length), k, k, { ends: tensor(length) })
      await realize(...grad(y.square().sum(), [q, k]))
    }
    for (const length of [20, 30, 37]) await run(length)
    const { plansCompiled, launches } = statistics(device)
    await run(41)
    const after = statistics(device)
    expect(after.plansCompiled).toBe(plansCompiled)
    expect(after.launches - launches).toBeLessThanOrEqual(8)
  },
  { on: ['wasm'] },
)
