// jax-js on its WebAssembly backend, everything under its jit, which fuses. It has no threads in Node.

import {
  blockUntilReady,
  defaultDevice,
  init,
  type Array as Jax,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax'
import { type Once, type Peer, sizes, type WorkName } from './peer.ts'

const noise = (shape: readonly number[], scale = 1): Jax => {
  const values = new Float32Array(shape.reduce((p, n) => p * n, 1))
  let state = 1
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[i] = scale * (state / 2 ** 31 - 1)
  }
  return np.array(values).reshape([...shape])
}
const integers = (count: number, below: number): Jax =>
  np.array(Int32Array.from({ length: count }, (_, i) => (i * 7919) % below))

function expression(shapes: readonly (readonly number[])[], make: (...inputs: Jax[]) => Jax): Once {
  const inputs = shapes.map(shape => noise(shape))
  const compiled = jit(make)
  return async () => {
    const result = compiled(...inputs.map(i => i.ref))
    await result.blockUntilReady()
    result.dispose()
  }
}

function layerNorm(x: Jax, w: Jax): Jax {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }))
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
  return centred.div(np.sqrt(variance.add(1e-5))).mul(w)
}

type Parameters = Record<string, Jax>

/** Adam as jitted update of all parameters; `loss` consumes its arguments. */
function training(start: Parameters, loss: (p: Parameters) => Jax): Once {
  const zeros = (): Parameters => tree.map((p: Jax) => np.zerosLike(p), tree.ref(start)) as Parameters
  const step = jit((p: Parameters, m: Parameters, v: Parameters) => {
    const [value, g] = valueAndGrad(loss)(tree.ref(p)) as [Jax, Parameters]
    const nextM = tree.map((a: Jax, b: Jax) => a.mul(0.9).add(b.mul(0.1)), m, tree.ref(g)) as Parameters
    const nextV = tree.map((a: Jax, b: Jax) => a.mul(0.999).add(np.square(b).mul(0.001)), v, g) as Parameters
    const nextP = tree.map(
      (x: Jax, a: Jax, b: Jax) => x.sub(a.div(np.sqrt(b).add(1e-8)).mul(1e-3)),
      p,
      tree.ref(nextM),
      tree.ref(nextV),
    ) as Parameters
    return [nextP, nextM, nextV, value] as [Parameters, Parameters, Parameters, Jax]
  })
  let [p, m, v] = [start, zeros(), zeros()]
  return async () => {
    const [nextP, nextM, nextV, value] = step(p, m, v) as [Parameters, Parameters, Parameters, Jax]
    ;[p, m, v] = [nextP, nextM, nextV]
    await blockUntilReady([p, m, v] as never)
    value.dispose()
  }
}

function crossEntropy(logits: Jax, targets: Jax, classes: number): Jax {
  return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, classes))).mul(-1)
}

function mlp(): Once {
  const { batch, inputs, hidden, classes } = sizes.mlp
  const x = noise([batch, inputs])
  const y = integers(batch, classes)
  const start = {
    w1: noise([inputs, hidden], 0.05),
    b1: np.zeros([hidden]),
    w2: noise([hidden, classes], 0.05),
    b2: np.zeros([classes]),
  }
  return training(start, p => {
    const h = nn.relu(np.matmul(x.ref, p.w1!).add(p.b1!))
    return crossEntropy(np.matmul(h, p.w2!).add(p.b2!), y.ref, classes).div(batch)
  })
}

function gpt(): Once {
  const { layers, heads, width, block, batch, vocabulary } = sizes.gpt
  const depth = width / heads
  const start: Parameters = {
    wte: noise([vocabulary, width], 0.02),
    wpe: noise([block, width], 0.02),
    last: np.ones([width]),
  }
  for (let i = 0; i < layers; i++) {
    start[`n1.${i}`] = np.ones([width])
    start[`n2.${i}`] = np.ones([width])
    start[`qkv.${i}`] = noise([width, 3 * width], 0.02)
    start[`out.${i}`] = noise([width, width], 0.02)
    start[`up.${i}`] = noise([width, 4 * width], 0.02)
    start[`down.${i}`] = noise([4 * width, width], 0.02)
  }
  const ids = integers(batch * block, vocabulary)
  const targets = integers(batch * block, vocabulary)
  return training(start, p => {
    const take = (name: string): Jax => p[name]!
    const table = take('wte')
    // tokens by one-hot: differentiated as a product
    let x = np.matmul(nn.oneHot(ids.ref, vocabulary), table.ref).reshape([batch, block, width]).add(take('wpe'))
    for (let i = 0; i < layers; i++) {
      const qkv = np
        .matmul(layerNorm(x.ref, take(`n1.${i}`)), take(`qkv.${i}`))
        .reshape([batch, block, 3, heads, depth])
      const [q, k, v] = np.split(qkv, 3, 2).map(part => part.reshape([batch, block, heads, depth])) as [Jax, Jax, Jax]
      const mixed = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([batch, block, width])
      x = x.add(np.matmul(mixed, take(`out.${i}`)))
      const h = nn.gelu(np.matmul(layerNorm(x.ref, take(`n2.${i}`)), take(`up.${i}`)))
      x = x.add(np.matmul(h, take(`down.${i}`)))
    }
    const logits = np.matmul(layerNorm(x, take('last')).reshape([batch * block, width]), np.transpose(table))
    return crossEntropy(logits, targets.ref, vocabulary).div(batch * block)
  })
}

export const jaxJs: Peer = {
  name: 'jax-js wasm',
  async prepare(work: WorkName) {
    await init('wasm')
    defaultDevice('wasm')
    const { matmul, count, rows } = sizes
    switch (work) {
      case 'matmul':
        return expression([[matmul, matmul], [matmul, matmul]], (a, b) => np.matmul(a, b)) // biome-ignore format: one line
      case 'gelu':
        return expression([[count], [count], [count]], (x, a, b) => nn.gelu(x.mul(a).add(b)))
      case 'softmax':
        return expression([rows], x => nn.softmax(x, -1))
      case 'layerNorm':
        return expression([rows, [rows[1]], [rows[1]]], (x, w, b) => layerNorm(x, w).add(b))
      case 'add':
        return expression([[count], [count]], (x, y) => x.add(y))
      case 'sum':
        return expression([[count]], x => np.sum(x))
      case 'mlp':
        return mlp()
      case 'gpt':
        return gpt()
      default:
        return work satisfies never
    }
  },
}
