// Every layer once: its state-dict keys and their shapes as torch has them, the shape of its result, and that a gradient reaches every parameter.

import { Tensor, zeros } from '@cairn/tensor'
import { expect, test } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { sample } from '../../testing.ts'
import * as nn from '../index.ts'

type Keys = Record<string, readonly number[]>
type Case = [make: () => nn.Layer, input: readonly number[], output: readonly number[], keys?: Keys]

const affine = (n: number): Keys => ({ weight: [n], bias: [n] })
const running = (n: number): Keys => ({ running_mean: [n], running_var: [n], num_batches_tracked: [] })

const cases: Record<string, Case> = {
  'Conv1d, strided': [
    () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, groups: 2 }),
    [2, 4, 9],
    [2, 6, 5],
    { weight: [6, 2, 3], bias: [6] },
  ],
  'Conv2d, same': [
    () => new nn.Conv2d(3, 5, [3, 2], { padding: 'same', bias: false }),
    [2, 3, 5, 4],
    [2, 5, 5, 4],
    { weight: [5, 3, 3, 2] },
  ],
  'Conv2d, one image, circular': [
    () => new nn.Conv2d(1, 2, 3, { padding: 1, paddingMode: 'circular' }),
    [1, 4, 4],
    [2, 4, 4],
    { weight: [2, 1, 3, 3], bias: [2] },
  ],
  Conv3d: [() => new nn.Conv3d(1, 2, 2), [1, 1, 3, 3, 3], [1, 2, 2, 2, 2], { weight: [2, 1, 2, 2, 2], bias: [2] }],
  ConvTranspose1d: [
    () => new nn.ConvTranspose1d(4, 6, 3, { stride: 2, outputPadding: 1, groups: 2 }),
    [2, 4, 3],
    [2, 6, 8],
    { weight: [4, 3, 3], bias: [6] },
  ],
  ConvTranspose2d: [
    () => new nn.ConvTranspose2d(2, 3, 2, { stride: 2 }),
    [1, 2, 3, 3],
    [1, 3, 6, 6],
    { weight: [2, 3, 2, 2], bias: [3] },
  ],
  ConvTranspose3d: [
    () => new nn.ConvTranspose3d(1, 2, 2),
    [1, 1, 2, 2, 2],
    [1, 2, 3, 3, 3],
    { weight: [1, 2, 2, 2, 2], bias: [2] },
  ],
  MaxPool1d: [() => new nn.MaxPool1d(2), [1, 2, 6], [1, 2, 3]],
  MaxPool2d: [() => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), [1, 2, 6, 6], [1, 2, 3, 3]],
  MaxPool3d: [() => new nn.MaxPool3d(2), [1, 1, 4, 4, 4], [1, 1, 2, 2, 2]],
  AvgPool1d: [() => new nn.AvgPool1d(2, { stride: 1 }), [1, 2, 6], [1, 2, 5]],
  AvgPool2d: [() => new nn.AvgPool2d([2, 3]), [1, 2, 6, 6], [1, 2, 3, 2]],
  AvgPool3d: [() => new nn.AvgPool3d(2), [1, 1, 4, 4, 4], [1, 1, 2, 2, 2]],
  LPPool1d: [() => new nn.LPPool1d(2, 3), [1, 2, 6], [1, 2, 2]],
  LPPool2d: [() => new nn.LPPool2d(1, 2), [1, 2, 4, 4], [1, 2, 2, 2]],
  AdaptiveAvgPool1d: [() => new nn.AdaptiveAvgPool1d(3), [1, 2, 7], [1, 2, 3]],
  AdaptiveAvgPool2d: [() => new nn.AdaptiveAvgPool2d([1, null]), [1, 2, 6, 5], [1, 2, 1, 5]],
  AdaptiveAvgPool3d: [() => new nn.AdaptiveAvgPool3d(1), [1, 1, 4, 4, 4], [1, 1, 1, 1, 1]],
  AdaptiveMaxPool1d: [() => new nn.AdaptiveMaxPool1d(3), [1, 2, 7], [1, 2, 3]],
  AdaptiveMaxPool2d: [() => new nn.AdaptiveMaxPool2d(2), [1, 2, 6, 5], [1, 2, 2, 2]],
  AdaptiveMaxPool3d: [() => new nn.AdaptiveMaxPool3d(1), [1, 1, 4, 4, 4], [1, 1, 1, 1, 1]],
  BatchNorm1d: [() => new nn.BatchNorm1d(3), [4, 3], [4, 3], { ...affine(3), ...running(3) }],
  'BatchNorm2d without statistics': [
    () => new nn.BatchNorm2d(3, { trackRunningStats: false }),
    [2, 3, 2, 2],
    [2, 3, 2, 2],
    affine(3),
  ],
  'BatchNorm3d without weights': [
    () => new nn.BatchNorm3d(2, { affine: false }),
    [2, 2, 2, 2, 2],
    [2, 2, 2, 2, 2],
    running(2),
  ],
  InstanceNorm1d: [() => new nn.InstanceNorm1d(3), [2, 3, 4], [2, 3, 4]],
  'InstanceNorm2d with all': [
    () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true }),
    [2, 3, 2, 2],
    [2, 3, 2, 2],
    { ...affine(3), ...running(3) },
  ],
  'InstanceNorm3d, one example': [() => new nn.InstanceNorm3d(2), [2, 2, 2, 3], [2, 2, 2, 3]],
  GroupNorm: [() => new nn.GroupNorm(2, 4), [2, 4, 3], [2, 4, 3], affine(4)],
  LayerNorm: [() => new nn.LayerNorm([3, 4]), [2, 3, 4], [2, 3, 4], { weight: [3, 4], bias: [3, 4] }],
  RMSNorm: [() => new nn.RMSNorm(4), [2, 4], [2, 4], { weight: [4] }],
  LocalResponseNorm: [() => new nn.LocalResponseNorm(3), [2, 4, 3], [2, 4, 3]],
  Dropout1d: [() => new nn.Dropout1d(0.2), [2, 4, 3], [2, 4, 3]],
  Dropout2d: [() => new nn.Dropout2d(0.2), [2, 4, 3, 3], [2, 4, 3, 3]],
  Dropout3d: [() => new nn.Dropout3d(0.2), [2, 4, 3, 3, 2], [2, 4, 3, 3, 2]],
  FeatureAlphaDropout: [() => new nn.FeatureAlphaDropout(0.2), [2, 4, 3], [2, 4, 3]],
  AlphaDropout: [() => new nn.AlphaDropout(0.2), [5, 4], [5, 4]],
  PReLU: [() => new nn.PReLU(4), [2, 4, 3], [2, 4, 3], { weight: [4] }],
  RReLU: [() => new nn.RReLU(), [2, 4], [2, 4]],
  GLU: [() => new nn.GLU(1), [2, 4, 3], [2, 2, 3]],
  SwiGLU: [() => new nn.SwiGLU(), [2, 4], [2, 2]],
  Unflatten: [() => new nn.Unflatten(1, [2, 3]), [2, 6], [2, 2, 3]],
  Flatten: [() => new nn.Flatten(1, 2), [2, 3, 4, 5], [2, 12, 5]],
  Upsample: [() => new nn.Upsample({ scaleFactor: 2, mode: 'nearest' }), [1, 2, 3], [1, 2, 6]],
  UpsamplingNearest2d: [() => new nn.UpsamplingNearest2d({ size: [4, 5] }), [1, 2, 3, 3], [1, 2, 4, 5]],
  UpsamplingBilinear2d: [() => new nn.UpsamplingBilinear2d({ scaleFactor: 2 }), [1, 2, 3, 3], [1, 2, 6, 6]],
  PixelShuffle: [() => new nn.PixelShuffle(2), [1, 8, 2, 3], [1, 2, 4, 6]],
  PixelUnshuffle: [() => new nn.PixelUnshuffle(2), [1, 2, 4, 6], [1, 8, 2, 3]],
  ChannelShuffle: [() => new nn.ChannelShuffle(2), [1, 4, 2], [1, 4, 2]],
  Unfold: [() => new nn.Unfold([2, 2]), [1, 2, 3, 3], [1, 8, 4]],
  Fold: [() => new nn.Fold([3, 3], [2, 2]), [1, 8, 4], [1, 2, 3, 3]],
  ZeroPad2d: [() => new nn.ZeroPad2d([1, 2, 0, 1]), [1, 1, 2, 2], [1, 1, 3, 5]],
  ReflectionPad1d: [() => new nn.ReflectionPad1d(1), [1, 1, 3], [1, 1, 5]],
  ReplicationPad3d: [() => new nn.ReplicationPad3d(1), [1, 1, 2, 2, 2], [1, 1, 4, 4, 4]],
  CircularPad2d: [() => new nn.CircularPad2d(1), [1, 1, 2, 2], [1, 1, 4, 4]],
  ConstantPad1d: [() => new nn.ConstantPad1d(2, 7), [1, 1, 2], [1, 1, 6]],
  GatedFeedForward: [
    () => new nn.GatedFeedForward(4, 6),
    [2, 4],
    [2, 4],
    { 'w1.weight': [6, 4], 'w2.weight': [4, 6], 'w3.weight': [6, 4] },
  ],
  TransformerEncoderLayer: [
    () => new nn.TransformerEncoderLayer(4, 2, { feedForward: 6 }),
    [2, 3, 4],
    [2, 3, 4],
    {
      'self_attn.in_proj_weight': [12, 4],
      'self_attn.in_proj_bias': [12],
      'self_attn.out_proj.weight': [4, 4],
      'self_attn.out_proj.bias': [4],
      'linear1.weight': [6, 4],
      'linear1.bias': [6],
      'linear2.weight': [4, 6],
      'linear2.bias': [4],
      'norm1.weight': [4],
      'norm1.bias': [4],
      'norm2.weight': [4],
      'norm2.bias': [4],
    },
  ],
}

