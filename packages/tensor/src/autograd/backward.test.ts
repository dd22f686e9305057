// Gradients: what backward leaves where, what it drops, what it refuses; gradients of gradients; functions to gradients.

import { describe, expect, test } from 'vitest'
import type { Node } from '../graph/node.ts'
import {
  checkpoint,
  grad,
  noGrad,
  realize,
  setDefaultDevice,
  step,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
  where,
  zeros,
} from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { countWork } from '../testing/work.ts'
import { gradients } from './backward.ts'

const leaf = (values: number | number[]): Tensor => tensor(values, { requiresGrad: true })
const values = (x: Tensor): Promise<number[]> => x.numbers()

describe('backward', () => {
  onEachDevice('gradients of a small composition', async () => {
    const w = tensor([[1, 2], [3, 4]], { requiresGrad: true }) // biome-ignore format: a matrix
    const x = tensor([[1, -1], [0.5, 2]]) // biome-ignore format: a matrix
    const y = x.matmul(w).relu()
    const loss = y.mul(y).sum()
    loss.backward()
    expect(await loss.item()).toBeCloseTo(6.5 ** 2 + 9 ** 2)
    expect(await w.grad!.toArray()).toEqual([[6.5, 9], [26, 36]]) // biome-ignore format: a matrix
  })

  onEachDevice('adds to the gradient until zeroGrad, then starts again in the same memory', async () => {
    const w = leaf([1, 2])
    expect(w.grad).toBeUndefined()
    w.mul(3).sum().backward()
    const g = w.grad!
    w.mul(4).sum().backward()
    expect(w.grad).toBe(g)
    expect(await values(g)).toEqual([7, 7])
    w.mul(1).sum().backward()
    expect(await values(g)).toEqual([8, 8])
    w.zeroGrad()
    expect(w.grad).toBeUndefined()
    w.mul(5).sum().backward()
    expect(w.grad).toBe(g)
    expect(await values(w.grad!)).toEqual([5, 5])
  })

  onEachDevice('zeroGrad drops gradients that are pending', async device => {
    const w = leaf([1, 2])
    const before = await countWork(device, () => realize())
    w.exp().sum().backward()
    w.zeroGrad()
    const work = await countWork(device, () => realize())
    expect(before.values).toBe(0)
    expect(work.values, 'only the kept root is computed').toBeLessThanOrEqual(4)
    w.mul(2).sum().backward()
    expect(await values(w.grad!)).toEqual([2, 2])
  })

  onEachDevice('zeroGrad between accumulations drops all of them', async () => {
    const w = leaf(1)
    w.mul(2).backward()
    w.mul(3).backward()
    w.zeroGrad()
    w.mul(5).backward()
    expect(await values(w.grad!)).toEqual([5])
  })

  onEachDevice('a gradient that was dropped still serves who read it', async () => {
    const w = leaf(2)
    w.mul(w).backward()
    const double = w.grad!.mul(2)
    const kept = w.grad!.clone()
    w.zeroGrad()
    expect(await values(double)).toEqual([8])
    expect(await values(kept)).toEqual([4])
  })

  onEachDevice('a value used twice, a diamond, a chain that is long', async () => {
    const x = leaf(3)
    x.mul(x).add(x).backward()
    expect(await values(x.grad!)).toEqual([7])
    const y = leaf(2)
    const a = y.mul(3)
    a.mul(a.add(1)).add(a).backward()
    expect(await values(y.grad!)).toEqual([(2 * 6 + 1 + 1) * 3])
  })

  onEachDevice(
    'through a chain of thousands',
    async () => {
      const z = leaf(1)
      let chain = z
      for (let i = 0; i < 3000; i++) chain = chain.add(z)
      chain.backward()
      expect(await values(z.grad!)).toEqual([3001])
    },
    { on: ['reference', 'wasm'] },
  )

  onEachDevice('a leaf can be its own root', async () => {
    const x = leaf(3)
    x.backward()
    expect(await values(x.grad!)).toEqual([1])
    x.backward()
    expect(await values(x.grad!)).toEqual([2])
  })

  onEachDevice('a root with a gradient of its own', async () => {
    const x = leaf([1, 2, 3])
    x.mul(x).backward({ gradient: tensor([1, 0, -1]) })
    expect(await values(x.grad!)).toEqual([2, 0, -6])
    const one = leaf([2])
    one.mul(one).backward()
    expect(await values(one.grad!)).toEqual([4])
  })

  onEachDevice('detach, noGrad, frozen leaves and integer paths stop it', async () => {
    const [x, y, frozen] = [leaf(2), leaf(3), leaf(5)]
    frozen.requiresGrad = false
    const constant = noGrad(() => x.mul(10))
    x.detach().mul(y).add(constant).add(frozen.mul(y)).add(x.floor().to('i32')).backward()
    expect(x.grad).toBeUndefined()
    expect(frozen.grad).toBeUndefined()
    expect(await values(y.grad!)).toEqual([7])
  })

  onEachDevice('a gradient that is exactly zero is a gradient', async () => {
    const x = leaf([1, -1])
    where(tensor([false, false]), x, 0)
      .sum()
      .backward()
    expect(await values(x.grad!)).toEqual([0, 0])
  })

  onEachDevice('only the inputs that are named', async () => {
    const [x, y] = [leaf(2), leaf(3)]
    x.mul(y).backward({ inputs: [x] })
    expect(await values(x.grad!)).toEqual([3])
    expect(y.grad).toBeUndefined()
  })

  onEachDevice('a second backward needs retainGraph', async () => {
    const x = leaf(3)
    const loss = x.mul(x)
    loss.backward({ retainGraph: true })
    await realize()
    loss.backward()
    expect(await values(x.grad!)).toEqual([12])
    expect(() => loss.backward()).toThrow(
      /^backward: the graph was already executed and released; pass \{ retainGraph: true \}/,
    )
    expect(() => grad(loss, [x])).toThrow(/released/)
    expect(await loss.item()).toBe(9)
  })

  onEachDevice('two losses on one trunk', async () => {
    const x = leaf(3)
    const trunk = x.mul(x)
    const [a, b] = [trunk.mul(2), trunk.mul(5)]
    a.backward()
    b.backward()
    expect(await values(x.grad!)).toEqual([42])
    expect([await a.item(), await b.item()]).toEqual([18, 45])
  })

  onEachDevice('two losses on one trunk, with a run between', async () => {
    const x = leaf(3)
    const trunk = x.mul(x)
    const [a, b] = [trunk.mul(2), trunk.mul(5)]
    a.backward()
    expect(await values(x.grad!)).toEqual([12])
    b.backward()
    expect(await values(x.grad!)).toEqual([42])
  })

  onEachDevice('a second loss on a trunk whose weights have moved says so', async () => {
    const x = leaf(3)
    const trunk = x.mul(x)
    const [a, b] = [trunk.mul(2), trunk.mul(5)]
    a.backward()
    x.assign(x.sub(x.grad!.mul(0.1)))
    await step([x])
    b.backward()
    await expect(values(x.grad!)).rejects.toThrow(/has moved on; call \.keep\(\)/)
  })

  onEachDevice('an exception between backward and step: zeroGrad forgets, without it gradients add up', async () => {
    const x = leaf(3)
    const attempt = (fail: boolean): void => {
      x.mul(x).backward()
      if (fail) throw new Error('between')
    }
    expect(() => attempt(true)).toThrow('between')
    x.zeroGrad()
    attempt(false)
    expect(await values(x.grad!)).toEqual([6])
    x.zeroGrad()
    expect(() => attempt(true)).toThrow('between')
    attempt(false)
    expect(await values(x.grad!)).toEqual([12])
  })

  onEachDevice('losses that are kept hold no graph', async () => {
    const w = leaf(2)
    const losses: Tensor[] = []
    for (let i = 0; i < 3; i++) {
      const loss = w.mul(w)
      loss.backward()
      w.assign(w.sub(w.grad!.mul(0.25)))
      await step([w])
      w.zeroGrad()
      losses.push(loss)
    }
    for (const loss of losses) expect(loss.node.sources).toEqual([])
    expect(await Promise.all(losses.map(l => l.item()))).toEqual([4, 1, 0.25])
  })
})

