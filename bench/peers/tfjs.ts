// TensorFlow.js on its WebAssembly backend, which has no threads in Node. It has no gelu: the tanh form is composed, as its users do.
// Its gradients come with the umbrella package alone, and gather has none on this backend: training is compared with jax-js, which is faster.

import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { type Once, type Peer, sizes, type WorkName } from './peer.ts'

function expression(shapes: readonly (readonly number[])[], make: (...inputs: tf.Tensor[]) => tf.Tensor): Once {
  const inputs = shapes.map(shape => tf.randomNormal([...shape], 0, 1, 'float32', 1))
  return async () => {
    const result = tf.tidy(() => make(...inputs))
    // the kernels have run when the call returns: no bytes need be fetched
    result.dispose()
  }
}

const gelu = (x: tf.Tensor): tf.Tensor =>
  tf.mul(
    tf.mul(x, 0.5),
    tf.add(1, tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI)))),
  )

function layerNorm(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), w), b)
}

export const tfjs: Peer = {
  name: 'tfjs wasm',
  async prepare(work: WorkName) {
    await tf.setBackend('wasm')
    await tf.ready()
    const { matmul, count, rows } = sizes
    switch (work) {
      case 'matmul':
        return expression([[matmul, matmul], [matmul, matmul]], (a, b) => tf.matMul(a, b)) // biome-ignore format: one line
      case 'gelu':
        return expression([[count], [count], [count]], (x, a, b) => gelu(tf.add(tf.mul(x, a), b)))
      case 'softmax':
        return expression([rows], x => tf.softmax(x))
      case 'layerNorm':
        return expression([rows, [rows[1]], [rows[1]]], layerNorm)
      case 'add':
        return expression([[count], [count]], (x, y) => tf.add(x, y))
      case 'sum':
        return expression([[count]], x => tf.sum(x))
      case 'mlp':
      case 'gpt':
        return undefined
      default:
        return work satisfies never
    }
  },
}
