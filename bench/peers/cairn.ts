// Our side of the comparison, through the public API, on the default device.

import { GPT2 } from '@cairn/models'
import { crossEntropy, Linear, layerNorm, ReLU, Sequential } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import { manualSeed, randint, randn, realize, type Tensor } from '@cairn/tensor'
import { type Once, type Peer, sizes, type WorkName } from './peer.ts'

const inMemory = async (...list: Tensor[]): Promise<void> => {
  for (const t of list) t.own()
  await realize(...list)
}

/** The value of an expression over inputs that are in memory. */
async function expression(
  shapes: readonly (readonly number[])[],
  make: (...inputs: Tensor[]) => Tensor,
): Promise<Once> {
  const inputs = shapes.map(shape => randn([...shape]))
  await inMemory(...inputs)
  return async () => {
    using result = make(...inputs)
    await realize(result)
  }
}

async function training(forward: { parameters(): Iterable<Tensor> }, loss: () => Tensor): Promise<Once> {
  const opt = new AdamW(forward.parameters(), { lr: 1e-3 })
  return async () => {
    opt.zeroGrad()
    loss().backward()
    await opt.step()
    await realize()
  }
}

export const cairn: Peer = {
  name: 'Cairn',
  prepare(work: WorkName): Promise<Once> {
    manualSeed(1)
    const { matmul, count, rows, mlp, gpt } = sizes
    switch (work) {
      case 'matmul':
        return expression([[matmul, matmul], [matmul, matmul]], (a, b) => a.matmul(b)) // biome-ignore format: one line
      case 'gelu':
        return expression([[count], [count], [count]], (x, a, b) => x.mul(a).add(b).gelu({ approximate: 'tanh' }))
      case 'softmax':
        return expression([rows], x => x.softmax(-1))
      case 'layerNorm':
        return expression([rows, [rows[1]], [rows[1]]], (x, w, b) => layerNorm(x, 1, { weight: w, bias: b }))
      case 'add':
        return expression([[count], [count]], (x, y) => x.add(y))
      case 'sum':
        return expression([[count]], x => x.sum())
      case 'mlp':
        return (async () => {
          const model = new Sequential(
            new Linear(mlp.inputs, mlp.hidden),
            new ReLU(),
            new Linear(mlp.hidden, mlp.classes),
          )
          const [x, y] = [randn([mlp.batch, mlp.inputs]), randint(0, mlp.classes, [mlp.batch])]
          await inMemory(x, y)
          return training(model, () => crossEntropy(model.forward(x), y))
        })()
      case 'gpt':
        return (async () => {
          const { vocabulary: vocabSize, block: contextLength, batch, ...shape } = gpt
          const model = new GPT2({ vocabSize, contextLength, ...shape, bias: false })
          const [x, y] = [0, 1].map(() => randint(0, vocabSize, [batch, contextLength])) as [Tensor, Tensor]
          await inMemory(x, y)
          return training(model, () => crossEntropy(model.forward(x), y))
        })()
      default:
        return work satisfies never
    }
  },
}
