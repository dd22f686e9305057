// Attention with shared heads, its weights, transformer layers and what tells positions, against loops over numbers.

import { tensor } from '@cairn/tensor'
import { expect, test } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose, numbers, sample } from '../../testing.ts'
import * as nn from '../index.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
type Matrix = number[][]
const product = (x: Matrix, w: Matrix, b?: number[]): Matrix =>
  x.map(row => w.map((column, o) => column.reduce((s, v, i) => s + v * row[i], b?.[o] ?? 0)))
const softmax = (row: number[]): number[] => {
  const total = row.reduce((s, v) => s + Math.exp(v), 0)
  return row.map(v => Math.exp(v) / total)
}
const layerNorm = (x: Matrix): Matrix =>
  x.map(row => {
    const mean = row.reduce((s, v) => s + v, 0) / row.length
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / row.length
    return row.map(v => (v - mean) / Math.sqrt(variance + 1e-5))
  })
const plus = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((v, j) => v + b[i][j]))
const read = async <T = never>(t: { toArray(): Promise<unknown> } | null): Promise<T> =>
  (t ? t.toArray() : undefined) as Promise<T>

/** One example: the result and the weights of every head. */
async function plainAttention(
  layer: nn.MultiheadAttention,
  x: Matrix,
  memory: Matrix,
  sees: (i: number, j: number) => boolean,
) {
  const { heads, kvHeads, headWidth: d } = layer
  const w: Matrix = await read(layer.in_proj_weight)
  const b = await read<number[] | undefined>(layer.in_proj_bias)
  const [width, inner] = [heads * d, kvHeads * d]
  const part = (y: Matrix, at: number, size: number) => product(y, w.slice(at, at + size), b?.slice(at, at + size))
  const [q, k, v] = [part(x, 0, width), part(memory, width, inner), part(memory, width + inner, inner)]
  const weights = range(heads).map(h => {
    const g = Math.floor((h * kvHeads) / heads)
    return q.map((row, i) =>
      softmax(
        k.map((key, j) =>
          sees(i, j) ? range(d).reduce((s, e) => s + row[h * d + e] * key[g * d + e], 0) / Math.sqrt(d) : -Infinity,
        ),
      ),
    )
  })
  const mixed = q.map((_, i) =>
    range(heads).flatMap(h => {
      const g = Math.floor((h * kvHeads) / heads)
      return range(d).map(e => weights[h][i].reduce((s, p, j) => s + p * v[j][g * d + e], 0))
    }),
  )
  return { output: product(mixed, await read(layer.out_proj.weight), await read(layer.out_proj.bias)), weights }
}

onEachDevice('grouped queries, a sliding window, and weights on request', async () => {
  const layer = new nn.MultiheadAttention(8, 4, { kvHeads: 2 })
  expect(layer.in_proj_weight!.shape).toEqual([16, 8])
  const x = range(5).map(i => numbers(8, i + 1))
  const wanted = await plainAttention(layer, x, x, (i, j) => j <= i && i - j < 3)
  const options = { causal: true, window: 3 }
  const input = tensor([x])
  await expectClose(layer.forward(input, input, input, options), wanted.output.flat())
  const { output, weights } = layer.forwardWithWeights(input, input, input, options)
  await expectClose(output, wanted.output.flat())
  await expectClose(weights, wanted.weights.flat(2))
})

onEachDevice('keys and values of other widths have projections of their own', async () => {
  const layer = new nn.MultiheadAttention(4, 2, { keyWidth: 3, valueWidth: 5, bias: false })
  expect([...layer.stateDict()].map(([name, t]) => `${name} ${t.shape}`)).toEqual([
    'q_proj_weight 4,4',
    'k_proj_weight 4,3',
    'v_proj_weight 4,5',
    'out_proj.weight 4,4',
  ])
  expect(layer.forward(sample([2, 3, 4]), sample([2, 6, 3]), sample([2, 6, 5])).shape).toEqual([2, 3, 4])
})

onEachDevice('encoder and decoder layers, norms after and before', async () => {
  const [x, memory] = [range(3).map(i => numbers(4, i + 1)), range(5).map(i => numbers(4, i + 20))]
  const feed = async (y: Matrix, layer: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) => {
    const inner = product(y, await read(layer.linear1.weight), await read(layer.linear1.bias))
    const active = inner.map(row => row.map(v => Math.max(0, v)))
    return product(active, await read(layer.linear2.weight), await read(layer.linear2.bias))
  }
  const all = () => true
  const before = (i: number, j: number) => j <= i
  for (const normFirst of [false, true]) {
    const encoder = new nn.TransformerEncoderLayer(4, 2, {
      feedForward: 6,
      normFirst,
    }).eval() as nn.TransformerEncoderLayer
    const attend = async (y: Matrix) => (await plainAttention(encoder.self_attn, y, y, all)).output
    let wanted: Matrix
    if (normFirst) {
      const mixed = plus(x, await attend(layerNorm(x)))
      wanted = plus(mixed, await feed(layerNorm(mixed), encoder))
    } else {
      const mixed = layerNorm(plus(x, await attend(x)))
      wanted = layerNorm(plus(mixed, await feed(mixed, encoder)))
    }
    await expectClose(encoder.forward(tensor([x])), wanted.flat())

    const decoder = new nn.TransformerDecoderLayer(4, 2, {
      feedForward: 6,
      normFirst,
    }).eval() as nn.TransformerDecoderLayer
    const own = async (y: Matrix) => (await plainAttention(decoder.self_attn, y, y, before)).output
    const look = async (y: Matrix) => (await plainAttention(decoder.multihead_attn, y, memory, all)).output
    if (normFirst) {
      const mixed = plus(x, await own(layerNorm(x)))
      const seen = plus(mixed, await look(layerNorm(mixed)))
      wanted = plus(seen, await feed(layerNorm(seen), decoder))
    } else {
      const mixed = layerNorm(plus(x, await own(x)))
      const seen = layerNorm(plus(mixed, await look(mixed)))
      wanted = layerNorm(plus(seen, await feed(seen, decoder)))
    }
    await expectClose(decoder.forward(tensor([x]), tensor([memory]), { causal: true }), wanted.flat())
  }
})

