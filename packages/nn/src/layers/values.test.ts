// Layers against plain loops over numbers, by their formulas.

import { manualSeed, stack, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose, numbers, sample } from '../../testing.ts'
import * as nn from '../index.ts'

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v))
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const rows = (flat: readonly number[], width: number): number[][] =>
  range(flat.length / width).map(i => flat.slice(i * width, (i + 1) * width))

onEachDevice('conv2d with reflected padding and groups', async () => {
  const layer = new nn.Conv2d(2, 2, 3, { padding: 1, paddingMode: 'reflect', groups: 2, stride: 2 })
  const [w, b] = [await layer.weight.numbers(), await layer.bias!.numbers()]
  const x = numbers(2 * 4 * 5)
  const mirror = (i: number, n: number) => (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i)
  const wanted: number[] = []
  for (const c of [0, 1])
    for (const i of [0, 1])
      for (const j of [0, 1, 2]) {
        let sum = b[c]
        for (const a of range(3))
          for (const d of range(3))
            sum += w[c * 9 + a * 3 + d] * x[c * 20 + mirror(2 * i + a - 1, 4) * 5 + mirror(2 * j + d - 1, 5)]
        wanted.push(sum)
      }
  await expectClose(layer.forward(tensor(Float32Array.from(x), [1, 2, 4, 5])), wanted)
})

onEachDevice('transposed convolution spreads each element', async () => {
  const layer = new nn.ConvTranspose1d(2, 1, 3, { stride: 2, padding: 1 })
  const [w, [b]] = [await layer.weight.numbers(), await layer.bias!.numbers()]
  const x = numbers(8)
  const wanted = new Array<number>(7).fill(b)
  for (const c of [0, 1])
    for (const i of range(4))
      for (const k of range(3)) {
        const at = 2 * i + k - 1
        if (at >= 0 && at < 7) wanted[at] += x[c * 4 + i] * w[c * 3 + k]
      }
  await expectClose(layer.forward(tensor(Float32Array.from(x), [1, 2, 4])), wanted)
})

onEachDevice('bilinear', async () => {
  const layer = new nn.Bilinear(2, 3, 2)
  const [w, bias] = [await layer.weight.numbers(), await layer.bias!.numbers()]
  const [a, b] = [numbers(8), numbers(12, 2)]
  const wanted = range(4).flatMap(n =>
    [0, 1].map(k => {
      let sum = bias[k]
      for (const i of range(2)) for (const j of range(3)) sum += a[n * 2 + i] * w[k * 6 + i * 3 + j] * b[n * 3 + j]
      return sum
    }),
  )
  const left = tensor(Float32Array.from(a), [2, 2, 2])
  await expectClose(layer.forward(left, tensor(Float32Array.from(b), [2, 2, 3])), wanted)
})

