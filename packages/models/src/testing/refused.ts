// What the public types refuse: compiled, never run. Each line below must be an error for the compiler, or the directive above it is one.

import { Conv2d, Linear, LSTM, MaxPool2d, mseLoss, Softmax } from '@cairn/nn'
import { AdamW, SGD } from '@cairn/optim'
import { rand, tensor, zeros } from '@cairn/tensor'
import { conv2d } from '@cairn/tensor/functional'
import { Tokenizer } from '@cairn/tokenizers'

export async function refused(): Promise<void> {
  // @ts-expect-error
  zeros([2], { dtpe: 'i32' })
  // @ts-expect-error
  zeros([2], { dtype: 'float32' })
  // @ts-expect-error
  zeros([2], { device: 'cuda' })
  // @ts-expect-error
  zeros(3, 4)
  // @ts-expect-error
  tensor([1], { requires_grad: true })
  // @ts-expect-error
  tensor([1]).sum(0, { keepdim: true })
  // @ts-expect-error
  tensor([1]).to('float16')
  // @ts-expect-error
  rand([2], { seed: 1 })
  // @ts-expect-error
  conv2d(zeros([1]), zeros([1]), undefined, { padding: 'smae' })
  // @ts-expect-error
  new Linear(2, 3, { biass: true })
  // @ts-expect-error
  new Linear(2, 3, false)
  // @ts-expect-error
  new Conv2d(3, 4, 3, { paddingMode: 'zero' })
  // @ts-expect-error
  new LSTM(2, 3, { num_layers: 2 })
  // @ts-expect-error
  new MaxPool2d(2, { strid: 2 })
  // @ts-expect-error
  new Softmax('1')
  // @ts-expect-error
  mseLoss(zeros([1]), zeros([1]), { reduction: 'avg' })
  // @ts-expect-error
  new AdamW([], { weight_decay: 1 })
  // @ts-expect-error
  new SGD([zeros([1])], { lr: '1' })
  // @ts-expect-error
  Tokenizer.train('a', { vocab_size: 3 })
  const tokenizer = await Tokenizer.train('a', { vocabSize: 300 })
  // @ts-expect-error
  tokenizer.encode('a', { addSpecial: true })
  // @ts-expect-error
  tokenizer.decode('abc')
}