describe('.grad as a place', () => {
  onEachDevice('p.grad = t replaces, undefined drops', async () => {
    const w = leaf([1, 2])
    w.grad = tensor([5, 6])
    expect(await values(w.grad!)).toEqual([5, 6])
    w.mul(2).sum().backward()
    expect(await values(w.grad!)).toEqual([7, 8])
    w.grad = w.grad!.mul(10)
    expect(await values(w.grad!)).toEqual([70, 80])
    w.grad = undefined
    expect(w.grad).toBeUndefined()
    w.mul(2).sum().backward()
    expect(await values(w.grad!)).toEqual([2, 2])
  })
  onEachDevice('what does not fit is an error', async () => {
    const w = leaf([1, 2])
    expect(() => (w.grad = tensor([1]))).toThrow(/^grad: the gradient has another shape: \[1\] for \[2\]/)
    expect(() => (w.grad = tensor([1, 2], { dtype: 'i32' }))).toThrow(
      /^grad: the gradient is i32, the tensor f32; convert with \.to\('f32'\)/,
    )
    expect(w.grad).toBeUndefined()
  })
  test('a gradient of another device is an error', () => {
    const w = tensor([1], { device: 'reference', requiresGrad: true })
    expect(() => (w.grad = tensor([1], { device: 'wasm' }))).toThrow(/^grad: tensors are on reference and wasm/)
  })
})