onEachDevice('activations', async () => {
  const x = [-3, -0.7, -0.2, 0, 0.3, 1.5, 30]
  const [scale, alpha] = [1.0507009873554805, 1.6732632423543772]
  const formulas: [nn.Layer, (v: number) => number][] = [
    [new nn.ReLU6(), v => Math.min(6, Math.max(0, v))],
    [new nn.SELU(), v => scale * (v > 0 ? v : alpha * Math.expm1(v))],
    [new nn.CELU(0.5), v => (v > 0 ? v : 0.5 * Math.expm1(v / 0.5))],
    [new nn.Softsign(), v => v / (1 + Math.abs(v))],
    [new nn.Tanhshrink(), v => v - Math.tanh(v)],
    [new nn.Hardshrink(), v => (Math.abs(v) > 0.5 ? v : 0)],
    [new nn.Softshrink(), v => Math.sign(v) * Math.max(0, Math.abs(v) - 0.5)],
    [new nn.Softplus(2), v => (2 * v > 20 ? v : Math.log1p(Math.exp(2 * v)) / 2)],
    [new nn.Hardtanh(), v => Math.min(1, Math.max(-1, v))],
    [new nn.Threshold(0.1, 20), v => (v > 0.1 ? v : 20)],
    [new nn.PReLU(), v => (v > 0 ? v : v / 4)],
    [new nn.RReLU().eval() as nn.RReLU, v => (v >= 0 ? v : (v * (1 / 8 + 1 / 3)) / 2)],
    [new nn.Hardsigmoid(), v => Math.min(6, Math.max(0, v + 3)) / 6],
    [new nn.LogSigmoid(), v => Math.log(sigmoid(v))],
  ]
  for (const [layer, formula] of formulas) await expectClose(layer.forward(tensor(x)), x.map(formula), 1e-5)
  const pair = tensor([[1.5, -2, 0.5, 3]])
  await expectClose(new nn.GLU().forward(pair), [1.5 * sigmoid(0.5), -2 * sigmoid(3)])
  await expectClose(new nn.SwiGLU().forward(pair), [1.5 * sigmoid(1.5) * 0.5, -2 * sigmoid(-2) * 3])
  await expectClose(new nn.ReGLU().forward(pair), [0.75, 0])
  const phi = (v: number) => 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))
  await expectClose(new nn.GEGLU().forward(pair), [1.5 * phi(1.5) * 0.5, -2 * phi(-2) * 3], 2e-3)
})

onEachDevice('norms over examples and over channels', async () => {
  const x = numbers(2 * 3 * 4).map(v => v * 3)
  const input = tensor(Float32Array.from(x), [2, 3, 4])
  const standard = rows(x, 4).flatMap(row => {
    const mean = row.reduce((s, v) => s + v, 0) / 4
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / 4
    return row.map(v => (v - mean) / Math.sqrt(variance + 1e-5))
  })
  await expectClose(new nn.InstanceNorm1d(3).forward(input), standard)
  const wanted = x.map((v, i) => {
    const [n, c, at] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4]
    // 2 channels: the one before and the own
    let squares = 0
    for (const d of [c - 1, c]) if (d >= 0) squares += x[n * 12 + d * 4 + at] ** 2
    return v / (2 + (0.5 * squares) / 2) ** 0.6
  })
  await expectClose(new nn.LocalResponseNorm(2, { alpha: 0.5, beta: 0.6, k: 2 }).forward(input), wanted)
})

onEachDevice('batch norm with momentum null averages over all batches', async () => {
  const layer = new nn.BatchNorm1d(1, { momentum: null })
  const batches = range(4).map(i => numbers(5, i + 1))
  for (const batch of batches) await layer.forward(tensor(batch.map(v => [v]))).data()
  const mean = (list: readonly number[]) => list.reduce((s, v) => s + v, 0) / list.length
  await expectClose(layer.running_mean!, [mean(batches.map(mean))])
  const spread = (list: readonly number[]) => list.reduce((s, v) => s + (v - mean(list)) ** 2, 0) / (list.length - 1)
  await expectClose(layer.running_var!, [mean(batches.map(spread))])
})

onEachDevice('dropout of channels drops whole ones', async () => {
  manualSeed(5)
  const out = (await new nn.Dropout2d(0.4).forward(sample([8, 16, 2, 2]).mul(0).add(1)).numbers()) as number[]
  const channels = rows(out, 4)
  for (const channel of channels) expect(new Set(channel).size).toBe(1)
  const kept = channels.filter(([v]) => v !== 0)
  expect(kept.every(([v]) => Math.abs(v - 1 / 0.6) < 1e-5)).toBe(true)
  expect(Math.abs(kept.length / 128 - 0.6)).toBeLessThan(0.15)
  const features = await new nn.FeatureAlphaDropout(0.4).forward(sample([8, 16, 2, 2]).mul(0)).numbers()
  for (const channel of rows(features, 4)) expect(new Set(channel).size).toBe(1)
  expect(new Set(features.map(v => v.toFixed(4))).size).toBe(2)
  const alpha = await new nn.AlphaDropout(0.3).forward(sample([20_000]).mul(Math.sqrt(3))).numbers()
  const mean = alpha.reduce((s, v) => s + v, 0) / alpha.length
  expect(Math.abs(mean)).toBeLessThan(0.05)
  expect(Math.abs(alpha.reduce((s, v) => s + (v - mean) ** 2, 0) / alpha.length - 1)).toBeLessThan(0.05)
})