for (const [name, [make, input, output, keys = {}]] of Object.entries(cases))
  onEachDevice(
    name,
    async () => {
      const layer = make()
      const shapes = Object.fromEntries([...layer.stateDict()].map(([key, t]) => [key, [...t.shape]]))
      expect(shapes).toEqual(keys)
      const x = sample(input)
      x.requiresGrad = true
      const y = layer.forward(x)
      expect(y.shape).toEqual(output)
      y.mul(sample(output, 5)).sum().backward()
      for (const [key, p] of [...layer.namedParameters(), ['x', x] as const])
        expect((await p.grad!.numbers()).every(Number.isFinite), key).toBe(true)
    },
    // shapes are the same everywhere
    { on: ['wasm'] },
  )

onEachDevice('recurrent layers: keys of every layer and direction, shapes of results', async () => {
  const layer = new nn.LSTM(3, 4, { layers: 2, bidirectional: true, projection: 2 })
  const shapes = Object.fromEntries([...layer.stateDict()].map(([key, t]) => [key, t.shape.join()]))
  for (const [at, width] of [
    [0, 3],
    [1, 4],
  ] as const)
    for (const end of ['', '_reverse'])
      expect(shapes).toMatchObject({
        [`weight_ih_l${at}${end}`]: `16,${width}`,
        [`weight_hh_l${at}${end}`]: '16,2',
        [`bias_ih_l${at}${end}`]: '16',
        [`bias_hh_l${at}${end}`]: '16',
        [`weight_hr_l${at}${end}`]: '2,4',
      })
  expect(Object.keys(shapes).length).toBe(20)
  const { output, hidden, cell } = layer.forward(sample([5, 2, 3]))
  expect([output.shape, hidden.shape, cell.shape]).toEqual([
    [5, 2, 4],
    [4, 2, 2],
    [4, 2, 4],
  ])
  output.sum().backward()
  for (const [name, p] of layer.namedParameters()) expect(p.grad, name).toBeInstanceOf(Tensor)
})

test('what does not fit is refused by name', () => {
  expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow('2 groups do not divide 3 input and 4 output channels')
  expect(() => new nn.BatchNorm2d(3).forward(zeros([2, 3]))).toThrow('needs [batch, channels, height, width]')
  expect(() => new nn.ZeroPad2d([1, 1])).toThrow('needs 4 widths, got 2')
  expect(() => new nn.GLU().forward(zeros([2, 3]))).toThrow('has no two halves')
  expect(() => new nn.MixtureOfExperts(4, 2, () => new nn.Identity(), { topK: 3 })).toThrow('cannot choose 3 of 2')
  expect(() => new nn.ModuleDict({ forward: new nn.Identity(), 'a.b': new nn.Identity() })).toThrow("'a.b' cannot be")
})
