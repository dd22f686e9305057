// An op as one node against the same ops as they are: values, derivatives of every order, and where it must not be taken for another.

import { describe, expect, test } from 'vitest'
import {
  checkpoint,
  composite,
  defaultDevice,
  grad,
  jit,
  jvp,
  randn,
  readAll,
  realize,
  statistics,
  type Tensor,
  tensor,
  vmap,
} from '../index.ts'
import { constantOf } from '../ops/build.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { settle } from '../testing/settle.ts'

const built = (): number => statistics(defaultDevice()).nodesBuilt
const close = { absolute: 1e-5, relative: 1e-4 }

/** (x - mean x) w, squashed: nodes of all kinds, one with a derivative of its own */
const plain = (x: Tensor, w: Tensor): Tensor =>
  x
    .sub(x.mean(-1, { keepDim: true }))
    .mul(w)
    .sigmoid()
    .mul(x.softmax(-1))
const squash = (x: Tensor, w: Tensor): Tensor => composite('squash', '', [x, w], plain)

const leaf = (values: number[], shape: number[]): Tensor => {
  const made = tensor(values).reshape(shape).detach()
  made.requiresGrad = true
  return made
}
const numbers = async (list: readonly Tensor[]): Promise<number[][]> =>
  (await readAll(list)).map(v => Array.from(v as Float32Array))

/** A program with two steps of a network, as a user writes it. */
type Op = (x: Tensor, w: Tensor) => Tensor
async function train(op: Op, from: ReturnType<typeof draw>): Promise<number[][]> {
  const x = leaf(from.many(12, -1, 1), [3, 4])
  const w = leaf(from.many(4, -1, 1), [4])
  const all: number[][] = []
  for (let i = 0; i < 3; i++) {
    const h = op(op(x, w).add(x), w)
    const loss = h.mul(h).sum()
    loss.backward()
    all.push(...(await numbers([loss, x.grad!, w.grad!])))
    x.assign(x.sub(x.grad!.mul(0.1)))
    if (i === 1) x.grad = undefined
  }
  return all
}

onEachDevice('a network of it is one of its ops, step by step', async () => {
  const seed = `composite ${Date.now() % 1e6}`
  const [mine, wanted] = [await train(squash, draw(seed)), await train(plain, draw(seed))]
  mine.forEach((values, i) => {
    expectClose(values, wanted[i], close, `${seed}, value ${i}`)
  })
})

onEachDevice('it is two nodes', async () => {
  const [x, w] = [await settled(randn([3, 4])), await settled(randn([4]))]
  squash(x, w)
  const before = built()
  squash(x, w)
  expect(built() - before).toBe(2)
})
const settled = async (x: Tensor): Promise<Tensor> => {
  x.own()
  await realize()
  return x
}

onEachDevice('forty shapes in turn are remembered', async () => {
  const w = await settled(randn([4]))
  for (let round = 0; round < 2; round++)
    for (let n = 1; n <= 40; n++) {
      const x = await settled(randn([n, 4]))
      const before = built()
      squash(x, w)
      if (round === 1) expect(built() - before, `${n} rows`).toBe(2)
    }
})

describe('derivatives', () => {
  const [xs, ws] = [
    [0.5, -1, 2, 0.1],
    [1, 2, -1, 0.3],
  ]
  onEachDevice('of a gradient, and through what stands before and behind', async () => {
    const second = async (op: Op): Promise<number[][]> => {
      const [x, w] = [leaf(xs, [4]), leaf(ws, [4])]
      const f = (x: Tensor): Tensor => op(x.mul(2), w).exp().sum()
      const y = f(x)
      const [slope] = [grad(f)(x)]
      y.add(slope.mul(slope).sum()).backward()
      return numbers([y, slope, x.grad!, w.grad!])
    }
    const [mine, wanted] = [await second(squash), await second(plain)]
    mine.forEach((values, i) => {
      expectClose(values, wanted[i], close, `value ${i}`)
    })
  })

  onEachDevice('of one that was made outside of a transform, whose value is there already', async () => {
    const after = async (op: Op): Promise<number[][]> => {
      const [x, w] = [leaf(xs, [4]), leaf(ws, [4])]
      const h = op(x, w).keep()
      await realize(h)
      h.mul(h).sum().backward({ retainGraph: true })
      const first = await numbers([x.grad!, w.grad!])
      h.sum().backward()
      return [...first, ...(await numbers([x.grad!, w.grad!, h]))]
    }
    const [mine, wanted] = [await after(squash), await after(plain)]
    mine.forEach((values, i) => {
      expectClose(values, wanted[i], close, `value ${i}`)
    })
  })

  onEachDevice('within vmap, jvp, jit and checkpoint', async () => {
    const all = async (op: Op): Promise<number[][]> => {
      const x = leaf([...xs, ...xs.map(v => v * 0.3)], [2, 4])
      const w = leaf(ws, [4])
      const each = vmap((row: Tensor) => grad((r: Tensor) => op(r, w).sum())(row))(x)
      const along = jvp((v: Tensor) => op(v, w), [x], [x])
      const jitted = jit((v: Tensor) => {
        const loss = checkpoint((u: Tensor) => op(op(u, w), w), v.mul(x)).sum()
        w.grad = undefined
        loss.backward()
        return loss
      })
      const values = await numbers([each, ...[along].flat().flat()])
      for (let i = 0; i < 5; i++) {
        const loss = jitted(tensor([[i + 1], [0.5]]))
        values.push(...(await numbers([loss, w.grad!])))
      }
      return values
    }
    const [mine, wanted] = [await all(squash), await all(plain)]
    mine.forEach((values, i) => {
      expectClose(values, wanted[i], close, `value ${i}`)
    })
  })
})