onEachDevice('shuffles: pixels and channels', async () => {
  const x = tensor(Float32Array.from(range(16)), [1, 4, 2, 2])
  await expectClose(new nn.PixelShuffle(2).forward(x), [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15])
  await expectClose(new nn.PixelUnshuffle(2).forward(new nn.PixelShuffle(2).forward(x)), range(16))
  const channels = tensor([[[0], [1], [2], [3]]])
  await expectClose(new nn.ChannelShuffle(2).forward(channels), [0, 2, 1, 3])
})

onEachDevice('max unpooling puts maxima back', async () => {
  const { maxPool1dWithIndices } = await import('@cairn/tensor/functional')
  const [values, places] = maxPool1dWithIndices(tensor([[[1, 5, 2, 3, 9, 8]]]), 2)
  await expectClose(new nn.MaxUnpool1d(2).forward(values, places), [0, 5, 0, 3, 9, 0])
})

/** A GRU of one layer and one direction on one sequence, by torch's equations. */
function plainGRU(x: number[][], w: Record<string, number[]>, hidden: number, reverse = false): number[][] {
  let h = new Array<number>(hidden).fill(0)
  const out: number[][] = []
  const order = reverse ? range(x.length).reverse() : range(x.length)
  for (const t of order) {
    const part = (weight: number[], bias: number[], v: readonly number[], row: number) =>
      bias[row] + v.reduce((s, e, i) => s + e * weight[row * v.length + i], 0)
    const next = h.map((old, i) => {
      const [xr, xz, xn] = [0, 1, 2].map(g => part(w.weight_ih, w.bias_ih, x[t], g * hidden + i))
      const [hr, hz, hn] = [0, 1, 2].map(g => part(w.weight_hh, w.bias_hh, h, g * hidden + i))
      const z = sigmoid(xz + hz)
      return (1 - z) * Math.tanh(xn + sigmoid(xr + hr) * hn) + z * old
    })
    h = next
    out[t] = h
  }
  return out
}

onEachDevice('GRU: packed sequences of unequal length, both directions, against loops over each sequence', async () => {
  const [time, hidden, lengths] = [5, 3, [5, 2, 4]]
  const layer = new nn.GRU(2, hidden, { bidirectional: true, batchFirst: true })
  const state = Object.fromEntries(
    await Promise.all([...layer.stateDict()].map(async ([key, t]) => [key, await t.numbers()] as const)),
  )
  const weights = (end: string) =>
    Object.fromEntries(
      ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map(name => [name, state[`${name}_l0${end}`] as number[]]),
    )
  const x = lengths.map((_, b) => rows(numbers(time * 2, b + 3), 2))
  const input = tensor(x)
  const wanted = lengths.flatMap((n, b) => {
    const [there, back] = [false, true].map(r => plainGRU(x[b].slice(0, n), weights(r ? '_reverse' : ''), hidden, r))
    return range(time).flatMap(t => (t < n ? [...there[t], ...back[t]] : new Array<number>(2 * hidden).fill(0)))
  })
  const packed = nn.packPaddedSequence(input, lengths, { batchFirst: true })
  const { output, hidden: last } = layer.forward(packed)
  const [padded, ends] = nn.padPackedSequence(output)
  await expectClose(padded, wanted)
  expect(await ends.numbers()).toEqual(lengths)
  const ofEnds = [0, 1].flatMap(d =>
    lengths.flatMap((n, b) => wanted.slice(((b * time + (d === 0 ? n - 1 : 0)) * 2 + d) * hidden).slice(0, hidden)),
  )
  await expectClose(last, ofEnds)
  await expectClose(layer.forward(input, { lengths }).output, wanted)
  const filled = nn.padSequence([tensor([[1], [2]]), tensor([[3]])], { batchFirst: true, value: -1 })
  expect(await filled.toArray()).toEqual([
    [[1], [2]],
    [[3], [-1]],
  ])
})

