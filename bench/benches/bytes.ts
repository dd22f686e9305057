// Bytes that memory-bound ops move, against those of their inputs and results: one pass over memory is the aim. Counted from the plan by
// limits/plan-bytes.ts, and that count held against the allocator's.

import { crossEntropy, LayerNorm, RMSNorm } from '@cairn/nn'
import { bytesInUse, defaultDevice, randint, randn, realize, type Tensor } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { bytesMoved, liveBytes, plansMadeBy } from '../limits/plan-bytes.ts'
import { eachThreadCount } from '../wasm.ts'

export const description = 'bytes that memory-bound kernels move, against their inputs and results'

const [rows, columns] = [4096, 768]
/** The aim: at most 1.15 times inputs and results. */
const target = 1 / 1.15

interface Op {
  readonly name: string
  inputs(): Tensor[]
  apply(inputs: readonly Tensor[]): Tensor
}

const table = () => randn([rows, columns])
const ops: readonly Op[] = [
  {
    name: 'gelu(x * a + b)',
    inputs: () => [table(), table(), table()],
    apply: ([x, a, b]) => x!.mul(a!).add(b!).gelu({ approximate: 'tanh' }),
  },
  { name: 'x + a', inputs: () => [table(), table()], apply: ([x, a]) => x!.add(a!) },
  { name: 'sum(x)', inputs: () => [table()], apply: ([x]) => x!.sum() },
  { name: 'softmax', inputs: () => [table()], apply: ([x]) => x!.softmax(-1) },
  { name: 'layer norm', inputs: () => [table()], apply: ([x]) => new LayerNorm(columns).forward(x!) },
  { name: 'rms norm', inputs: () => [table()], apply: ([x]) => new RMSNorm(columns).forward(x!) },
  {
    name: 'cross entropy',
    inputs: () => [table(), randint(0, columns, [rows])],
    apply: ([x, labels]) => crossEntropy(x!, labels!),
  },
]

const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, t) => sum + 4 * t.size, 0)

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  if (device === 'reference') throw new Error('bytes: the reference device has no plans; try --device wasm.')
  yield* eachThreadCount(device, async function* (threads): AsyncGenerator<Measurement> {
    if (threads === 2) return
    const on = defaultDevice()
    for (const { name, inputs, apply } of ops) {
      const given = inputs()
      for (const t of given) t.own()
      await realize(...given)
      const before = bytesInUse(on)
      let result: Tensor | undefined
      const plans = await plansMadeBy(on, async () => {
        result = apply(given)
        await realize(result)
      })
      const [moved, live] = [bytesMoved, liveBytes].map(count => plans.reduce((sum, plan) => sum + count(plan), 0))
      const least = bytesOf([...given, result!])
      yield {
        name: `${name} [${rows}, ${columns}]`,
        value: moved!,
        unit: 'bytes',
        limit: { name: 'inputs and results', value: least },
        target,
      }
      // what the allocator gave out: the result, what lives between kernels, parameters, and a row of scratch for each thread
      const grown = bytesInUse(on) - before
      const expected = bytesOf([result!]) + live!
      if (grown > expected + 2 ** 20)
        throw new Error(`${name}: the allocator gave out ${grown} bytes, the plan needs ${expected}`)
      for (const t of [...given, result!]) t[Symbol.dispose]()
    }
  })
}
