// A step whose graph is that of the last one, and everything that must make it another: options, state, gradients, conditions, a rule of one's own.

import { defaultDevice, jit, statistics, type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { expectClose } from '../testing.ts'
import { Adam8bit, AdamW, type GroupOptions, Optimizer, SGD, type Update, type Updated } from './index.ts'

const parameter = (...values: number[]): Tensor => tensor(values, { requiresGrad: true })
const built = (): number => statistics(defaultDevice()).nodesBuilt

/** AdamW by hand, with options that may change from step to step. */
class Plain {
  p: number[]
  m: number[]
  v: number[]
  t = 0
  constructor(p: number[]) {
    this.p = p
    this.m = p.map(() => 0)
    this.v = p.map(() => 0)
  }
  step(g: readonly number[], lr: number, [b1, b2]: readonly [number, number], decay: number, eps = 1e-8): void {
    this.t++
    this.m = this.m.map((m, i) => m * b1 + g[i] * (1 - b1))
    this.v = this.v.map((v, i) => v * b2 + g[i] ** 2 * (1 - b2))
    const [c1, c2] = [1 - b1 ** this.t, 1 - b2 ** this.t]
    this.p = this.p.map((p, i) => p * (1 - lr * decay) - ((lr / c1) * this.m[i]) / (Math.sqrt(this.v[i] / c2) + eps))
  }
}

onEachDevice('options that move between steps, in place or not, count from the next step on', async () => {
  const p = parameter(1, -2, 3)
  const opt = new AdamW([p], { lr: 0.1, betas: [0.9, 0.99], weightDecay: 0.1 })
  const plain = new Plain([1, -2, 3])
  const [group] = opt.groups
  for (let i = 0; i < 12; i++) {
    group.lr = 0.1 / (i + 1)
    if (i === 3) group.betas = [0.8, 0.99]
    if (i === 5) (group.betas as [number, number])[1] = 0.9
    if (i === 7) group.weightDecay = 0
    if (i === 9) group.eps = 0.5
    p.grad = tensor([i, 1, -i])
    await opt.step()
    plain.step([i, 1, -i], group.lr, group.betas as [number, number], group.weightDecay!, group.eps)
    await expectClose(p, plain.p, 1e-5)
  }
})

onEachDevice('a step like the last one makes a node for each value it writes, and a few', async () => {
  const params = [parameter(1, 2), parameter(3, 4, 5)]
  const opt = new AdamW(params, { lr: 0.1 })
  const nodes = async (): Promise<number> => {
    for (const p of params) p.grad = p.detach().mul(2)
    const before = built()
    await opt.step()
    return built() - before
  }
  expect(await nodes()).toBeGreaterThan(40)
  // the call, the step count, three values each, and the two live numbers of each
  for (let i = 0; i < 3; i++) expect(await nodes()).toBeLessThanOrEqual(1 + 1 + 2 * 3 + 2 * 2)
})

onEachDevice('parameters without a gradient stay, whichever they are this time', async () => {
  const [a, b] = [parameter(1, 2), parameter(3, 4)]
  const opt = new SGD([a, b], { lr: 1, momentum: 0.5 })
  const wanted = [
    [1, 2],
    [3, 4],
  ]
  const momentum = [0, 0]
  for (const which of [[0, 1], [0, 1], [0], [0], [1], [0, 1], [0, 1]]) {
    opt.zeroGrad()
    for (const i of which) {
      ;[a, b][i].grad = tensor([1, 1])
      momentum[i] = momentum[i] * 0.5 + 1
      wanted[i] = wanted[i].map(v => v - momentum[i])
    }
    await opt.step()
    expect([await a.numbers(), await b.numbers()]).toEqual(wanted)
  }
})

onEachDevice('parameters that change groups have the options of the group that they are in', async () => {
  const [a, b] = [parameter(1), parameter(1)]
  const opt = new SGD([{ params: [a] }, { params: [b], lr: 0.25 }], { lr: 1 })
  const step = async (): Promise<void> => {
    for (const p of [a, b]) p.grad = tensor([1])
    await opt.step()
  }
  await step()
  await step()
  const [one, other] = opt.groups
  ;[one.params, other.params] = [other.params, one.params]
  await step()
  one.params.push(other.params.pop()!)
  await step()
  expect([await a.item(), await b.item()]).toEqual([1 - 2 - 0.25 - 1, 1 - 0.5 - 1 - 1])
})

onEachDevice('a group that is added steps from then on, and by its own rate, plain and inside of jit', async () => {
  for (const jitted of [false, true]) {
    const [a, b] = [parameter(1), parameter(1)]
    const opt = new SGD([a], { lr: 1 })
    const train = (x: Tensor): void => {
      for (const p of [a, b]) p.zeroGrad()
      a.add(b).mul(x).sum().backward()
      opt.step()
    }
    const step = jitted ? jit(train) : train
    const steps = (count: number): void => {
      for (let i = 0; i < count; i++) step(tensor([1]))
    }
    steps(5)
    opt.groups.push({ ...opt.groups[0], params: [b], lr: 0.5 })
    steps(4)
    opt.groups[1].lr = 0.25
    steps(4)
    expect([await a.item(), await b.item()]).toEqual([1 - 13, 1 - 2 - 1])
  }
})

onEachDevice('a condition is that of this step', async () => {
  const p = parameter(1)
  const opt = new SGD([p], { lr: 1 })
  let wanted = 1
  for (const happens of [true, true, false, true, false, false, true]) {
    p.grad = tensor([1])
    await opt.step({ when: tensor(happens ? 1 : 0).gt(0) })
    if (happens) wanted--
    expect(await p.numbers()).toEqual([wanted])
  }
  p.grad = tensor([1])
  await opt.step()
  expect(await p.numbers()).toEqual([wanted - 1])
})

onEachDevice('a condition that is none is an error, at any step, and changes nothing', async () => {
  const p = parameter(1)
  const opt = new SGD([p], { lr: 1 })
  const step = async (when: Tensor): Promise<void> => {
    p.grad = tensor([1])
    await opt.step({ when })
  }
  const wrong = async (): Promise<void> => {
    for (const when of [tensor(1), tensor([true])])
      await expect(async () => step(when)).rejects.toThrow(/^step: when is a 0-d bool tensor/)
  }
  await wrong()
  for (let i = 0; i < 3; i++) await step(tensor(true))
  await wrong()
  expect(await p.item()).toBe(-2)
})

onEachDevice('options that are written in place are those of one optimizer', async () => {
  const betas = (): number[] => new Adam8bit([parameter(1)]).groups[0].betas as unknown as number[]
  betas()[0] = 0.5
  expect(betas()[0]).toBe(0.9)
})

onEachDevice('state that was loaded, and an optimizer that was disposed and goes on', async () => {
  const [p, q] = [parameter(1, -2, 3), parameter(1, -2, 3)]
  const [one, other] = [new AdamW([p], { lr: 0.1 }), new AdamW([q], { lr: 0.1 })]
  const step = async (opt: AdamW, t: Tensor): Promise<void> => {
    t.grad = t.detach().mul(t.detach())
    await opt.step()
  }
  for (let i = 0; i < 3; i++) await step(one, p)
  await step(other, q)
  q.assign(p.detach())
  other.loadStateDict(one.stateDict())
  for (let i = 0; i < 3; i++) {
    await step(one, p)
    await step(other, q)
    expect(await q.numbers()).toEqual(await p.numbers())
  }
})

class Halving extends Optimizer<GroupOptions> {
  #calls = 0
  protected override slots(): Record<string, number> {
    return {}
  }
  protected override update({ p, g }: Update<GroupOptions>): Updated {
    return { p: p.sub(g.mul(0.5 ** ++this.#calls)) }
  }
}
class Doubled extends SGD {
  #calls = 0
  protected override update(update: Update<GroupOptions>): Updated {
    return super.update({ ...update, g: update.g.mul(++this.#calls) })
  }
}

onEachDevice('a rule of one’s own is asked at each step, also one that extends a rule which repeats', async () => {
  const [p, q] = [parameter(8), parameter(100)]
  const [halving, doubled] = [new Halving([p], { lr: 1 }), new Doubled([q], { lr: 1 })]
  let [wanted, more] = [8, 100]
  for (let i = 1; i <= 4; i++) {
    p.grad = tensor([1])
    q.grad = tensor([1])
    await halving.step()
    await doubled.step()
    wanted -= 0.5 ** i
    more -= i
    expect([await p.item(), await q.item()]).toEqual([wanted, more])
  }
})