onEachDevice('cells step as their layers do', async () => {
  const x = sample([4, 2, 3])
  const pairs = [
    [new nn.RNN(3, 5), new nn.RNNCell(3, 5)],
    [new nn.GRU(3, 5), new nn.GRUCell(3, 5)],
    [new nn.LSTM(3, 5), new nn.LSTMCell(3, 5)],
  ] as const
  for (const [layer, cell] of pairs) {
    cell.loadStateDict(Object.fromEntries([...layer.stateDict()].map(([key, t]) => [key.replace('_l0', ''), t])))
    const outputs = []
    // biome-ignore lint/suspicious/noExplicitAny: the three kinds of state
    let state: any
    for (const step of x.unbind(0)) {
      state = (cell as nn.GRUCell).forward(step, state)
      outputs.push(layer instanceof nn.LSTM ? state[0] : state)
    }
    await expectClose(stack(outputs, 0), await (layer as nn.GRU).forward(x).output.numbers())
  }
})

onEachDevice('a mixture of experts is the weighted sum of the best; capacity drops the smallest weights', async () => {
  const make = (options: nn.MixtureOptions) => {
    const layer = new nn.MixtureOfExperts(2, 3, () => new nn.Linear(2, 2), options)
    return layer
  }
  const layer = make({ topK: 2 })
  const x = rows(numbers(12), 2)
  const [gate, ...experts] = await Promise.all(
    [layer.gate.weight, ...[...layer.experts].map(e => (e as nn.Linear).weight)].map(async w =>
      rows(await w.numbers(), 2),
    ),
  )
  const biases = await Promise.all([...layer.experts].map(e => (e as nn.Linear).bias!.numbers()))
  const times = (w: number[][], v: number[]) => w.map(row => row.reduce((s, a, i) => s + a * v[i], 0))
  const chosen = x.map(v => {
    const scores = times(gate, v)
    const order = range(3)
      .sort((a, b) => scores[b] - scores[a])
      .slice(0, 2)
    const total = order.reduce((s, e) => s + Math.exp(scores[e]), 0)
    return order.map(e => [e, Math.exp(scores[e]) / total] as const)
  })
  const mixed = (keeps: (token: number, expert: number) => boolean) =>
    x.flatMap((v, n) => {
      const out = [0, 0]
      for (const [e, share] of chosen[n])
        if (keeps(n, e)) times(experts[e], v).forEach((y, i) => (out[i] += share * (y + biases[e][i])))
      return out
    })
  await expectClose(
    layer.forward(tensor(x)),
    mixed(() => true),
  )
  const tight = make({ topK: 2, capacityFactor: 0.5 })
  tight.loadStateDict(layer.stateDict())
  // 6 tokens, 2 choices, 3 experts: 4 on average, half of it are 2
  const kept = range(3).map(e =>
    range(6)
      .map(n => [n, chosen[n].find(([c]) => c === e)?.[1] ?? 0] as const)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 2)
      .map(([n]) => n),
  )
  await expectClose(
    tight.forward(tensor(x)),
    mixed((n, e) => kept[e].includes(n)),
  )
  const { balance } = layer.forwardWithLoss(tensor(x))
  const counts = range(3).map(e => chosen.flat().filter(([c]) => c === e).length / 12)
  const mean = range(3).map(
    e =>
      x.reduce((s, v) => {
        const scores = times(gate, v)
        return s + Math.exp(scores[e]) / scores.reduce((t, u) => t + Math.exp(u), 0)
      }, 0) / 6,
  )
  await expectClose(balance, [3 * counts.reduce((s, c, e) => s + c * mean[e], 0)])
})
