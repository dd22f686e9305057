import { grad, readAll, type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, sample } from '../../testing.ts'
import { type AttentionOptions, blockedAttention, composedAttention, scaledDotProductAttention } from './attention.ts'

/** Attention by four loops. `sees` says which keys count; `bias` is added to a score. */
async function plain(
  [q, k, v]: readonly Tensor[],
  sees: (b: number, h: number, i: number, j: number) => boolean,
  bias: (b: number, h: number, i: number, j: number) => number = () => 0,
  scale = 1 / Math.sqrt(q.shape[3]),
): Promise<number[]> {
  const [batch, heads, queries, width] = q.shape
  const [, kvHeads, keys] = k.shape
  const out = v.shape[3]
  const [Q, K, V] = [await q.numbers(), await k.numbers(), await v.numbers()]
  const result: number[] = []
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const kv = b * kvHeads + Math.floor(h / (heads / kvHeads))
        const weights = Array.from({ length: keys }, (_, j) => {
          if (!sees(b, h, i, j)) return 0
          let dot = 0
          for (let d = 0; d < width; d++)
            dot += Q[((b * heads + h) * queries + i) * width + d] * K[(kv * keys + j) * width + d]
          return Math.exp(dot * scale + bias(b, h, i, j))
        })
        const total = weights.reduce((s, w) => s + w, 0) || 1
        for (let d = 0; d < out; d++)
          result.push(weights.reduce((s, w, j) => s + (w / total) * V[(kv * keys + j) * out + d], 0))
      }
  return result
}

const inputs = (heads: number, kvHeads: number, queries: number, keys: number, dtype: 'f32' | 'f64' = 'f32') => [
  sample([2, heads, queries, 4], 1, dtype),
  sample([2, kvHeads, keys, 4], 2, dtype),
  sample([2, kvHeads, keys, 3], 3, dtype),
]
const attend = ([q, k, v]: readonly Tensor[], options: AttentionOptions = {}) =>
  scaledDotProductAttention(q, k, v, options)

onEachDevice('full attention', async () => {
  const x = inputs(2, 2, 3, 5)
  await expectClose(attend(x), await plain(x, () => true))
  await expectClose(
    attend(x, { scale: 0.7 }),
    await plain(
      x,
      () => true,
      () => 0,
      0.7,
    ),
  )
})

onEachDevice('causal attention, and at positions further on', async () => {
  const x = inputs(2, 2, 5, 5)
  await expectClose(attend(x, { causal: true }), await plain(x, (_b, _h, i, j) => j <= i))
  const late = inputs(2, 2, 2, 6)
  const positions = tensor([3, 4], { dtype: 'i32' })
  await expectClose(attend(late, { causal: true, positions }), await plain(late, (_b, _h, i, j) => j <= i + 3))
  const each = tensor(
    [
      [0, 1],
      [4, 5],
    ],
    { dtype: 'i32' },
  )
  await expectClose(attend(late, { causal: true, positions: each }), await plain(late, (b, _h, i, j) => j <= i + 4 * b))
})

onEachDevice('grouped heads share keys and values', async () => {
  for (const kvHeads of [1, 2, 4]) {
    const x = inputs(4, kvHeads, 3, 3)
    await expectClose(attend(x, { causal: true }), await plain(x, (_b, _h, i, j) => j <= i))
  }
})

onEachDevice('lengths are data, and a row without keys gives zeros', async () => {
  const x = inputs(4, 2, 3, 5)
  for (const lengths of [
    [5, 2],
    [1, 0],
  ])
    await expectClose(
      attend(x, { lengths: tensor(lengths, { dtype: 'i32' }) }),
      await plain(x, (b, _h, _i, j) => j < lengths[b]),
    )
})

