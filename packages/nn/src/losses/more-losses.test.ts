// Losses by their formulas in plain loops; CTC by adding up every path.

import { tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, numbers, sample } from '../../testing.ts'
import * as nn from '../index.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const mean = (list: readonly number[]): number => list.reduce((s, v) => s + v, 0) / list.length
const logSoftmax = (row: readonly number[]): number[] => {
  const total = Math.log(row.reduce((s, v) => s + Math.exp(v), 0))
  return row.map(v => v - total)
}
const table = range(4).map(i => numbers(3, i + 1).map(v => v * 3))
const weights = [0.5, 2, 1]
const ids = [2, 0, -100, 1]

onEachDevice('cross entropy with class weights, smoothing and probabilities', async () => {
  const [logits, weight, target] = [tensor(table), tensor(weights), tensor(ids, { dtype: 'i32' })]
  for (const smoothing of [0, 0.3]) {
    const each = table.map((row, i) => {
      if (ids[i] < 0) return 0
      const logP = logSoftmax(row)
      const spread = logP.reduce((s, v, c) => s + weights[c] * v, 0)
      return -(1 - smoothing) * weights[ids[i]] * logP[ids[i]] - (smoothing / 3) * spread
    })
    const total = ids.reduce((s, c) => s + (c < 0 ? 0 : weights[c]), 0)
    const options = { weight, labelSmoothing: smoothing }
    await expectClose(nn.crossEntropy(logits, target, { ...options, reduction: 'none' }), each)
    await expectClose(nn.crossEntropy(logits, target, options), [each.reduce((s, v) => s + v, 0) / total])
    const shares = table.map((_, i) => numbers(3, 30 + i).map(v => v + 1))
    const soft = table.map((row, i) => {
      const logP = logSoftmax(row)
      return -range(3).reduce((s, c) => s + weights[c] * (shares[i][c] * (1 - smoothing) + smoothing / 3) * logP[c], 0)
    })
    await expectClose(nn.crossEntropy(logits, tensor(shares), options), [mean(soft)])
  }
  const logP = table.map(logSoftmax)
  const picked = ids.map((c, i) => (c < 0 ? 0 : -weights[c] * logP[i][c]))
  await expectClose(nn.nllLoss(tensor(logP), target, { weight, reduction: 'sum' }), [picked.reduce((s, v) => s + v, 0)])
  expect(() => nn.crossEntropy(logits, target, { weight: tensor([1, 2]) })).toThrow('one weight for each of 3 classes')
})

onEachDevice('likelihoods of Gauss and Poisson', async () => {
  const [x, t] = [numbers(6), numbers(6, 2).map(v => v * 2)]
  const variance = numbers(6, 3).map(v => Math.abs(v) + 0.1)
  variance[2] = 1e-9
  const gauss = x.map(
    (v, i) => 0.5 * (Math.log(Math.max(variance[i], 1e-2)) + (v - t[i]) ** 2 / Math.max(variance[i], 1e-2)),
  )
  const gaussOptions = { eps: 1e-2, full: true }
  await expectClose(nn.gaussianNll(tensor(x), tensor(t), tensor(variance), gaussOptions), [
    mean(gauss) + 0.5 * Math.log(2 * Math.PI),
  ])
  const counts = [0, 1, 2, 5, 3, 1]
  const poisson = x.map((v, i) => Math.exp(v) - counts[i] * v)
  await expectClose(nn.poissonNll(tensor(x), tensor(counts), { reduction: 'none' }), poisson)
  const stirling = counts.map(n => (n > 1 ? n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) : 0))
  const rates = x.map(v => v + 1.5)
  const direct = rates.map((r, i) => r - counts[i] * Math.log(r + 1e-8) + stirling[i])
  await expectClose(nn.poissonNll(tensor(rates), tensor(counts), { logInput: false, full: true }), [mean(direct)])
})

onEachDevice('margins', async () => {
  const [a, b, sign] = [numbers(6), numbers(6, 2), [1, -1, 1, 1, -1, -1]]
  const [ta, tb, ts] = [tensor(a), tensor(b), tensor(sign)]
  await expectClose(nn.marginRankingLoss(ta, tb, ts, { margin: 0.2 }), [
    mean(a.map((v, i) => Math.max(0, -sign[i] * (v - b[i]) + 0.2))),
  ])
  await expectClose(
    nn.hingeEmbeddingLoss(ta, ts, { reduction: 'none' }),
    a.map((v, i) => (sign[i] > 0 ? v : Math.max(0, 1 - v))),
  )
  await expectClose(nn.softMarginLoss(ta, ts), [mean(a.map((v, i) => Math.log1p(Math.exp(-sign[i] * v))))])
  const rows = range(3).map(r => range(4).map(i => numbers(3, 10 * r + i + 1)))
  const distance = (u: number[], v: number[], p: number) =>
    u.reduce((s, e, i) => s + Math.abs(e - v[i] + 1e-6) ** p, 0) ** (1 / p)
  for (const [p, swap] of [
    [2, false],
    [3, true],
  ] as const) {
    const each = range(4).map(i => {
      const [u, v, w] = rows.map(r => r[i])
      const far = swap ? Math.min(distance(u, w, p), distance(v, w, p)) : distance(u, w, p)
      return Math.max(0, distance(u, v, p) - far + 0.7)
    })
    const [u, v, w] = rows.map(r => tensor(r))
    await expectClose(nn.tripletMarginLoss(u, v, w, { p, swap, margin: 0.7 }), [mean(each)])
  }
  const classes = [2, 0, 1, 1]
  await expectClose(nn.multiMarginLoss(tensor(table), tensor(classes, { dtype: 'i32' })), [
    mean(
      table.map(
        (row, i) => row.reduce((s, v, c) => s + (c === classes[i] ? 0 : Math.max(0, 1 - row[classes[i]] + v)), 0) / 3,
      ),
    ),
  ])
  const labels = [
    [1, 0, 1],
    [0, 0, 0],
    [1, 1, 1],
    [0, 1, 0],
  ]
  await expectClose(nn.multilabelSoftMarginLoss(tensor(table), tensor(labels)), [
    mean(table.map((row, i) => mean(row.map((v, c) => Math.log1p(Math.exp(labels[i][c] ? -v : v)))))),
  ])
})

