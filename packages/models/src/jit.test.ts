// Training steps under jit against the same steps run plainly: 100 of them with everything that moves between steps, to the last bit.

import { BatchNorm, crossEntropy, Dropout, Linear, Module } from '@cairn/nn'
import { AdamW, clipGradNorm, linearWithWarmup, NAdam, SGD } from '@cairn/optim'
import { Generator, jit, manualSeed, realize, step, type Tensor, tensor } from '@cairn/tensor'
import { expect, vi } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'

class Net extends Module {
  fc1 = new Linear(6, 8)
  norm = new BatchNorm(8)
  drop = new Dropout(0.25)
  fc2 = new Linear(8, 3)
  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.drop.forward(this.norm.forward(this.fc1.forward(x)).relu()))
  }
}

type Wrap = <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R
const plain: Wrap = fn => fn

const batch = (generator: Generator, rows = 5): [Tensor, Tensor] => [
  tensor(
    Float32Array.from({ length: rows * 6 }, () => generator.uniform() - 0.5),
    [rows, 6],
  ),
  tensor(
    Int32Array.from({ length: rows }, () => generator.integer(3)),
    [rows],
  ),
]

async function state(model: Module): Promise<Record<string, number[]>> {
  const out: Record<string, number[]> = {}
  for (const [name, t] of model.stateDict()) out[name] = await t.numbers()
  return out
}

/** A run whose log must be the same with `jit` and without; `most` bounds how often the jitted functions themselves run. */
function sameRun(title: string, run: (wrap: Wrap) => Promise<unknown>, most: number): void {
  onEachDevice(title, async () => {
    let calls = 0
    const counting: Wrap = fn =>
      jit((...args: Parameters<typeof fn>) => {
        calls++
        return fn(...args)
      })
    const wanted = await run(plain)
    expect(await run(counting)).toEqual(wanted)
    expect(calls).toBeLessThanOrEqual(most)
  })
}

sameRun(
  'warmup, dropout, batch norm, clipping: 100 steps, then eval, then a layer replaced',
  async wrap => {
    manualSeed(1)
    const generator = new Generator(2)
    const model = new Net()
    const opt = new AdamW(model.parameters(), { lr: 1, weightDecay: 0.1 })
    const rate = linearWithWarmup({ lr: 0.05, warmup: 10, steps: 100 })
    const train = wrap((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      opt.zeroGrad()
      loss.backward()
      const norm = clipGradNorm(model.parameters(), 0.5)
      opt.step()
      return { loss, norm }
    })
    const predict = wrap((x: Tensor) => model.forward(x).softmax(-1))
    const log: unknown[] = []
    for (let i = 0; i < 100; i++) {
      opt.lr = rate(i)
      const { loss, norm } = train(...batch(generator))
      await step([loss])
      if (i % 10 === 9) log.push(await loss.item(), await norm.item())
      if (i % 25 === 24) {
        model.eval()
        for (let k = 0; k < 4; k++) log.push(await predict(batch(generator, 2)[0]).numbers())
        model.train()
      }
    }
    log.push(await state(model), await model.fc1.weight.grad!.numbers(), model.fc1.weight.node.leaf!.version)
    model.fc2 = new Linear(8, 3)
    const again = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    for (let i = 0; i < 6; i++) {
      const [x, y] = batch(generator)
      train(x, y)
      again.zeroGrad()
      crossEntropy(model.forward(x), y).backward()
      await again.step()
    }
    log.push(await state(model))
    return log
  },
  // the step: 3, with the new layer 3 (its gradient is there before, in between not); predict: 3
  12,
)

sameRun(
  'accumulation over calls, a scaler that skips, another optimizer: 100 steps',
  async wrap => {
    manualSeed(3)
    const generator = new Generator(4)
    const model = new Net()
    const opt = new NAdam(
      [
        { params: [model.fc1.weight, model.fc1.bias!], lr: 0.02 },
        { params: [model.fc2.weight, model.fc2.bias!, model.norm.weight!, model.norm.bias!], lr: 0.01 },
      ],
      { weightDecay: 0.01 },
    )
    let scale = tensor(8)
    const micro = wrap((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      loss.mul(scale).backward()
      return loss
    })
    const update = wrap((overflow: Tensor) => {
      const finite = overflow.eq(0)
      for (const p of model.parameters()) p.grad = p.grad!.div(scale)
      scale.assign(scale.mul(1.5).where(finite, scale.mul(0.5)))
      opt.step({ when: finite })
      opt.zeroGrad()
      return finite
    })
    const losses: number[] = []
    for (let i = 0; i < 100; i++) {
      opt.groups[0].lr = 0.02 / (1 + i)
      for (let k = 0; k < 3; k++) {
        const loss = micro(...batch(generator))
        if (k === 2) losses.push(await loss.item())
      }
      const finite = update(tensor(i % 7 === 3 ? 1 : 0))
      await step([finite])
    }
    await realize()
    const { tensors, settings } = opt.stateDict()
    const moments = await Promise.all([...tensors].map(async ([name, t]) => [name, await t.numbers()]))
    return [losses, await state(model), moments, settings, await scale.item(), (scale = tensor(1)).size]
  },
  // the first micro-batch writes gradients, the others add: 3 each and one for the first call; the update 3
  11,
)

sameRun(
  'a state that is loaded, a parameter that is frozen and thawed, a last batch that is smaller',
  async wrap => {
    manualSeed(5)
    const generator = new Generator(6)
    const model = new Net()
    const opt = new AdamW(model.parameters(), { lr: 0.01 })
    const train = wrap((model: Net, [x, y]: [Tensor, Tensor], weight: number) => {
      opt.zeroGrad()
      const loss = crossEntropy(model.forward(x), y).mul(weight)
      loss.backward()
      opt.step()
      return loss
    })
    const log: number[] = []
    let saved: ReturnType<typeof opt.stateDict> | null = null
    for (let i = 0; i < 60; i++) {
      if (i === 10) {
        const { tensors, settings } = opt.stateDict()
        saved = { settings, tensors: new Map([...tensors].map(([k, t]) => [k, t.clone().keep()])) }
      }
      if (i === 20) opt.loadStateDict(saved!)
      if (i === 30) model.fc1.setRequiresGrad(false)
      if (i === 40) model.fc1.setRequiresGrad(true)
      log.push(await train(model, batch(generator, i % 5 === 4 ? 3 : 5), 1 + i / 100).item())
    }
    return [log, await state(model)]
  },
  30,
)

onEachDevice('a number that a rule of its own reads from its group is a condition, never frozen', async () => {
  const spy = vi.fn()
  class Plain extends SGD {
    protected override update({ p, g, options }: Parameters<SGD['update']>[0]) {
      spy()
      return { p: p.sub(g.mul(options.lr)) }
    }
  }
  const run = async (wrap: Wrap) => {
    const w = tensor([1, 2], { requiresGrad: true })
    const opt = new Plain([w], { lr: 0.1 })
    const train = wrap(() => {
      opt.zeroGrad()
      w.mul(w).sum().backward()
      opt.step()
    })
    for (let i = 0; i < 12; i++) {
      opt.lr = i < 6 ? 0.1 : 0.05
      train()
      await realize()
    }
    return w.numbers()
  }
  const wanted = await run(plain)
  spy.mockClear()
  expect(await run(jit)).toEqual(wanted)
  expect(spy.mock.calls.length).toBe(5)
})
