// A training step of the MLP for digits: 784-256-10, batch 128, AdamW.

import { crossEntropy, Linear, ReLU, Sequential } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import { manualSeed, randint, randn, realize } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { stepBench } from '../steps.ts'

export const description =
  'a training step of an MLP 784-256-10, batch 128, against its FLOPs at the micro-kernel limit'

const [batch, inputs, hidden, classes] = [128, 784, 256, 10]

/** Forward once, the gradient of the weights once more; that of the inputs only behind the first layer. */
const flops = 2 * batch * (2 * inputs * hidden + 3 * hidden * classes)

async function start() {
  manualSeed(1)
  const model = new Sequential(new Linear(inputs, hidden), new ReLU(), new Linear(hidden, classes))
  const opt = new AdamW(model.parameters(), { lr: 1e-3 })
  const images = randn([batch, inputs])
  const labels = randint(0, classes, [batch])
  for (const t of [images, labels]) t.own()
  await realize(images, labels)
  return {
    async step() {
      opt.zeroGrad()
      crossEntropy(model.forward(images), labels).backward()
      await opt.step()
    },
    [Symbol.dispose]() {
      for (const owner of [model, opt, images, labels]) owner[Symbol.dispose]()
    },
  }
}

export const run = (options: BenchOptions): AsyncIterable<Measurement> =>
  stepBench([{ name: 'MLP 784-256-10, batch 128', flops, start }], options)