onEachDevice('InfoNCE', async () => {
  const [q, p, n] = [1, 2, 3].map(s => range(3).map(i => numbers(4, 7 * s + i)))
  const cosine = (u: number[], v: number[]) =>
    u.reduce((s, e, i) => s + e * v[i], 0) / Math.hypot(...u) / Math.hypot(...v)
  const loss = (scores: number[][]) => mean(scores.map((row, i) => -logSoftmax(row.map(v => v / 0.2))[i]))
  const scores = q.map(u => p.map(v => cosine(u, v)))
  const turned = p.map(v => q.map(u => cosine(u, v)))
  await expectClose(nn.infoNCE(tensor(q), tensor(p), { temperature: 0.2 }), [loss(scores)])
  await expectClose(nn.infoNCE(tensor(q), tensor(p), { temperature: 0.2, symmetric: true }), [
    (loss(scores) + loss(turned)) / 2,
  ])
  const against = q.map((u, i) => -logSoftmax([cosine(u, p[i]), ...n.map(v => cosine(u, v))].map(v => v / 0.2))[0])
  await expectClose(nn.infoNCE(tensor(q), tensor(p), { temperature: 0.2, negatives: tensor(n) }), [mean(against)])
})

/** Every way to write `time` symbols; those that collapse to the labels add up. */
function ctcByPaths(logP: number[][], labels: readonly number[], blank: number): number {
  const classes = logP[0].length
  let total = 0
  for (let code = 0; code < classes ** logP.length; code++) {
    const path = logP.map((_, t) => Math.floor(code / classes ** t) % classes)
    const collapsed = path.filter((c, t) => c !== blank && c !== path[t - 1])
    if (collapsed.join() === labels.join()) total += Math.exp(path.reduce((s, c, t) => s + logP[t][c], 0))
  }
  return -Math.log(total)
}

onEachDevice('CTC is the sum over all paths: repeated labels, unequal lengths, an impossible one', async () => {
  const [time, batch, classes, blank] = [5, 4, 3, 1]
  const logP = range(time).map(t => range(batch).map(b => logSoftmax(numbers(classes, 50 * t + b))))
  const targets = [
    [0, 2, 0],
    [2, 2, 0],
    [0, 0, 0],
    [2, 0, 0],
  ]
  const [inputs, lengths] = [
    [5, 5, 3, 4],
    [3, 2, 3, 0],
  ]
  const each = range(batch).map(b =>
    ctcByPaths(
      logP.slice(0, inputs[b]).map(rows => rows[b]),
      targets[b].slice(0, lengths[b]),
      blank,
    ),
  )
  expect(each[2]).toBe(Infinity)
  const run = (options: nn.CTCOptions) =>
    nn.ctcLoss(tensor(logP), tensor(targets, { dtype: 'i32' }), inputs, lengths, { blank, ...options })
  const found = await run({ reduction: 'none' }).numbers()
  expect(found[2]).toBe(Infinity)
  await expectClose(
    run({ reduction: 'none', zeroInfinity: true }),
    each.map(v => (v === Infinity ? 0 : v)),
    1e-5,
  )
  const kept = [0, 1, 3]
  const averaged = kept.reduce((s, b) => s + each[b] / Math.max(1, lengths[b]), 0) / batch
  await expectClose(run({ zeroInfinity: true }), [averaged], 1e-5)
})

onEachDevice(
  'gradients',
  async () => {
    const [x, y, z] = [3, 4, 5].map(s => sample([4, 3], s, 'f64'))
    const weight = tensor(Float64Array.from(weights), [3])
    const target = tensor(ids, { dtype: 'i32' })
    await checkGradients(x => nn.crossEntropy(x, target, { weight, labelSmoothing: 0.1 }), [x])
    await checkGradients((x, y) => nn.crossEntropy(x, y.softmax(-1), { labelSmoothing: 0.1 }), [x, y])
    await checkGradients((x, y, z) => nn.tripletMarginLoss(x, y, z, { swap: true }), [x, y, z])
    await checkGradients((x, y) => nn.infoNCE(x, y), [x, y])
    await checkGradients((x, y, z) => nn.gaussianNll(x, y, z.abs().add(0.5)), [x, y, z])
    const labels = tensor(
      [
        [0, 0],
        [2, 2],
        [2, 0],
      ],
      { dtype: 'i32' },
    )
    await checkGradients(
      x => nn.ctcLoss(x.logSoftmax(-1), labels, [4, 4, 2], [2, 2, 1], { blank: 1, zeroInfinity: true }),
      [sample([4, 3, 3], 9, 'f64')],
    )
  },
  { on: ['reference', 'wasm'] },
)
