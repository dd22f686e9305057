import { noGrad, realize, type Tensor, tensor, zeros } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import {
  BatchNorm,
  buffer,
  Dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  Module,
  ModuleList,
  parameter,
  ReLU,
  Sequential,
  withoutInit,
} from './index.ts'

class Block extends Module {
  ln_1 = new LayerNorm(4)
  c_fc = new Linear(4, 4)
  drop = new Dropout(0.5)
  count = buffer(zeros([2]))
  seen: Tensor | null = null
  readonly #table = tensor([1, 2])
  forward(x: Tensor): Tensor {
    this.seen = this.c_fc.forward(this.ln_1.forward(x)).add(this.#table.sum())
    return this.drop.forward(this.seen)
  }
}
class Model extends Module {
  wte = new Embedding(5, 4)
  h = [new Block(), new Block()]
  head = new Linear(4, 5, { bias: false })
  constructor() {
    super()
    this.head.weight = this.wte.weight
  }
}

onEachDevice('parameters, buffers and children by the names of their fields', () => {
  const model = new Model()
  const block = ['ln_1.weight', 'ln_1.bias', 'c_fc.weight', 'c_fc.bias']
  const names = ['wte.weight', ...[0, 1].flatMap(i => block.map(name => `h.${i}.${name}`))]
  expect(model.namedParameters().map(([name]) => name)).toEqual(names)
  expect(model.namedBuffers().map(([name]) => name)).toEqual(['h.0.count', 'h.1.count'])
  expect(model.namedChildren().map(([name]) => name)).toEqual(['wte', 'h.0', 'h.1', 'head'])
  expect([...model.modules()].length).toBe(1 + 2 + 2 * 4)
  expect([...model.stateDict().keys()]).toContain('head.weight')
  expect(model.wte.weight.storage!.label).toBe('wte.weight')
})

onEachDevice('computed values and #private fields are not state', () => {
  const block = new Block()
  block.forward(zeros([1, 4]))
  expect([...block.stateDict().keys()]).toEqual(['ln_1.weight', 'ln_1.bias', 'c_fc.weight', 'c_fc.bias', 'count'])
})

onEachDevice('train, eval, freezing and apply reach every module', () => {
  const model = new Model()
  model.eval()
  expect([...model.modules()].some(m => m.training)).toBe(false)
  model.train()
  expect([...model.modules()].every(m => m.training)).toBe(true)
  model.setRequiresGrad(false)
  expect(model.parameters().length).toBe(9)
  expect(model.parameters().some(p => p.requiresGrad)).toBe(false)
  const order: string[] = []
  model.apply(m => order.push(m.constructor.name))
  expect(order.at(-1)).toBe('Model')
  expect(order[0]).toBe('Embedding')
})

onEachDevice('a state dict loads through the same tensors, converting dtypes', async () => {
  const from = new Model()
  const to = new Model()
  const weight = to.h[1].c_fc.weight
  from.h[0].count.assign(tensor([3, 4]))
  to.loadStateDict(from.stateDict())
  expect(await weight.toArray()).toEqual(await from.h[1].c_fc.weight.toArray())
  expect(await to.h[0].count.toArray()).toEqual([3, 4])
  const half = new Map([...from.stateDict()].map(([name, t]) => [name, t.detach().to('bf16')]))
  to.loadStateDict(half)
  expect(weight.dtype).toBe('f32')
  expect(await weight.toArray()).toEqual(await from.h[1].c_fc.weight.to('bf16').to('f32').toArray())
})

onEachDevice('a tied tensor may be in the file under one of its names', () => {
  const model = new Model()
  const state = model.stateDict()
  state.delete('head.weight')
  expect(model.loadStateDict(state).missing).toEqual([])
})

onEachDevice('a state dict that does not fit changes nothing and says why', async () => {
  const model = new Model()
  const before = await model.h[0].ln_1.weight!.toArray()
  const state = new Map(model.stateDict())
  state.set('h.0.ln_1.weight', tensor([1, 2, 3]))
  state.set('h.9.extra', tensor([1]))
  state.delete('h.1.c_fc.bias')
  expect(() => model.loadStateDict(state)).toThrow(
    'loadStateDict: missing h.1.c_fc.bias; unexpected h.9.extra; other shapes: h.0.ln_1.weight is [4] here and [3] there (module Model)',
  )
  expect(await model.h[0].ln_1.weight!.toArray()).toEqual(before)
  state.delete('h.0.ln_1.weight')
  expect(model.loadStateDict(state, { strict: false })).toMatchObject({
    missing: ['h.0.ln_1.weight', 'h.1.c_fc.bias'],
    unexpected: ['h.9.extra'],
  })
})

onEachDevice('to() converts and keeps ties, freezing and integer buffers', async () => {
  const model = new Model()
  model.h[0].c_fc.weight.requiresGrad = false
  model.to('bf16')
  expect(model.parameters().every(p => p.dtype === 'bf16')).toBe(true)
  expect(model.head.weight).toBe(model.wte.weight)
  expect(model.h[0].c_fc.weight.requiresGrad).toBe(false)
  expect(model.parameters().length).toBe(9)
  expect(new BatchNorm(2).to('bf16').num_batches_tracked!.dtype).toBe('i32')
})

onEachDevice('to another device: every tensor moves, parameters stay parameters, shared ones stay shared', async () => {
  const model = new BatchNorm(2)
  const other = model.weight!.device === 'wasm' ? 'reference' : 'wasm'
  const values = await model.weight!.numbers()
  expect(model.to(other)).toBe(model)
  for (const [name, t] of model.stateDict()) expect([name, t.device]).toEqual([name, other])
  expect(model.weight!.requiresGrad).toBe(true)
  expect(await model.weight!.numbers()).toEqual(values)
  const loss = model.weight!.mul(model.weight!).sum()
  loss.backward()
  expect(await model.weight!.grad!.numbers()).toEqual(values.map(v => 2 * v))
})

onEachDevice('lists and sequences are numbered', async () => {
  const net = new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1))
  expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias'])
  expect(net.forward(zeros([4, 2])).shape).toEqual([4, 1])
  const many = new ModuleList([new Linear(1, 1), new Linear(1, 1)])
  expect(many.length).toBe(2)
  expect(many.at(-1)).toBe([...many][1])
  expect(() => many.at(2)).toThrow('has no module 2')
})

