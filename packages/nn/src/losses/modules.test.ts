// Losses as modules against their functions, and what torch has beside them against plain loops.

import { arange, manualSeed, tensor } from '@cairn/tensor'
import { maxPool2d } from '@cairn/tensor/functional'
import { expect, test } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose, numbers, sample } from '../../testing.ts'
import * as nn from '../index.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

onEachDevice('each loss as a module is its function with the options given before', async () => {
  const [a, b, c] = [1, 2, 3].map(seed => sample([4, 3], seed))
  const ids = tensor([2, 0, 1, 1], { dtype: 'i32' })
  const signs = tensor([1, -1, 1, -1])
  const none = { reduction: 'none' } as const
  const weight = tensor([0.5, 2, 1])
  const shares = b.sigmoid()
  const pairs = [
    [new nn.L1Loss(none).forward(a, b), nn.l1Loss(a, b, none)],
    [new nn.MSELoss({ reduction: 'sum' }).forward(a, b), nn.mseLoss(a, b, { reduction: 'sum' })],
    [new nn.HuberLoss({ delta: 0.3 }).forward(a, b), nn.huberLoss(a, b, { delta: 0.3 })],
    [new nn.SmoothL1Loss().forward(a, b), nn.smoothL1Loss(a, b)],
    [
      new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1 }).forward(a, ids),
      nn.crossEntropy(a, ids, { weight, labelSmoothing: 0.1 }),
    ],
    [new nn.NLLLoss({ ...none, weight }).forward(a, ids), nn.nllLoss(a, ids, { ...none, weight })],
    [new nn.BCELoss().forward(a.sigmoid(), shares), nn.bceLoss(a.sigmoid(), shares)],
    [
      new nn.BCEWithLogitsLoss({ posWeight: weight }).forward(a, shares),
      nn.bceWithLogits(a, shares, { posWeight: weight }),
    ],
    [new nn.KLDivLoss({ reduction: 'batchMean' }).forward(a, shares), nn.klDiv(a, shares, { reduction: 'batchMean' })],
    [new nn.GaussianNLLLoss({ full: true }).forward(a, b, shares), nn.gaussianNll(a, b, shares, { full: true })],
    [new nn.PoissonNLLLoss().forward(a, shares), nn.poissonNll(a, shares)],
    [
      new nn.CosineEmbeddingLoss({ margin: 0.2 }).forward(a, b, signs),
      nn.cosineEmbeddingLoss(a, b, signs, { margin: 0.2 }),
    ],
    [new nn.HingeEmbeddingLoss().forward(a, b.sign()), nn.hingeEmbeddingLoss(a, b.sign())],
    [
      new nn.MarginRankingLoss({ margin: 0.1 }).forward(a, b, c.sign()),
      nn.marginRankingLoss(a, b, c.sign(), { margin: 0.1 }),
    ],
    [new nn.MultiMarginLoss({ p: 2, weight }).forward(a, ids), nn.multiMarginLoss(a, ids, { p: 2, weight })],
    [new nn.MultiLabelSoftMarginLoss().forward(a, shares.round()), nn.multilabelSoftMarginLoss(a, shares.round())],
    [new nn.SoftMarginLoss().forward(a, b.sign()), nn.softMarginLoss(a, b.sign())],
    [new nn.TripletMarginLoss({ swap: true }).forward(a, b, c), nn.tripletMarginLoss(a, b, c, { swap: true })],
    [
      new nn.TripletMarginWithDistanceLoss({ swap: true, margin: 0.7 }).forward(a, b, c),
      nn.tripletMarginLoss(a, b, c, { swap: true, margin: 0.7 }),
    ],
    [new nn.CosineSimilarity({ axis: 1 }).forward(a, b), nn.cosineSimilarity(a, b)],
    [new nn.PairwiseDistance({ p: 1 }).forward(a, b), nn.pairwiseDistance(a, b, { p: 1 })],
  ]
  for (const [module, plain] of pairs) await expectClose(module, await plain.numbers())
  const logP = sample([5, 2, 4], 8).logSoftmax(-1)
  const labels = tensor(
    [
      [1, 2],
      [3, 3],
    ],
    { dtype: 'i32' },
  )
  await expectClose(
    new nn.CTCLoss({ reduction: 'sum' }).forward(logP, labels, [5, 4]),
    await nn.ctcLoss(logP, labels, [5, 4], undefined, { reduction: 'sum' }).numbers(),
  )
})

test("weights of losses are buffers by torch's keys", () => {
  const weight = tensor([1, 2])
  expect([...new nn.CrossEntropyLoss({ weight }).stateDict().keys()]).toEqual(['weight'])
  expect([...new nn.BCEWithLogitsLoss({ posWeight: weight }).stateDict().keys()]).toEqual(['pos_weight'])
  const loss = new nn.MSELoss()
  expect(loss).toBeInstanceOf(nn.Module)
  expect([loss.constructor.name, loss.stateDict().size, new nn.NLLLoss({ weight }).parameters().length]).toEqual([
    'MSELoss',
    0,
    0,
  ])
})

