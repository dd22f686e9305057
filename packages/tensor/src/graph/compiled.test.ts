// The scheduler and the lowering against the plain evaluator, on the interpreter of kernels: programs that cover each way
// in which nodes come to share a kernel.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import type { Index } from '../kernel/index-expr.ts'
import type { MatmulKernel } from '../kernel/ir.ts'
import { encode } from '../numeric.ts'
import { Tensor } from '../ops/methods.ts'
import { cat } from '../ops/movement.ts'
import { apply } from '../tensor.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'

const reference = new Engine('reference', () => Promise.resolve(new ReferenceExecutor()))
const interpreted = new InterpretBackend()
const compiled = new CompiledExecutor(interpreted)
const kernels = new Engine('interpret', () => Promise.resolve(compiled))
const narrow = new Engine('narrow', () =>
  Promise.resolve(
    new CompiledExecutor(
      new InterpretBackend({ scratch: false, parts: false, buffersPerKernel: 6, columnPiece: 4, sortedScatter: true }),
    ),
  ),
)

beforeAll(() => Promise.all([reference.ready(), kernels.ready(), narrow.ready()]))
afterAll(() => compiled.dispose())

let seed = 1
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed / 2 ** 32) * 4 - 2
}

function leaf(engine: Engine, shape: number[], values: number[], dtype: 'f32' | 'i32' = 'f32'): Tensor {
  const storage = new Storage(engine, shape, dtype)
  storage.host = encode(dtype, values)
  storage.settled = storage.head
  const t = new Tensor(storage)
  if (dtype === 'f32') t.requiresGrad = true
  return t
}

interface Program {
  readonly shapes: readonly (readonly number[])[]
  readonly ints?: readonly { readonly shape: readonly number[]; readonly below: number }[]
  readonly run: (inputs: Tensor[], ints: Tensor[]) => Tensor
}