onEachDevice('shapes, dtypes and options are told apart; the same operand twice and constants are', async () => {
  const scaled = (x: Tensor, by: number): Tensor => composite('scaled', `${by}`, [x], x => x.add(1).mul(by))
  const x = tensor([1, 2, 3])
  expect(await scaled(x, 2).numbers()).toEqual([4, 6, 8])
  expect(await scaled(x, 3).numbers()).toEqual([6, 9, 12])
  expect(await scaled(tensor([[1], [2]]), 3).numbers()).toEqual([6, 9])
  expect((await scaled(tensor([1, 2], { dtype: 'i32' }), 3).numbers()) as number[]).toEqual([6, 9])
  const product = (a: Tensor, b: Tensor): Tensor => composite('product', '', [a, b], (a, b) => a.mul(b).add(a))
  expect(await product(x, tensor([2, 2, 2])).numbers()).toEqual([3, 6, 9])
  expect(await product(x, x).numbers()).toEqual([2, 6, 12])
  expect(await product(x, tensor([0, 1, 0])).numbers()).toEqual([1, 4, 3])
  const constant = (value: number): Tensor => constantOf(value, 'f32', x.engine)
  const [one, two] = [constant(1).expand([3]), constant(2).expand([3])]
  expect(await product(x, one).numbers()).toEqual([2, 4, 6])
  expect(await product(x, two).numbers()).toEqual([3, 6, 9])
  expect(await product(constant(1), constant(3)).numbers()).toEqual([4])
  expect(await product(constant(2), constant(3)).numbers()).toEqual([8])
})

onEachDevice('what takes anything but its operands is built each time', async () => {
  let outside = tensor([10])
  const from = (x: Tensor): Tensor => composite('from outside', '', [x], x => x.add(outside))
  expect(await from(tensor([1])).numbers()).toEqual([11])
  outside = tensor([20])
  expect(await from(tensor([1])).numbers()).toEqual([21])
  const noise = (x: Tensor): Tensor => composite('noise', '', [x], x => x.add(randn([4])))
  const x = tensor([0, 0, 0, 0])
  expect(await noise(x).numbers()).not.toEqual(await noise(x).numbers())
})

onEachDevice('one within another, and an error within', async () => {
  const inner = (x: Tensor): Tensor => composite('inner', '', [x], x => x.mul(2).add(1))
  const outer = (x: Tensor): Tensor => composite('outer', '', [x], x => inner(x).mul(inner(x.add(1))))
  const x = leaf([1, 2], [2])
  for (let i = 0; i < 3; i++) {
    x.grad = undefined
    const y = outer(x)
    y.sum().backward()
    expect(await numbers([y, x.grad!])).toEqual([
      [15, 35],
      [16, 24],
    ])
  }
  const bad = (x: Tensor): Tensor => composite('bad', '', [x], x => x.reshape([7]))
  expect(() => bad(x)).toThrow('reshape')
  expect(await outer(x).numbers()).toEqual([15, 35])
})

test('what it was first called with can be collected', async () => {
  const refs: WeakRef<object>[] = []
  const build = async (): Promise<void> => {
    const x = leaf([1, 2, 3, 4, 5], [5])
    const w = leaf([1, 2, 3, 4, 5], [5])
    const y = squash(x, w).sum()
    y.backward()
    await numbers([x.grad!, y])
    refs.push(new WeakRef(x), new WeakRef(w), new WeakRef(y))
  }
  await build()
  await settle()
  expect(refs.map(r => r.deref())).toEqual([undefined, undefined, undefined])
})

onEachDevice('a value that is read beside its pass is the same graph whether the pass is built or found', async () => {
  const [w, seen] = [leaf([0.5, -1, 2, 0.1], [4]), tensor([0, 0, 0, 0])]
  const step = jit((x: Tensor, way: 'first' | 'then') => {
    if (way === 'first') return x.mul(2)
    w.zeroGrad()
    const y = squash(x, w)
    seen.assign(seen.mul(0.5).add(y.detach().sum(0)))
    y.mul(y).sum().backward()
    return y
  })
  const x = tensor([[1, 2, 3, 4]])
  // a gradient that is there already, so that the first pass of this form is recorded
  w.mul(2).sum().backward()
  step(x, 'first')
  for (let i = 0; i < 5; i++) step(x, 'then')
  const [first] = await numbers([plain(x, w).sum(0)])
  expectClose(
    await seen.numbers(),
    first.map(v => v * (2 - 2 ** -4)),
    close,
    'seen',
  )
})
