import { tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, numbers, sample } from '../../testing.ts'
import {
  bceLoss,
  bceWithLogits,
  cosineEmbeddingLoss,
  cosineSimilarity,
  crossEntropy,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
} from '../index.ts'

const classes = 5
const targets = [3, -100, 0, 4]
const ids = () => tensor(targets, { dtype: 'i32' })
const logProbabilities = (row: readonly number[]): number[] => {
  const total = Math.log(row.reduce((s, v) => s + Math.exp(v), 0))
  return row.map(v => v - total)
}
const table = Array.from({ length: 4 }, (_, i) => numbers(classes, i + 1).map(v => v * 4))

onEachDevice('cross entropy, with ignored targets and smoothing', async () => {
  const logits = tensor(table)
  for (const smoothing of [0, 0.2]) {
    const each = table.map((row, i) => {
      const logP = logProbabilities(row)
      if (targets[i] < 0) return 0
      return -(1 - smoothing) * logP[targets[i]] - (smoothing / classes) * logP.reduce((s, v) => s + v, 0)
    })
    const sum = each.reduce((s, v) => s + v, 0)
    const options = { labelSmoothing: smoothing }
    await expectClose(crossEntropy(logits, ids(), options), [sum / 3])
    await expectClose(crossEntropy(logits, ids(), { ...options, reduction: 'sum' }), [sum])
    await expectClose(crossEntropy(logits, ids(), { ...options, reduction: 'none' }), each)
  }
  const batched = crossEntropy(logits.reshape([2, 2, classes]), ids().reshape([2, 2]))
  await expectClose(batched, [await crossEntropy(logits, ids()).item()])
  await expectClose(nllLoss(logits.logSoftmax(-1), ids()), [await batched.item()])
})

onEachDevice('cross entropy of huge logits is finite; a target that is no class gives NaN', async () => {
  await expectClose(crossEntropy(tensor([[1e4, 0, -1e4]]), tensor([1], { dtype: 'i32' })), [1e4])
  for (const wrong of [3, -1])
    expect(await crossEntropy(tensor([[1, 2, 3]]), tensor([wrong], { dtype: 'i32' })).item()).toBeNaN()
  expect(() => crossEntropy(tensor([[1, 2]]), tensor([1, 0], { dtype: 'i32' }))).toThrow('classes come last')
})

onEachDevice('binary cross entropy', async () => {
  const [x, t] = [numbers(6).map(v => v * 30), numbers(6, 2).map(v => (v + 1) / 2)]
  const p = x.map(v => 1 / (1 + Math.exp(-v)))
  const each = x.map((v, i) => (1 - t[i]) * v + Math.log1p(Math.exp(-Math.abs(v))) + Math.max(-v, 0))
  await expectClose(bceWithLogits(tensor(x), tensor(t), { reduction: 'none' }), each)
  const w = 3
  await expectClose(bceWithLogits(tensor(x), tensor(t), { posWeight: tensor([w]) }), [
    x.reduce(
      (s, v, i) => s + (1 - t[i]) * v + (1 + (w - 1) * t[i]) * (Math.log1p(Math.exp(-Math.abs(v))) + Math.max(-v, 0)),
      0,
    ) / 6,
  ])
  const soft = p.map(v => Math.min(0.99, Math.max(0.01, v)))
  await expectClose(bceLoss(tensor(soft), tensor(t)), [
    -soft.reduce((s, v, i) => s + t[i] * Math.log(v) + (1 - t[i]) * Math.log1p(-v), 0) / 6,
  ])
  expect(await bceLoss(tensor([0]), tensor([1])).item()).toBe(100)
})

onEachDevice('distances', async () => {
  const [x, t] = [numbers(8).map(v => v * 4), numbers(8, 2)]
  const d = x.map((v, i) => v - t[i])
  const mean = (values: number[]) => [values.reduce((s, v) => s + v, 0) / values.length]
  await expectClose(mseLoss(tensor(x), tensor(t)), mean(d.map(v => v * v)))
  await expectClose(l1Loss(tensor(x), tensor(t)), mean(d.map(Math.abs)))
  const huber = (delta: number) => d.map(v => (Math.abs(v) <= delta ? (v * v) / 2 : delta * (Math.abs(v) - delta / 2)))
  await expectClose(huberLoss(tensor(x), tensor(t), { delta: 1.5 }), mean(huber(1.5)))
  await expectClose(smoothL1Loss(tensor(x), tensor(t), { beta: 2 }), mean(huber(2).map(v => v / 2)))
})

onEachDevice('divergence', async () => {
  const [p, q] = [table.map(logProbabilities), table.map((_, i) => logProbabilities(numbers(classes, 20 + i)))]
  const total = p.flat().reduce((s, v, i) => s + Math.exp(q.flat()[i]) * (q.flat()[i] - v), 0)
  await expectClose(klDiv(tensor(p), tensor(q).exp(), { reduction: 'batchMean' }), [total / 4])
  await expectClose(klDiv(tensor(p), tensor(q), { logTarget: true, reduction: 'sum' }), [total])
  await expectClose(klDiv(tensor([[-1, -2]]), tensor([[0, 1]]), { reduction: 'none' }), [0, 2])
})

onEachDevice('cosines', async () => {
  const [a, b] = [
    tensor([
      [3, 4],
      [1, 0],
    ]),
    tensor([
      [4, 3],
      [-1, 0],
    ]),
  ]
  await expectClose(cosineSimilarity(a, b), [24 / 25, -1])
  await expectClose(cosineEmbeddingLoss(a, b, tensor([1, -1]), { reduction: 'none' }), [1 / 25, 0])
  await expectClose(cosineSimilarity(tensor([[0, 0]]), tensor([[1, 1]])), [0])
})

onEachDevice(
  'gradients',
  async () => {
    const x = sample([4, classes], 3, 'f64')
    const t = sample([4, classes], 4, 'f64')
    await checkGradients(x => crossEntropy(x, ids()), [x])
    await checkGradients(x => crossEntropy(x, ids(), { labelSmoothing: 0.1, reduction: 'none' }), [x])
    await checkGradients((x, t) => bceWithLogits(x, t), [x, t])
    await checkGradients((x, t) => huberLoss(x, t, { delta: 0.4 }), [x, t])
    await checkGradients((x, t) => klDiv(x.logSoftmax(-1), t.softmax(-1)), [x, t])
    await checkGradients((x, t) => cosineSimilarity(x, t), [x, t])
  },
  { on: ['reference', 'wasm'] },
)
