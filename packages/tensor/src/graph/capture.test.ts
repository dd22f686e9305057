// The key of a capture: what it tells apart, and that nodes come out of it as they went in.

import { expect, test } from 'vitest'
import { cat, manualSeed, rand, realize, statistics, type Tensor, zeros } from '../index.ts'
import { Capture } from './capture.ts'
import type { Node } from './node.ts'
import { sameKey } from './words.ts'

const held = (node: Node): Node => node.alias ?? node

function captureOf(root: Tensor) {
  const capture = new Capture(held)
  capture.walk(root.node)
  return capture.finish([])
}

const keyOf = (root: Tensor): Int32Array => captureOf(root).key

const leaf = (shape: readonly number[]): Tensor => zeros(shape, { device: 'reference' })

test('nodes come out as they went in, whatever attributes and however many sources they have', () => {
  const x = leaf([2, 3, 1])
  const parts = Array.from({ length: 1100 }, (_, i) => x.mul(i))
  const joined = cat(parts, 2).slice([0, 2], [null, null, -1], [5, 900, 7])
  const root = joined.pad([
    [0, 0],
    [1, 2],
    [3, 0],
  ])
  const captured = captureOf(root.sum([0, 2]).permute([0]).to('f64').to('f32'))
  const { nodes, sizes, order } = captured
  expect(nodes.length).toBe(order.length)
  const places = new Map(order.map((node, i) => [node, i]))
  nodes.forEach((node, i) => {
    const { op, sources, shape, attributes } = order[i]
    expect(node.op).toBe(op)
    expect(node.sources).toEqual(sources.map(s => places.get(held(s))))
    expect(sizes.slice(node.sizesAt, node.sizesAt + node.rank)).toEqual(shape)
    const own = attributes.sizes ?? []
    expect(sizes.slice(node.sizesAt + node.rank, node.sizesAt + node.rank + own.length)).toEqual(own)
  })
  expect(nodes.filter(n => n.op === 'scalar').map(n => n.leaf)).toEqual(parts.map((_, i) => i))
})

test('nodes of a capture that was held are read after their sources were dropped', () => {
  const inner = leaf([3]).exp()
  const captured = captureOf(inner.mul(2).sum())
  captured.hold()
  const sources = captured.nodes.map(n => n.sources)
  inner.node.sources = []
  captureOf(leaf([2]).mul(2))
  expect(captured.nodes.map(n => n.sources)).toEqual(sources)
})

test('a capture that was not held says so when another has written over it', () => {
  const captured = captureOf(leaf([3]).exp())
  captureOf(leaf([3]).exp())
  expect(() => captured.key).toThrow('written over')
})

test('keys tell structure apart and leave numbers and sizes out', () => {
  const x = leaf([4, 5, 6])
  const different: Tensor[] = [
    x.sum(0),
    x.sum(1),
    x.sum([0, 1]),
    x.max(0),
    x.to('f64').sum(0),
    x.permute([1, 0, 2]),
    x.permute([2, 0, 1]),
    x.slice([0, 2]),
    x.slice([0, 4, 2]),
    x.slice([0, 1]),
    x.add(x),
    x.add(leaf([4, 5, 6])),
    x.add(1),
    x.pad([
      [0, 0],
      [0, 0],
      [0, 1],
    ]),
    x.relu(),
  ]
  const keys = different.map(keyOf)
  keys.forEach((a, i) => {
    for (const b of keys.slice(0, i)) expect(sameKey(a, b)).toBe(false)
  })
  expect(sameKey(keyOf(x.add(1)), keyOf(x.add(2)))).toBe(true)
  expect(sameKey(keyOf(x.exp()), keyOf(leaf([7, 8, 9]).exp()))).toBe(true)
  expect(sameKey(keyOf(x.exp()), keyOf(leaf([7, 1, 9]).exp()))).toBe(false)
  expect(sameKey(keyOf(x.exp()), keyOf(leaf([7, 0, 9]).exp()))).toBe(false)
})

test('a plan is found again for the same structure and sizes, and compiled for others', async () => {
  manualSeed(1)
  const run = async (n: number): Promise<number> => {
    const x = rand([n, 3], { device: 'wasm' })
    await realize(x)
    const before = statistics('wasm').plansCompiled
    await realize(x.mul(2).sum(0))
    return statistics('wasm').plansCompiled - before
  }
  expect([await run(4), await run(4), await run(5), await run(5), await run(6)]).toEqual([1, 0, 1, 0, 0])
})

test('a 0-d value fills any shape, forward and back', async () => {
  for (const device of ['reference', 'wasm'] as const) {
    const x = rand([], { device })
    x.requiresGrad = true
    const y = x.mul(3).expand([2, 0, 4])
    expect(y.shape).toEqual([2, 0, 4])
    const z = x.mul(3).expand([2, 3])
    z.sum().backward()
    expect(await x.grad!.numbers()).toEqual([18])
    const [value] = await x.numbers()
    for (const n of await z.numbers()) expect(n).toBeCloseTo(3 * value, 5)
  }
})
