// What users of PyTorch and NumPy write before they have read a page: each is an error that names the op, the values and the remedy, and none
// is taken for something else. What the types refuse already is tried as JavaScript.

import { expect, test } from 'vitest'
import * as F from './functional/index.ts'
import * as T from './index.ts'

// as JavaScript: nothing is known of what is given or of what comes back
type Untyped = (...args: unknown[]) => Record<string, Untyped>
const { arange, cat, full, rand, randn, stack, tensor, zeros } = T as unknown as Record<string, Untyped>
await T.setDefaultDevice('reference')
const x = tensor([[1, 2, 3], [4, 5, 6]]) // biome-ignore format: a matrix
const image = T.ones([1, 3, 8, 8])

const mistakes: [string, () => unknown, RegExp][] = [
  ['sizes one by one', () => zeros(3, 4), /^zeros: takes a shape as one array, such as \[2, 3\], not 3$/],
  ['a view by sizes', () => x.view(3, 2), /^reshape: takes a shape as one array, such as \[2, 3\], not 3$/],
  ['a stretch by sizes', () => x.expand(2, 3), /^expand: takes a shape as one array/],
  ['a shape for nested arrays', () => tensor([1, 2, 3, 4], [2, 2]), /^tensor: only a typed array takes a shape; use tensor\(values\)\.reshape\(\[2, 2\]\)$/],
  ['a dtype without its name', () => tensor([1], 'i32'), /^tensor: options are an object such as \{ dtype: \.\.\. \}, not i32$/],
  ['an option of a typo', () => zeros([2], { dtpe: 'i32' }), /^zeros: there is no option 'dtpe'; there are dtype, device, requiresGrad$/],
  ['the spelling of torch', () => randn([2], { requires_grad: true }), /^randn: there is no option 'requires_grad'; there are device, dtype, requiresGrad, generator/],
  ['a seed for one draw', () => rand([2], { seed: 3 }), /^rand: there is no option 'seed'/],
  ['sizes below zero of a draw', () => randn([-1]), /^randn: sizes must be non-negative integers \(shape \[-1\]\)$/],
  ['no value to fill with', () => full([2]), /^full: needs a number for every element, not undefined$/],
  ['keepdim', () => x.sum(1, { keepdim: true }), /^sum: there is no option 'keepdim'; there are keepDim$/],
  ['the spelling of torch for variance', () => x.std(1, { unbiased: false }), /^variance: there is no option 'unbiased'; there are keepDim, correction$/],
  ['an axis among options', () => x.sum({ dim: 1 }), /^sum: takes an axis or an array of axes first, not an object of Object$/],
  ['an axis as text', () => x.softmax('1'), /^softmax: an axis is an integer, not '1'$/],
  ['no axis', () => x.softmax(), /^softmax: an axis is an integer, not undefined$/],
  ['an axis beyond', () => x.sum(2), /^sum: axis 2 is outside of a tensor with 2 axes/],
  ['a list as operand', () => x.add([1, 2, 3]), /^add: needs a tensor or a number, got an array; make it one with tensor\(\)$/],
  ['an operand that is not there', () => x.mul(null), /^mul: needs a tensor or a number, got null/],
  ['a text as operand', () => x.div('2'), /^div: needs a tensor or a number, got '2'/],
  ['a number as condition', () => x.where(1, 2), /^where: the condition must be bool, not 1; compare first$/],
  ['tensors one by one', () => cat(x, x), /^cat: takes the tensors as one array: cat\(\[a, b\], axis\)$/],
  ['lists to stack', () => stack([[1], [2]]), /^stack: needs tensors, got an array; make it one with tensor\(\)$/],
  ['an index beyond', () => x.select(0, 5), /^select: index 5 is outside of axis 0 \(size 2\)$/],
  ['a GPU by its name in torch', () => x.to('cuda'), /^to: there is no dtype and no device 'cuda'; dtypes are bool, .*, devices wasm, webgpu, reference$/],
  ['a dtype by its name in NumPy', () => arange(3, undefined, 1, { dtype: 'float32' }), /^arange: there is no dtype 'float32'; use one of bool/],
  ['a loss of many elements', () => T.tensor([1, 2], { requiresGrad: true }).mul(2).backward(), /^backward: needs one element, .*; call sum\(\) or mean\(\) first \(shape \[2\]\)$/],
  ['a loss of constants', () => x.sum().backward(), /^backward: nothing it was computed from requires a gradient; set requiresGrad/],
  ['padding by a typo', () => F.conv2d(image, T.ones([2, 3, 3, 3]), undefined, { padding: 'smae' as 'same' }), /^conv2d: padding is a number, an array of numbers, 'same' or 'valid', not 'smae'$/],
  ['no kernel', () => (F.maxPool2d as (x: unknown) => unknown)(image), /^maxPool2d: the kernel size is a number or an array of 2, not undefined$/],
  ['a mode by a typo', () => F.interpolate(image, { scaleFactor: 2, mode: 'linearr' as 'linear' }), /^interpolate: there is no mode 'linearr'; there are nearest, .*bicubic$/],
] // biome-ignore format: one mistake a line
test.each(mistakes)('%s', (_, run, message) => {
  expect(run).toThrow(T.CairnError)
  expect(run).toThrow(message)
})
