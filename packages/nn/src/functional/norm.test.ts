import { type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, sample } from '../../testing.ts'
import { BatchNorm, GroupNorm, LayerNorm, RMSNorm } from '../index.ts'
import { batchNorm, groupNorm, layerNorm, rmsNorm } from './norm.ts'

/** (x - mean) / sqrt(var + eps) of one list. */
function standardized(values: readonly number[], eps: number): number[] {
  const mean = values.reduce((s, v) => s + v, 0) / values.length
  const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length
  return values.map(v => (v - mean) / Math.sqrt(variance + eps))
}
const rows = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width))

onEachDevice('layer norm', async () => {
  const x = sample([2, 3, 4]).mul(5).add(3)
  const weight = sample([4], 2)
  const bias = sample([4], 3)
  const [w, b] = [await weight.numbers(), await bias.numbers()]
  const wanted = rows(await x.numbers(), 4).flatMap(r => standardized(r, 1e-3).map((v, i) => v * w[i] + b[i]))
  await expectClose(layerNorm(x, 1, { weight, bias, eps: 1e-3 }), wanted)
  await expectClose(
    new LayerNorm([3, 4]).forward(x),
    rows(await x.numbers(), 12).flatMap(r => standardized(r, 1e-5)),
  )
  expect(new LayerNorm(4, { bias: false }).parameters().length).toBe(1)
})

onEachDevice('rms norm', async () => {
  const x = sample([2, 4])
  const wanted = rows(await x.numbers(), 4).flatMap(r => {
    const size = Math.sqrt(r.reduce((s, v) => s + v * v, 0) / 4 + 1e-6)
    return r.map(v => v / size)
  })
  await expectClose(new RMSNorm(4).forward(x), wanted)
})

onEachDevice('group norm', async () => {
  const x = sample([2, 4, 3])
  await expectClose(
    new GroupNorm(2, 4).forward(x),
    rows(await x.numbers(), 6).flatMap(r => standardized(r, 1e-5)),
  )
})

onEachDevice('batch norm takes statistics in training and uses the running ones after', async () => {
  const layer = new BatchNorm(2, { momentum: 0.25 })
  let mean = [0, 0]
  let variance = [1, 1]
  for (let step = 0; step < 40; step++) {
    const x = sample([3, 2, 2], step + 1)
    const values = await x.numbers()
    const of = (c: number) => values.filter((_, i) => Math.floor(i / 2) % 2 === c)
    const both = [standardized(of(0), 1e-5), standardized(of(1), 1e-5)]
    const at = [0, 0]
    const wanted = values.map((_, i) => {
      const c = Math.floor(i / 2) % 2
      return both[c][at[c]++]
    })
    await expectClose(layer.forward(x), wanted)
    const means = [0, 1].map(c => of(c).reduce((s, v) => s + v, 0) / 6)
    mean = mean.map((m, c) => m * 0.75 + means[c] * 0.25)
    variance = variance.map((v, c) => v * 0.75 + (of(c).reduce((s, x) => s + (x - means[c]) ** 2, 0) / 5) * 0.25)
  }
  await expectClose(layer.running_mean!, mean)
  await expectClose(layer.running_var!, variance)
  expect(await layer.num_batches_tracked!.item()).toBe(40)
  layer.eval()
  const x = tensor([[[1], [2]]])
  await expectClose(
    layer.forward(x),
    [1, 2].map((v, c) => (v - mean[c]) / Math.sqrt(variance[c] + 1e-5)),
  )
  expect(await layer.num_batches_tracked!.item()).toBe(40)
})

onEachDevice(
  'gradients',
  async () => {
    const x = sample([2, 4], 5, 'f64')
    const w = sample([4], 6, 'f64')
    const b = sample([4], 7, 'f64')
    const affine =
      (f: (x: Tensor, o: { weight: Tensor; bias: Tensor }) => Tensor) => (x: Tensor, weight: Tensor, bias: Tensor) =>
        f(x, { weight, bias })
    await checkGradients(
      affine((x, o) => layerNorm(x, 1, o)),
      [x, w, b],
    )
    await checkGradients((x, weight) => rmsNorm(x, { weight }), [x, w])
    await checkGradients(
      affine((x, o) => groupNorm(x, 2, o)),
      [x, w, b],
    )
    await checkGradients(
      affine((x, o) => batchNorm(x, o)),
      [x, w, b],
    )
  },
  { on: ['reference', 'wasm'] },
)
