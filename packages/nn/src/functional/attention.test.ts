import { type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, sample } from '../../testing.ts'
import { type AttentionOptions, scaledDotProductAttention } from './attention.ts'

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