onEachDevice('masks by condition and by sum, per head and shared', async () => {
  const x = inputs(4, 2, 3, 5)
  const perHead = sample([2, 4, 3, 5], 9)
  const bias = await perHead.numbers()
  const at = (b: number, h: number, i: number, j: number) => ((b * 4 + h) * 3 + i) * 5 + j
  await expectClose(
    attend(x, { mask: perHead }),
    await plain(
      x,
      () => true,
      (...p) => bias[at(...p)],
    ),
  )
  await expectClose(attend(x, { mask: perHead.gt(0) }), await plain(x, (...p) => bias[at(...p)] > 0))
  const shared = sample([3, 5], 4)
  const few = await shared.numbers()
  await expectClose(attend(x, { mask: shared.gt(0) }), await plain(x, (_b, _h, i, j) => few[i * 5 + j] > 0))
  const padding = tensor([
    [1, 1, 0, 1, 0],
    [1, 0, 0, 0, 0],
  ]).gt(0)
  const flags = await padding.numbers()
  await expectClose(
    attend(x, { mask: padding.reshape([2, 1, 1, 5]) }),
    await plain(x, (b, _h, _i, j) => flags[b * 5 + j] === 1),
  )
})

onEachDevice(
  'gradients',
  async () => {
    await checkGradients((...x) => attend(x, { causal: true }), inputs(2, 1, 2, 3, 'f64'))
    const lengths = tensor([2, 3], { dtype: 'i32' })
    await checkGradients((...x) => attend(x, { lengths }), inputs(1, 1, 2, 3, 'f64'))
  },
  { on: ['reference', 'wasm'] },
)

onEachDevice('shapes that do not fit', () => {
  const [q, k, v] = inputs(3, 2, 2, 2)
  expect(() => attend([q, k, v])).toThrow('3 heads do not share 2 key heads evenly')
  expect(() => attend([q.select(0, 0), k, v])).toThrow('need the axes')
  expect(() => attend([q, k.narrow(3, 0, 2), v])).toThrow('differ in width')
  expect(() => attend([k, k, v.narrow(2, 0, 1)])).toThrow('heads or positions')
})

interface Shape {
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
  readonly width: number
  readonly out: number
}

/** Values and gradients of both forms, beside each other. */
async function expectSame(shape: Shape, options: AttentionOptions, tolerance = 2e-5): Promise<void> {
  const { heads, kvHeads, queries, keys, width, out } = shape
  const inputs = [
    sample([2, heads, queries, width], 1).mul(3).keep(),
    sample([2, kvHeads, keys, width], 2),
    sample([2, kvHeads, keys, out], 3),
  ].map(x => x.detach())
  for (const x of inputs) x.requiresGrad = true
  const weights = sample([2, heads, queries, out], 4)
  const [blocked, composed] = [blockedAttention, composedAttention].map(attention => {
    const [q, k, v] = inputs
    const y = attention(q, k, v, options)
    return [y, ...grad(y.mul(weights).sum(), inputs)]
  })
  const got = (await readAll([...blocked, ...composed])).map(x => x as Float32Array)
  for (let i = 0; i < 4; i++) {
    const [a, b] = [got[i], got[i + 4]]
    const worst = a.reduce((most, x, j) => {
      const d = Math.abs(x - b[j]) / (1 + Math.abs(b[j]))
      return Number.isNaN(d) ? Infinity : Math.max(most, d)
    }, 0)
    expect(worst, `${['result', 'dq', 'dk', 'dv'][i]} of ${JSON.stringify(shape)}`).toBeLessThan(tolerance)
  }
}

const plainShape: Shape = { heads: 2, kvHeads: 1, queries: 33, keys: 70, width: 8, out: 12 }
const i32 = (values: readonly number[], shape?: readonly number[]) =>
  tensor(Int32Array.from(values), shape ?? [values.length])

onEachDevice(
  'in blocks as composed: everything it can be told at once',
  async () => {
    const mask = sample([2, 1, 33, 70], 5)
    const positions = i32(Array.from({ length: 33 }, (_, i) => i + 20))
    await expectSame(plainShape, { causal: true, positions, lengths: i32([41, 0]), window: 17, mask, scale: -0.4 })
  },
  { on: ['wasm', 'webgpu'], timeout: 60_000 },
)

