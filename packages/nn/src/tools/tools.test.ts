// Hooks, freezing by name, the summary, and tied weights through a file.

import { type Tensor, zeros } from '@cairn/tensor'
import { loadSafetensors, saveSafetensors } from '@cairn/tensor/interop'
import { expect, test } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose, sample } from '../../testing.ts'
import {
  Conv2d,
  Flatten,
  freeze,
  Linear,
  Module,
  MultiheadAttention,
  ReLU,
  registerBackwardHook,
  registerForwardHook,
  registerForwardPreHook,
  Sequential,
  summary,
  unfreeze,
} from '../index.ts'

onEachDevice('hooks see and change what goes in, what comes out, and the gradient', async () => {
  const layer = new Linear(2, 2)
  const x = sample([3, 2])
  const plain = await layer.forward(x).numbers()
  const seen: Tensor[] = []
  const off = [
    registerForwardPreHook(layer, (_, [given]) => [(given as Tensor).mul(2)]),
    registerForwardHook(layer, (_, __, y) => {
      seen.push(y as Tensor)
      return (y as Tensor).neg()
    }),
    registerBackwardHook(layer, (_, g) => g.mul(10)),
  ]
  const bias = await layer.bias!.numbers()
  const hooked = layer.forward(x)
  await expectClose(
    hooked,
    plain.map((v, i) => -(2 * (v - bias[i % 2]) + bias[i % 2])),
  )
  expect(seen.length).toBe(1)
  hooked.sum().backward()
  await expectClose(layer.bias!.grad!, [-30, -30])
  expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias'])
  for (const take of off) take()
  expect(Object.getOwnPropertyNames(layer)).not.toContain('forward')
  await expectClose(layer.forward(x), plain)
})

class Tied extends Module {
  first = new Linear(3, 3)
  body = new Sequential(new Linear(3, 3), new ReLU())
  last = new Linear(3, 3)
  constructor() {
    super()
    this.last.weight = this.first.weight
  }
}

test('freeze and unfreeze by pattern', () => {
  const model = new Tied()
  expect(freeze(model, 'body.*')).toEqual(['body.0.weight', 'body.0.bias'])
  expect(model.namedParameters().filter(([, p]) => !p.requiresGrad).length).toBe(2)
  expect(unfreeze(model, [/weight$/])).toEqual(['first.weight', 'body.0.weight'])
  expect(model.body[0].parameters().map(p => p.requiresGrad)).toEqual([true, false])
  expect(() => freeze(model, 'head.*')).toThrow('no parameter of Tied fits head.*')
})

onEachDevice('tied tensors are saved once, and stay tied when they are loaded', async () => {
  const [model, other] = [new Tied(), new Tied()]
  expect(model.tiedNames()).toEqual([['first.weight', 'last.weight']])
  const state = model.stateDict({ tied: 'first' })
  expect(state.has('last.weight')).toBe(false)
  expect(other.loadStateDict(loadSafetensors(await saveSafetensors(state))).missing).toEqual([])
  expect(other.last.weight).toBe(other.first.weight)
  await expectClose(other.last.weight, await model.first.weight.numbers(), 0)
})

test('partial loading reports what it left', () => {
  const model = new Sequential(new Linear(2, 3), new Linear(3, 4))
  const state = { '0.weight': zeros([3, 2]), '1.weight': zeros([5, 3]), extra: zeros([1]) }
  expect(() => model.loadStateDict(state)).toThrow('1.weight is [4, 3] here and [5, 3] there')
  expect(() => model.loadStateDict(state, { strict: false })).toThrow('other shapes')
  expect(String(model.loadStateDict(state, { partial: true }))).toBe(
    [
      'loaded: 1',
      'missing: 2',
      '  0.bias',
      '  1.bias',
      'unexpected: 1',
      '  extra',
      'other shapes: 1',
      '  1.weight is [4, 3] here and [5, 3] there',
    ].join('\n'),
  )
})

test('the summary counts shapes, parameters and operations, and leaves the model as it was', () => {
  const model = new Sequential(new Conv2d(1, 2, 3), new Flatten(), new Linear(8, 5, { bias: false }))
  freeze(model, '2.*')
  const found = summary(model, zeros([6, 1, 4, 4]))
  expect(found.rows.map(r => [r.name, r.type, r.shape, r.parameters, r.trainable])).toEqual([
    ['', 'Sequential', [6, 5], 60, 20],
    ['0', 'Conv2d', [6, 2, 2, 2], 20, 20],
    ['1', 'Flatten', [6, 8], 0, 0],
    ['2', 'Linear', [6, 5], 40, 0],
  ])
  // 2 * 9 products for each of 48 results, and a bias for each
  expect(found.rows[1].flops).toBe(48 * 18 + 48)
  expect(found.rows[3].flops).toBe(2 * 30 * 8)
  expect(found.flops).toBe(found.rows[1].flops + found.rows[3].flops)
  expect(found.bytes).toBe(240)
  expect(String(found)).toContain('0 (Conv2d)')
  expect(model.training).toBe(true)
  expect(Object.getOwnPropertyNames(model[0])).not.toContain('forward')
  const attention = new MultiheadAttention(8, 2)
  const { flops } = summary(attention, zeros([1, 4, 8]))
  // four projections, scores and their mix; biases and the scale come on top
  const products = 4 * 2 * 4 * 8 * 8 + 2 * (2 * 2 * 4 * 4 * 4)
  expect(flops).toBeGreaterThanOrEqual(products)
  expect(flops).toBeLessThan(products * 1.1)
})