describe('errors of backward', () => {
  const on = { device: 'reference' } as const
  const w = (): Tensor => tensor([1, 2], { ...on, requiresGrad: true })
  const cases: [string, () => unknown, RegExp][] = [
    ['a root that is not one element', () => w().mul(2).backward(), /^backward: needs one element, or a gradient of the same shape; call sum\(\) or mean\(\) first \(shape \[2\]\)/],
    ['a gradient of another shape', () => w().mul(2).backward({ gradient: zeros([3], on) }), /^backward: the gradient has another shape: \[3\] for \[2\]/],
    ['a gradient of another dtype', () => w().mul(2).backward({ gradient: zeros([2], { ...on, dtype: 'f64' }) }), /^backward: the gradient is f64, the tensor f32; convert with \.to\('f32'\)/],
    ['nothing that requires a gradient', () => tensor(1, on).mul(2).backward(), /^backward: nothing it was computed from requires a gradient; set requiresGrad on what shall have one/],
    ['inputs that are computed', () => { const y = w().mul(2); y.sum().backward({ inputs: [y] }) }, /^backward: inputs must be leaves; use grad\(\)/],
    ['an input that is not used', () => grad(w().sum(), [w()]), /^grad: an input was not used to compute the root; leave it out \(shape \[2\]\)/],
    ['a function of many elements', () => grad((x: Tensor) => x.mul(2))(w()), /^grad: needs a function that returns one element \(shape \[2\]\)/],
    ['a computed tensor made constant', () => (w().mul(2).requiresGrad = false), /^requiresGrad: a computed tensor keeps its history; use detach\(\)/],
    ['a computed tensor made a leaf', () => (w().mul(2).requiresGrad = true), /detach\(\)/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
  test('an op without a derivative', async () => {
    await setDefaultDevice('reference')
    expect(w().bitcast('i32').requiresGrad).toBe(false)
  })
})

describe('gradients of gradients', () => {
  onEachDevice('grad of grad of grad', async () => {
    const f = (x: Tensor): Tensor => x.pow(4)
    const [first, second, third] = [grad(f), grad(grad(f)), grad(grad(grad(f)))]
    const x = tensor(2)
    expect(await first(x).item()).toBeCloseTo(32, 4)
    expect(await second(x).item()).toBeCloseTo(48, 4)
    expect(await third(x).item()).toBeCloseTo(48, 4)
  })
  onEachDevice('a penalty on the gradient', async () => {
    const w = leaf([1, -2])
    const x = tensor([3, 4])
    const out = w.mul(w).mul(x).sum()
    const [g] = grad(out, [w], { createGraph: true })
    out.add(g.square().sum()).backward()
    // out = sum w^2 x; |g|^2 = sum 4 w^2 x^2
    expect(await values(w.grad!)).toEqual([2 * 3 + 8 * 9, -2 * 2 * 4 - 8 * 2 * 16])
  })
  onEachDevice('without createGraph the result has no history', async () => {
    const w = leaf(3)
    const [g] = grad(w.mul(w), [w])
    expect(g.requiresGrad).toBe(false)
    expect(await g.item()).toBe(6)
    expect(w.grad).toBeUndefined()
  })
  onEachDevice('with respect to a computed tensor', async () => {
    const w = leaf(3)
    const y = w.mul(2)
    const [gy, gw] = grad(y.mul(y), [y, w])
    expect([await gy.item(), await gw.item()]).toEqual([12, 24])
  })
})

describe('functions to gradients', () => {
  onEachDevice('valueAndGrad and grad of the first of several arguments', async () => {
    const f = (x: Tensor, y: Tensor): Tensor => x.mul(y).exp().sum()
    const [v, g] = valueAndGrad(f)(tensor([0, 1]), tensor([3, 0.5]))
    expect(await v.item()).toBeCloseTo(1 + Math.exp(0.5), 5)
    expect(await values(g)).toEqual([3, expect.closeTo(0.5 * Math.exp(0.5), 5)])
    expect(await values(grad(f)(tensor([0, 1]), tensor([3, 0.5])))).toEqual(await values(g))
  })
  onEachDevice('vjp gives a gradient for each argument', async () => {
    const [out, pull] = vjp((x: Tensor, y: Tensor) => x.mul(y), tensor([1, 2]), tensor([3, 4]))
    expect(await values(out)).toEqual([3, 8])
    const [gx, gy] = pull(tensor([10, 1]))
    expect([await values(gx), await values(gy)]).toEqual([[30, 4], [10, 2]]) // biome-ignore format: pairs
  })
  onEachDevice('they leave .grad of captured leaves alone', async () => {
    const w = leaf(2)
    expect(await grad((x: Tensor) => x.mul(w))(tensor(5)).item()).toBe(2)
    expect(w.grad).toBeUndefined()
  })
  onEachDevice('a result that depends on nothing that requires a gradient has no history', async () => {
    const f = valueAndGrad((x: Tensor) => x.mul(x))
    let w = tensor(1)
    for (let i = 0; i < 5; i++) {
      const [v, g] = f(w)
      expect([v.requiresGrad, g.requiresGrad]).toEqual([false, false])
      w = w.sub(g.mul(0.25))
    }
    expect(await w.item()).toBe(1 / 32)
    expect(w.node.sources).toEqual([])
    const captured = leaf(3)
    const [v, g] = valueAndGrad((x: Tensor) => x.mul(x).mul(captured))(tensor(2))
    expect([v.requiresGrad, g.requiresGrad]).toEqual([true, true])
    g.backward()
    expect(await values(captured.grad!)).toEqual([4])
  })
})

onEachDevice('a gradient whose tensor was disposed is none, and the next backward makes another', async () => {
  const w = tensor([1, 2], { requiresGrad: true })
  for (let i = 0; i < 3; i++) {
    w.mul(w).sum().backward()
    expect(await w.grad!.numbers()).toEqual([2, 4])
    w.grad![Symbol.dispose]()
    expect(w.grad).toBeUndefined()
  }
})

test('leaves have their gradients in the order in which these are complete, whatever was written last', () => {
  const [a, b, c, x] = [1, 2, 3, 4].map(n => tensor([n], { requiresGrad: true }))
  const order = (): Node[] => {
    // a value beside the path that goes deepest, and a leaf that is used early and late
    const h = x.mul(a).add(b)
    const y = h.mul(checkpoint((u: Tensor) => u.mul(b).exp(), h.mul(c))).mul(a)
    return [...gradients([y], [y.onesLike()], null, false).keys()]
  }
  const wanted = [c, b, x, a]
  expect(order()).toEqual(wanted.map(t => t.storage!.head))
  b.assign(tensor([5]))
  x.assign(tensor([6]))
  expect(order()).toEqual(wanted.map(t => t.storage!.head))
})
