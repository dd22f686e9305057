// A convolutional net that was trained in PyTorch, from its .pt and its .safetensors, on handwritten digits that it may not have seen.
import { dirname, join } from 'node:path'
import { loadTorch } from '@cairn/models'
import { BatchNorm1d, Conv2d, Linear, Module } from '@cairn/nn'
import { noGrad, setDefaultDevice, type Tensor, tensor } from '@cairn/tensor'
import { loadSafetensors } from '@cairn/tensor/interop'
import { readBytes } from '../files.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description =
  'a net trained in PyTorch, from .pt and .safetensors: at least 0.99 of the test digits of MNIST'
export const data = 'models/mnist-cnn'

/** The net's own names; normalisation over the channels of images as over vectors. */
class Net extends Module {
  conv1 = new Conv2d(1, 8, 3)
  conv2 = new Conv2d(8, 16, 3)
  conv3 = new Conv2d(16, 24, 3)
  norm1 = new BatchNorm1d(24)
  fc1 = new Linear(24 * 22 * 22, 32)
  fc2 = new Linear(32, 10)
  norm2 = new BatchNorm1d(10)

  /** [images, 1, 28, 28] to logits [images, 10] */
  forward(x: Tensor): Tensor {
    let y = this.conv1.forward(x).relu()
    y = this.conv2.forward(y).relu()
    y = this.conv3.forward(y).relu()
    const [n, c, h, w] = y.shape
    y = this.norm1.forward(y.reshape([n, c, h * w]))
    y = this.fc1.forward(y.flatten(1)).relu()
    return this.norm2.forward(this.fc2.forward(y))
  }
}

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only) throw new Error(`--only ${only}: this suite has no groups`)
  await setDefaultDevice(device)
  const digits = join(dirname(dirname(path)), 'images', 'mnist10k')
  const images = readBytes(join(digits, 't10k-images-idx3-ubyte')).subarray(16)
  const labels = readBytes(join(digits, 't10k-labels-idx1-ubyte')).subarray(8)
  const weights = {
    'mnist.pt': (bytes: Uint8Array) => loadTorch(bytes, { device: 'reference' }),
    'mnist.safetensors': (bytes: Uint8Array) => loadSafetensors(bytes, { device: 'reference' }),
  }
  for (const [file, load] of Object.entries(weights)) {
    using model = new Net()
    // the batches seen are 64-bit integers, which a GPU does not have
    const tensors = [...load(readBytes(join(path, file)))].map(([key, t]): [string, Tensor] => {
      const narrow = t.dtype === 'i64' ? t.to('i32') : t
      return [key, narrow.to(model.fc1.weight.device as 'wasm')]
    })
    model.loadStateDict(new Map(tensors))
    model.eval()
    const share = await accuracy(model, images, labels)
    const name = `${file}: ${(100 * share).toFixed(2)}% of ${labels.length} digits`
    yield share >= 0.99 ? { name, status: 'passed' } : { name, status: 'failed', error: 'fewer than 99%' }
  }
}

async function accuracy(model: Net, images: Uint8Array, labels: Uint8Array): Promise<number> {
  let right = 0
  const batch = 250
  for (let at = 0; at < labels.length; at += batch) {
    const count = Math.min(batch, labels.length - at)
    const pixels = Float32Array.from(images.subarray(at * 784, (at + count) * 784), v => (v / 255 - 0.1307) / 0.3081)
    const logits = noGrad(() => model.forward(tensor(pixels, [count, 1, 28, 28])))
    const found = await logits.argmax(-1).numbers()
    right += found.filter((digit, i) => digit === labels[at + i]).length
  }
  return right / labels.length
}