test("a whole transformer has torch's keys", () => {
  const model = new nn.Transformer({ width: 4, heads: 2, encoderLayers: 2, decoderLayers: 1, feedForward: 6 })
  const keys = [...model.stateDict().keys()]
  for (const key of [
    'encoder.layers.0.self_attn.in_proj_weight',
    'encoder.layers.1.norm2.bias',
    'encoder.norm.weight',
    'decoder.layers.0.multihead_attn.out_proj.bias',
    'decoder.layers.0.norm3.weight',
    'decoder.norm.bias',
  ])
    expect(keys).toContain(key)
  expect(keys.length).toBe(2 * 12 + 2 + 18 + 2)
  expect(model.forward(sample([2, 3, 4]), sample([2, 5, 4]), { target: { causal: true } }).shape).toEqual([2, 5, 4])
})

onEachDevice('sinusoids, learned positions, ALiBi', async () => {
  const wanted = range(6).flatMap(p =>
    range(4).map(i => (i % 2 ? Math.cos : Math.sin)(p / 10_000 ** ((2 * Math.floor(i / 2)) / 4))),
  )
  await expectClose(nn.sinusoidalPositions(6, 4), wanted)
  const added = new nn.SinusoidalPositions(8, 4).forward(tensor([[[1, 1, 1, 1]]]), 3)
  await expectClose(
    added,
    wanted.slice(12, 16).map(v => v + 1),
  )
  const learned = new nn.LearnedPositions(5, 2)
  const table = (await learned.weight.toArray()) as Matrix
  await expectClose(
    learned.forward(
      tensor([
        [
          [1, 2],
          [3, 4],
        ],
      ]),
      1,
    ),
    [
      [1, 2],
      [3, 4],
    ].flatMap((row, i) => row.map((v, j) => v + table[i + 1][j])),
  )
  expect(() => learned.forward(tensor([[[1, 2]]]), 5)).toThrow('6 positions, there are 5')
  // the paper's own: 8 heads have 1/2, 1/4 ... 1/256
  expect(nn.alibiSlopes(8)).toEqual(range(8).map(i => 2 ** -(i + 1)))
  expect(nn.alibiSlopes(3)).toEqual([2 ** -4, 2 ** -8, 2 ** -2])
  await expectClose(
    nn.alibiBias(2, 2, 3),
    [2 ** -4, 2 ** -8].flatMap(m => [-m, 0, -m, -2 * m, -m, 0].map(v => v + 0)),
  )
  const x = sample([1, 2, 4, 6])
  await expectClose(new nn.RotaryEmbedding(6).forward(x), await nn.rope(x).numbers())
})

onEachDevice("T5's buckets and their bias in attention", async () => {
  // distances 0 to 7 have a bucket each (bidirectional: half of 32, of these half exact); 8 to 128 share logarithmically
  const row = [...nn.relativeBuckets(1, 200)].reverse()
  expect(row.slice(0, 8)).toEqual(range(8))
  expect(row.slice(8, 12)).toEqual([8, 8, 8, 8])
  expect(row[12]).toBe(9)
  expect(row[127]).toBe(15)
  expect(row[199]).toBe(15)
  expect(nn.relativeBuckets(3, 3)[1]).toBe(17)
  expect([...nn.relativeBuckets(2, 2, { bidirectional: false })]).toEqual([0, 0, 1, 0])
  const bias = new nn.RelativePositionBias(2)
  const scores = bias.forward(3)
  expect(scores.shape).toEqual([1, 2, 3, 3])
  const table = (await bias.relative_attention_bias.weight.toArray()) as Matrix
  const buckets = nn.relativeBuckets(3, 3)
  await expectClose(
    scores,
    range(2).flatMap(h => [...buckets].map(b => table[b][h])),
  )
  const [q, k, v] = [1, 2, 3].map(s => sample([1, 2, 3, 4], s))
  nn.scaledDotProductAttention(q, k, v, { mask: scores }).sum().backward()
  expect((await bias.relative_attention_bias.weight.grad!.numbers()).some(g => g !== 0)).toBe(true)
})