onEachDevice('margins between several targets and the other classes, by plain loops', async () => {
  const x = range(3).map(i => numbers(4, i + 5).map(v => v * 2))
  const target = [
    [3, 0, -1, 1],
    [-1, 2, 2, 2],
    [0, 1, 2, 3],
  ]
  const wanted = x.map((row, i) => {
    const end = target[i].indexOf(-1)
    const own = end < 0 ? target[i] : target[i].slice(0, end)
    let sum = 0
    for (const j of own) for (const k of range(4)) if (!own.includes(k)) sum += Math.max(0, 1 - (row[j] - row[k]))
    return sum / 4
  })
  const t = tensor(target, { dtype: 'i32' })
  await expectClose(nn.multilabelMarginLoss(tensor(x), t, { reduction: 'none' }), wanted)
  await expectClose(new nn.MultiLabelMarginLoss().forward(tensor(x), t), [wanted.reduce((a, b) => a + b) / 3])
})

onEachDevice(
  'an adaptive softmax: its classes share a probability of 1, and a target has that of its class',
  async () => {
    manualSeed(4)
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], { divValue: 2, headBias: true })
    expect([...layer.stateDict()].map(([name, t]) => `${name} ${t.shape}`)).toEqual([
      'head.weight 5,8',
      'head.bias 5',
      'tail.0.0.weight 4,8',
      'tail.0.1.weight 4,4',
      'tail.1.0.weight 2,8',
      'tail.1.1.weight 5,2',
    ])
    const x = sample([12, 8], 3)
    const all = layer.logProb(x)
    await expectClose(
      all.exp().sum(1),
      range(12).map(() => 1),
    )
    // class 8 is the second of the last cluster
    const head = layer.head.forward(x).logSoftmax(-1)
    const last = layer.tail.at(1).forward(x).logSoftmax(-1)
    await expectClose(all.select(1, 8), await head.select(1, 4).add(last.select(1, 1)).numbers())
    const target = arange(0, 12)
    const { output, loss } = layer.forward(x, target)
    const picked = ((await all.toArray()) as number[][]).map((row, i) => row[i])
    await expectClose(output, picked)
    await expectClose(loss, [-picked.reduce((a, b) => a + b) / 12])
    loss.backward()
    for (const p of layer.parameters()) expect((await p.grad!.abs().sum().item()) > 0).toBe(true)
    const best = ((await all.toArray()) as number[][]).map(row => row.indexOf(Math.max(...row)))
    expect(await layer.predict(x).numbers()).toEqual(best)
    expect(await layer.forward(x, target.add(1)).loss.item()).toBeNaN()
    expect(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [7, 3])).toThrow(/cutoffs must be whole numbers that ascend/)
  },
)

onEachDevice('fractional pooling by its sequences, and as plain pooling where the ratio is whole', async () => {
  const x = sample([2, 3, 9, 8], 2)
  const values = await x.numbers()
  const draws = numbers(12, 6).map(v => (v + 1) / 2)
  const begins = (size: number, kernel: number, out: number, draw: number) =>
    range(out).map(i => {
      const step = (size - kernel) / (out - 1)
      return i === out - 1 ? size - kernel : Math.floor((i + draw) * step) - Math.floor(draw * step)
    })
  const wanted: number[] = []
  for (const plane of range(6)) {
    const [columns, rows] = [begins(8, 2, 5, draws[2 * plane]), begins(9, 3, 4, draws[2 * plane + 1])]
    for (const r of rows)
      for (const c of columns)
        wanted.push(Math.max(...range(3).flatMap(i => range(2).map(j => values[plane * 72 + (r + i) * 8 + c + j]))))
  }
  const pool = new nn.FractionalMaxPool2d([3, 2], { outputSize: [4, 5] })
  const given = tensor(Float32Array.from(draws), [2, 3, 2])
  const result = pool.forward(x, given)
  expect(result.shape).toEqual([2, 3, 4, 5])
  await expectClose(result, wanted)
  const even = sample([1, 2, 8, 8], 7)
  const half = new nn.FractionalMaxPool2d(2, { outputRatio: 0.5 }).forward(even, tensor(new Float32Array(4), [1, 2, 2]))
  // steps of 6 / 3 = 2
  await expectClose(half, await maxPool2d(even, 2).numbers())
  const deep = sample([1, 1, 5, 6, 7], 9)
  expect(new nn.FractionalMaxPool3d(2, { outputRatio: [0.6, 0.5, 0.5] }).forward(deep).shape).toEqual([1, 1, 3, 3, 3])
  expect(() => new nn.FractionalMaxPool2d(3, { outputSize: 8 }).forward(even)).toThrow(
    /8 windows of 3 do not fit 8 elements/,
  )
  expect(() => new nn.FractionalMaxPool2d(3, {}).forward(even)).toThrow(/either outputSize or outputRatio/)
})
