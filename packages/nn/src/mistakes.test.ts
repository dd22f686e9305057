// What users of torch.nn write before they have read a page: each is an error that names the layer, the values and the remedy.

import { CairnError, ones, setDefaultDevice, type Tensor, tensor } from '@cairn/tensor'
import { expect, test } from 'vitest'
import * as nn from './index.ts'

// as JavaScript: what the types refuse is tried, too
type Untyped = new (
  ...args: unknown[]
) => { forward(...args: unknown[]): Tensor; loadStateDict(state: unknown): unknown }
const u = nn as unknown as Record<string, Untyped>
await setDefaultDevice('reference')
const ids = tensor([0, 1], { dtype: 'i32' })

const mistakes: [string, () => unknown, RegExp][] = [
  ['a linear layer without outputs', () => new u.Linear(4), /^Linear: outputs must be a non-negative integer, not undefined$/],
  ['a flag in place of options', () => new u.Linear(4, 2, false), /^Linear: options are an object such as \{ bias: \.\.\. \}, not false$/],
  ['an option that there is not', () => new u.Linear(4, 2, { biass: false }), /^Linear: there is no option 'biass'; there are bias$/],
  ['an input of another width', () => new nn.Linear(4, 2).forward(ones([3, 5])), /^linear: inner sizes differ: \[3, 5\] x \[2, 4\] \(5 vs 4\)/],
  ['the spelling of torch', () => new u.Embedding(10, 4, { padding_idx: 0 }), /^Embedding: there is no option 'padding_idx'; there are paddingIdx, maxNorm/],
  ['padding outside of the table', () => new nn.Embedding(10, 4, { paddingIdx: 12 }), /^Embedding: paddingIdx 12 is no row of the table \(rows 10\)$/],
  ['ids that are no integers', () => new nn.Embedding(10, 4).forward(ones([2])), /^embedding: the indices must be an integer tensor, not f32; convert with \.to\('i32'\)/],
  ['a convolution without a kernel', () => new u.Conv2d(3, 8), /^Conv2d: the kernel size is a number or an array of 2, not undefined$/],
  ['channels last', () => new nn.Conv2d(3, 8, 3).forward(ones([1, 8, 8, 3])), /^conv2d: the input has 8 channels/],
  ['a padding mode by a typo', () => new u.Conv2d(3, 8, 3, { padding: 1, paddingMode: 'zero' }), /^Conv2d: there is no padding mode 'zero'; there are zeros, reflect, replicate, circular$/],
  ['another width for layer norm', () => new nn.LayerNorm(4).forward(ones([2, 5])), /^LayerNorm: normalizes \[\.\.\., 4\] \(shape \[2, 5\]\)$/],
  ['another width for RMS norm', () => new nn.RMSNorm(4).forward(ones([2, 5])), /^RMSNorm: normalizes \[\.\.\., 4\] \(shape \[2, 5\]\)$/],
  ['other channels for batch norm', () => new nn.BatchNorm2d(3).forward(ones([2, 4, 5, 5])), /^BatchNorm: needs 3 channels in axis 1, got 4 \(shape \[2, 4, 5, 5\]\)$/],
  ['batch norm of one example', () => new nn.BatchNorm1d(3).forward(ones([1, 3])), /^BatchNorm: one value of each channel has no variance; train with a larger batch, or eval\(\)/],
  ['other channels for instance norm', () => new nn.InstanceNorm1d(3).forward(ones([2, 4, 5])), /^InstanceNorm1d: needs 3 channels in axis 1, got 4/],
  ['other channels for group norm', () => new nn.GroupNorm(2, 4).forward(ones([2, 6, 5])), /^GroupNorm: needs \[batch, 4, \.\.\.\] \(shape \[2, 6, 5\], groups 2\)$/],
  ['no groups', () => new nn.GroupNorm(0, 4), /^GroupNorm: 0 groups do not divide 4 channels$/],
  ['attention without a batch', () => new nn.MultiheadAttention(12, 3).forward(ones([2, 12])), /^MultiheadAttention: needs \[batch, positions, width\]; use unsqueeze\(0\) for one example \(shape \[2, 12\]\)$/],
  ['an activation that there is not', () => new u.TransformerEncoderLayer(8, 4, { activation: 'swish' }), /^TransformerEncoderLayer: there is no activation 'swish'; give 'relu', 'gelu' or a function/],
  ['a negative hidden size', () => new nn.LSTM(4, -8), /^LSTM: hidden must be a non-negative integer, not -8$/],
  ['an option of torch.nn.LSTM', () => new u.LSTM(4, 8, { num_layers: 2 }), /^LSTM: there is no option 'num_layers'; there are layers, bias/],
  ['functions in a row of layers', () => new u.Sequential((x: Tensor) => x.relu()), /^Sequential: takes layers one by one, each a module/],
  ['layers in a list', () => new u.Sequential([new nn.ReLU()]), /^Sequential: takes layers one by one/],
  ['a probability above 1', () => new nn.Dropout(1.5), /^Dropout: p must be in \[0, 1\], not 1\.5$/],
  ['a target that broadcasts', () => nn.mseLoss(ones([4, 1]), ones([4])), /^mseLoss: values and targets need one shape; reshape one of them \(values \[4, 1\], targets \[4\]\)$/],
  ['targets of another number', () => nn.bceWithLogits(ones([4, 1]), ones([3, 1])), /^bceWithLogits: values and targets need one shape/],
  ['a reduction that there is not', () => nn.crossEntropy(ones([2, 3]), ids, { reduction: 'avg' as 'mean' }), /^loss: there is no reduction 'avg'; there are mean, sum and none$/],
  ['targets for other logits', () => nn.crossEntropy(ones([4, 3]), ids), /^crossEntropy: targets \[2\] do not fit logits \[4, 3\]; classes come last$/],
  ['a state of arrays', () => new u.Linear(1, 1).loadStateDict({ weight: [[1]], bias: [1] }), /^loadStateDict: 'weight' is no tensor; make it one with tensor\(\)$/],
  ['a state without a key', () => new u.Linear(4, 2).loadStateDict({ weight: ones([2, 4]) }), /^loadStateDict: missing bias \(module Linear\)$/],
] // biome-ignore format: one mistake a line
test.each(mistakes)('%s', (_, run, message) => {
  expect(run).toThrow(CairnError)
  expect(run).toThrow(message)
})