onEachDevice(
  'in blocks as composed: past the blocks of keys and queries, with tails of every kind',
  async () => {
    for (const causal of [false, true])
      for (const [queries, keys] of [
        [1, 300],
        [7, 7],
        [50, 129],
        [97, 97],
        [131, 256],
        [200, 193],
      ])
        for (const [width, out, heads, kvHeads] of [
          [1, 1, 1, 1],
          [13, 6, 2, 2],
          [32, 40, 4, 2],
        ])
          await expectSame({ heads, kvHeads, queries, keys, width, out }, { causal })
    const hidden = sample([2, 1, 40, 150], 6).gt(0.9)
    const shape = { heads: 3, kvHeads: 3, queries: 40, keys: 150, width: 16, out: 16 }
    await expectSame(shape, { mask: hidden })
    await expectSame(shape, { lengths: i32([150, 1]) })
    await expectSame(shape, { window: 5 })
  },
  { on: ['wasm'], timeout: 60_000 },
)

onEachDevice(
  'in blocks as composed: a scale below 0, of 0, and one that leaves weights of 0; NaN in a query stays in its row',
  async () => {
    const shape = { ...plainShape, keys: 140, queries: 140 }
    for (const scale of [-0.4, 0, 30]) await expectSame(shape, { causal: true, scale }, scale > 1 ? 2e-4 : undefined)
    const [q, k, v] = [[1, 1, 9, 8] as const, [1, 1, 140, 8] as const, [1, 1, 140, 8] as const].map((s, i) =>
      sample(s, i),
    )
    const rows = q.where(tensor([0, 1, 2, 3, 4, 5, 6, 7, 8]).ne(4).reshape([9, 1]), Number.NaN)
    const values = await blockedAttention(rows, k, v, {}).numbers()
    expect(values.map(Number.isNaN)).toEqual(values.map((_, i) => Math.floor(i / 8) === 4))
  },
  { on: ['wasm'], timeout: 60_000 },
)

onEachDevice(
  'a query that sees nothing gives 0 and no gradient, by whatever it is told so',
  async () => {
    const [q, k, v] = inputs(1, 1, 2, 3)
    for (const x of [q, k, v]) x.requiresGrad = true
    const nothing = tensor([
      [-Infinity, -Infinity, -Infinity],
      [0, -Infinity, 1],
    ])
    for (const attention of [scaledDotProductAttention, composedAttention])
      for (const options of [{ mask: nothing }, { mask: nothing.gt(-1) }, { lengths: i32([0, 2]) }]) {
        const y = attention(q, k, v, options)
        const results = [y, ...grad(y.sum(), [q, k, v])]
        for (const x of await readAll(results)) expect((x as Float32Array).every(Number.isFinite)).toBe(true)
        expect((await y.numbers()).slice(0, 3)).toEqual([0, 0, 0])
      }
  },
  { on: ['reference', 'wasm'] },
)

onEachDevice(
  'second derivatives are those of the composition',
  async () => {
    const x = [sample([1, 2, 3, 4], 1), sample([1, 1, 5, 4], 2), sample([1, 1, 5, 2], 3)]
    for (const t of x) t.requiresGrad = true
    const weights = [sample([1, 2, 3, 4], 7), sample([1, 1, 5, 4], 8), sample([1, 1, 5, 2], 9)]
    const [blocked, composed] = [blockedAttention, composedAttention].map(attention => {
      const y = attention(x[0], x[1], x[2], { causal: true }).square().sum()
      const first = grad(y, x, { createGraph: true })
      const total = first.map((g, i) => g.mul(weights[i]).sum()).reduce((a, b) => a.add(b))
      return grad(total, x)
    })
    for (const [i, g] of blocked.entries()) await expectClose(g, await composed[i].numbers(), 1e-4)
  },
  { on: ['reference', 'wasm'] },
)

onEachDevice(
  'halves are attended to in f32 and rounded once',
  async () => {
    for (const dtype of ['f16', 'bf16'] as const) {
      const [q, k, v] = inputs(2, 2, 9, 40).map(x => x.to(dtype))
      const single = scaledDotProductAttention(q.to('f32'), k.to('f32'), v.to('f32'), { causal: true })
      expect(await scaledDotProductAttention(q, k, v, { causal: true }).numbers()).toEqual(
        await single.to(dtype).numbers(),
      )
    }
  },
  { on: ['reference', 'wasm'] },
)