const programs: Record<string, Program> = {
  'sums down long columns': {
    shapes: [[37, 5], [3, 16, 6], [40]],
    run: ([x, y, z]) => {
      const scaled = x.mul(2).sum(0).add(x.mean(0)).exp()
      const both = y.sum([0, 1]).mul(y.amax([0, 1]))
      return cat([scaled, both, y.transpose(0, 2).sum(1).reshape([-1]), z.sum().reshape([1]), x.sum(1)], 0)
    },
  },
  'a state shifted at every step': {
    // each step reads the last one at three places: inlined without a bound, that is 3^14 places
    shapes: [[2, 7]],
    run: ([x]) => {
      const shifted = (t: Tensor, by: number) =>
        t.narrow(1, 0, 7 - by).pad([
          [0, 0],
          [by, 0],
        ])
      let state = x
      for (let step = 0; step < 14; step++) state = state.add(shifted(state, 1)).sub(shifted(state, 2)).mul(0.5)
      return state
    },
  },
  chain: {
    shapes: [
      [4, 5],
      [4, 5],
    ],
    run: ([a, b]) => a.mul(2).add(b).tanh().mul(a),
  },
  broadcast: {
    shapes: [
      [4, 1, 3],
      [5, 1],
    ],
    run: ([a, b]) => a.add(b).mul(b).exp(),
  },
  permuted: {
    shapes: [[2, 3, 4]],
    run: ([a]) =>
      a
        .permute([2, 0, 1])
        .mul(a.permute([2, 0, 1]).exp())
        .sum(1),
  },
  sumsWithAndWithoutAnAxisOfOne: {
    shapes: [
      [3, 4],
      [3, 4],
      [1, 4],
    ],
    run: ([a, b, w]) => {
      // the same row of the same memory, once as [1, 4] and once as [4]
      const whole = a.narrow(0, 2, 1).mul(w).sum()
      const row = b.narrow(0, 2, 1).mul(w).sum(1).reshape([])
      return row.sub(row.mul(whole.mul(whole)))
    },
  },
  sumOfAllBesideSumsOfRows: {
    shapes: [
      [4, 5],
      [4, 5],
    ],
    run: ([m, w]) => {
      const s = m.softmax(1)
      const g = w.mul(s.mul(w).sum().cos())
      return s.mul(g.sub(g.mul(s).sum(1, { keepDim: true })))
    },
  },
  softmax: { shapes: [[3, 7]], run: ([a]) => a.softmax(-1) },
  softmaxMiddle: { shapes: [[3, 7, 2]], run: ([a]) => a.softmax(1) },
  logSoftmax: { shapes: [[3, 7]], run: ([a]) => a.logSoftmax(-1) },
  layerNorm: {
    shapes: [[2, 3, 8], [8], [8]],
    run: ([x, w, b]) => {
      const c = x.sub(x.mean(-1, { keepDim: true }))
      return c
        .mul(c.mul(c).mean(-1, { keepDim: true }).add(1e-5).rsqrt())
        .mul(w)
        .add(b)
    },
  },
  linear: { shapes: [[2, 3, 4], [5, 4], [5]], run: ([x, w, b]) => x.linear(w, b).gelu({ approximate: 'tanh' }) },
  attention: {
    shapes: [[2, 6, 24]],
    run: ([qkv]) => {
      const [q, k, v] = qkv.split(8, -1).map(t => t.reshape([2, 6, 2, 4]).transpose(1, 2))
      const s = q.matmul(k.transpose(-1, -2)).mul(0.5)
      const p = s.where(s.onesLike().tril().to('bool'), -1e9).softmax(-1)
      return p.matmul(v).transpose(1, 2).reshape([2, 6, 8])
    },
  },
  crossEntropy: {
    shapes: [[5, 7]],
    ints: [{ shape: [5], below: 7 }],
    run: ([x], [t]) => {
      const places = apply('iota', [], { axis: 1 }, x.shape, x.engine)
      const picked = x.where(places.eq(t.unsqueeze(1)), 0).sum(-1)
      return x.logsumexp(-1).sub(picked).mean()
    },
  },
  embedding: { shapes: [[7, 4]], ints: [{ shape: [2, 3], below: 7 }], run: ([w], [i]) => w.indexSelect(0, i).mul(2) },
  gather: { shapes: [[4, 5]], ints: [{ shape: [4, 3], below: 5 }], run: ([x], [i]) => x.gather(1, i).exp() },
  scatter: {
    shapes: [
      [4, 5],
      [4, 3],
    ],
    ints: [{ shape: [4, 3], below: 5 }],
    run: ([x, u], [i]) => x.mul(2).scatterAdd(1, i, u.mul(u)).add(1),
  },
  pad: {
    shapes: [[3, 4]],
    run: ([x]) =>
      x
        .exp()
        .pad([
          [1, 2],
          [0, 3],
        ])
        .mul(2),
  },
  slices: {
    shapes: [[6, 7]],
    run: ([x]) => x.slice([1, null, 2], [null, null, -1]).mul(x.slice([0, 3], [null, null])),
  },
  cat: {
    shapes: [
      [2, 3],
      [2, 4],
    ],
    run: ([a, b]) => cat([a.exp(), b, a], 1).mul(2),
  },
  narrowAt: { shapes: [[6, 3]], ints: [{ shape: [], below: 4 }], run: ([x], [s]) => x.narrow(0, s, 2).exp() },
  longSum: { shapes: [[40000]], run: ([x]) => x.mul(x).sum() },
  longSums: { shapes: [[3, 20001]], run: ([x]) => x.abs().max(1).add(x.sum(1).abs()).sqrt() },
  columnSum: { shapes: [[9, 6]], run: ([x]) => x.exp().sum(0).add(x.max(0)) },
  variance: { shapes: [[3, 9]], run: ([x]) => x.variance(-1).add(x.std(0).sum()) },
  argmax: { shapes: [[3, 9]], run: ([x]) => x.mul(x.argmax(-1, { keepDim: true }).to('f32')) },
  vectors: { shapes: [[5], [5]], run: ([a, b]) => a.dot(b).mul(a) },
  tiedUse: { shapes: [[4, 4]], run: ([w]) => w.matmul(w).relu().matmul(w.transpose(0, 1)).add(w) },
  reshapes: {
    shapes: [[6, 4]],
    run: ([x]) =>
      x
        .exp()
        .reshape([4, 6])
        .mul(x.reshape([4, 6]))
        .reshape([2, 12])
        .sum(0),
  },
  prod: { shapes: [[3, 4]], run: ([x]) => x.prod(1).mul(x.sum()) },
  repeat: { shapes: [[2, 3]], run: ([x]) => x.repeat(2, 2).mul(x.repeatInterleave(2, 0).repeat(1, 2)) },
  dilate: { shapes: [[3, 4]], run: ([x]) => x.dilate(1, 3).flip([0]).exp() },
}