onEachDevice('gradients reach every parameter once', async () => {
  const net = new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1))
  net
    .forward(tensor([[1, -1]]))
    .sum()
    .backward()
  expect(net.parameters().every(p => p.grad !== undefined)).toBe(true)
  net.zeroGrad()
  expect(net.parameters().some(p => p.grad !== undefined)).toBe(false)
})

onEachDevice('initial values have the fans they are named for', async () => {
  const spread = async (t: Tensor) => {
    const v = await t.numbers()
    return { std: Math.sqrt(v.reduce((s, x) => s + x * x, 0) / v.length), top: Math.max(...v.map(Math.abs)) }
  }
  const shape = [64, 100]
  expect((await spread(init.kaimingNormal(shape))).std).toBeCloseTo(Math.sqrt(2 / 100), 2)
  expect((await spread(init.xavierNormal(shape))).std).toBeCloseTo(Math.sqrt(2 / 164), 2)
  const linear = await spread(new Linear(100, 64).weight)
  expect(linear.top).toBeLessThanOrEqual(0.1)
  expect(linear.top).toBeGreaterThan(0.099)
  expect((await spread(init.kaimingUniform(shape, { slope: Math.sqrt(5) }))).top).toBeLessThanOrEqual(0.1)
  expect((await spread(withoutInit(() => new Linear(100, 64)).weight)).top).toBe(0)
})

onEachDevice('disposing frees what the module holds', async () => {
  const layer = new Linear(2, 2)
  layer
    .forward(zeros([1, 2]))
    .sum()
    .backward()
  await realize()
  layer[Symbol.dispose]()
  await expect(noGrad(() => layer.forward(zeros([1, 2]))).data()).rejects.toThrow('disposed')
})

onEachDevice('a frozen parameter is still a parameter', () => {
  const m = new (class extends Module {
    w = parameter(zeros([2]))
    v = tensor([1], { requiresGrad: true })
  })()
  expect(m.parameters().length).toBe(2)
  m.v.requiresGrad = false
  expect(m.parameters().length).toBe(2)
})
