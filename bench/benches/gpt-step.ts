// Training steps of two GPTs at the sizes of nanoGPT's recipes for the works of Shakespeare by letters: AdamW, no dropout.

import { GPT2 } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { AdamW, decayGroups } from '@cairn/optim'
import { manualSeed, randint, realize } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { stepBench, type Training } from '../steps.ts'

export const description = 'training steps of GPTs 4x4x128 and 6x6x384 against their FLOPs at the micro-kernel limit'

interface Shape {
  readonly name: string
  readonly layers: number
  readonly heads: number
  readonly width: number
  readonly block: number
  readonly batch: number
}

const vocabSize = 65
const shapes: readonly Shape[] = [
  { name: 'small', layers: 4, heads: 4, width: 128, block: 64, batch: 12 },
  { name: 'middle', layers: 6, heads: 6, width: 384, block: 256, batch: 4 },
]

/** Three times the forward pass: of each product two gradients. Attention counts in full, though half of its scores are masked. */
function flopsOf({ layers, width, block, batch }: Shape): number {
  const tokens = batch * block
  const perLayer = 2 * tokens * 12 * width ** 2 + 4 * tokens * block * width
  return 3 * (layers * perLayer + 2 * tokens * width * vocabSize)
}

const trainingOf = (shape: Shape): Training => ({
  name: `GPT ${shape.layers}x${shape.heads}x${shape.width}, block ${shape.block}, batch ${shape.batch}`,
  flops: flopsOf(shape),
  async start() {
    manualSeed(1)
    const { layers, heads, width, block, batch } = shape
    const model = new GPT2({ vocabSize, contextLength: block, layers, heads, width, bias: false })
    const opt = new AdamW(decayGroups(model.parameters(), 0.1), { lr: 1e-3, betas: [0.9, 0.99] })
    const [ids, targets] = [randint(0, vocabSize, [batch, block]), randint(0, vocabSize, [batch, block])]
    for (const t of [ids, targets]) t.own()
    await realize(ids, targets)
    return {
      async step() {
        opt.zeroGrad()
        crossEntropy(model.forward(ids), targets).backward()
        await opt.step()
      },
      [Symbol.dispose]() {
        for (const owner of [model, opt, ids, targets]) owner[Symbol.dispose]()
      },
    }
  },
})

export async function* run(options: BenchOptions): AsyncGenerator<Measurement> {
  const wanted = options.args.length ? options.args : shapes.map(s => s.name)
  const chosen = wanted.map(name => {
    const shape = shapes.find(s => s.name === name)
    if (!shape) throw new Error(`gpt-step: there is no '${name}'; there are ${shapes.map(s => s.name).join(' and ')}.`)
    return trainingOf(shape)
  })
  yield* stepBench(chosen, options)
}