async function outcome(engine: Engine, program: Program, values: number[][], ints: number[][]) {
  const inputs = program.shapes.map((s, i) => leaf(engine, [...s], values[i]))
  const indices = (program.ints ?? []).map((s, i) => leaf(engine, [...s.shape], ints[i], 'i32'))
  // the value by itself first: with gradients beside it, other nodes are stored
  const alone = await program
    .run(
      inputs.map(x => x.detach()),
      indices,
    )
    .numbers()
  const out = program.run(inputs, indices)
  const weight = out.mul(out).mul(0.5).sum()
  weight.backward()
  const results = [
    Promise.resolve(alone),
    out.numbers(),
    ...inputs.map(x => (x.grad ? x.grad.numbers() : Promise.resolve([]))),
  ]
  return Promise.all(results)
}

test('what a slope needs besides a product is computed again from it, and stored along its rows', async () => {
  const program: Program = {
    shapes: [
      [2, 6, 4],
      [4, 8],
      [8, 3],
    ],
    run: ([x, w, v]) => x.matmul(w).gelu({ approximate: 'tanh' }).matmul(v),
  }
  const values = program.shapes.map(s => Array.from({ length: s.reduce((a, b) => a * b, 1) }, random))
  const load = vi.spyOn(interpreted, 'load')
  const [expected, got] = [await outcome(reference, program, values, []), await outcome(kernels, program, values, [])]
  got.forEach((list, i) => list.forEach((value, j) => expect(value).toBeCloseTo(expected[i][j], 4)))
  const launched = load.mock.calls.flatMap(([{ launches }]) => launches.map(l => l.kernel))
  load.mockRestore()
  const forward = launched.filter((k): k is MatmulKernel => k.kind === 'matmul' && k.name.includes('exp'))
  // once the result alone, once with what its gradient reads
  expect(forward.map(k => k.buffers.filter(b => b.access !== 'read').length)).toEqual([1, 3])
  const plain = (index: Index) => index.terms.every(t => t.atom?.kind === 'axis')
  for (const k of forward) expect(k.body.every(s => s.kind === 'store' && plain(s.index))).toBe(true)
})

describe.each([
  ['with scratch rows', kernels],
  ['without scratch rows, few buffers', narrow],
] as const)('kernels %s equal the plain evaluator', (_, engine) => {
  test.each(Object.entries(programs))('%s', async (_name, program) => {
    const values = program.shapes.map(s => Array.from({ length: s.reduce((a, b) => a * b, 1) }, random))
    const ints = (program.ints ?? []).map(s =>
      Array.from({ length: s.shape.reduce((a, b) => a * b, 1) }, () => Math.floor(((random() + 2) / 4) * s.below)),
    )
    const expected = await outcome(reference, program, values, ints)
    for (const _twice of [1, 2]) {
      const got = await outcome(engine, program, values, ints)
      got.forEach((list, i) => {
        expect(list.length).toBe(expected[i].length)
        list.forEach((v, j) =>
          expect(Math.abs(v - expected[i][j])).toBeLessThanOrEqual(1e-5 + 2e-5 * Math.abs(expected[i][j])),
        )
      })
    }
  })
})
