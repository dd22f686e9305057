// The execution rules for values: versions and swaps, what is kept and what is computed again, host buffers, checkpoints.

import { describe, expect, test } from 'vitest'
import {
  bytesInUse,
  fromBuffer,
  noGrad,
  randn,
  readAll,
  realize,
  setDefaultDevice,
  step,
  type Tensor,
  tensor,
  zeros,
} from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { countWork } from '../testing/work.ts'

const values = (x: Tensor): Promise<number[]> => x.numbers()

describe('versions', () => {
  onEachDevice('a += b; b += a', async () => {
    const [a, b] = [tensor([1, 10]), tensor([2, 20])]
    let [pa, pb] = [1, 2]
    for (let i = 0; i < 10; i++) {
      a.assign(a.add(b))
      b.assign(b.add(a))
      pa += pb
      pb += pa
    }
    await realize()
    expect(await values(a)).toEqual([pa, 10 * pa])
    expect(await values(b)).toEqual([pb, 10 * pb])
  })

  onEachDevice('a swap, and a cycle of three', async () => {
    const [a, b, c] = [tensor([1]), tensor([2]), tensor([3])]
    const old = a.detach()
    a.assign(b)
    b.assign(old)
    await realize()
    expect([await values(a), await values(b)]).toEqual([[2], [1]])
    const [a1, b1, c1] = [a.detach(), b.detach(), c.detach()]
    a.assign(b1)
    b.assign(c1)
    c.assign(a1)
    expect((await readAll([a, b, c])).map(v => v[0])).toEqual([1, 3, 2])
  })

  onEachDevice('a handle means the newest version, what was computed from it the old one', async () => {
    const a = tensor([1, 2])
    const view = a.slice([0, 1])
    const double = a.mul(2)
    const detached = a.detach()
    a.assign(a.add(100))
    expect((await readAll([a, view, double, detached])).map(v => [...v].map(Number))).toEqual([
      [101, 102],
      [1],
      [2, 4],
      [1, 2],
    ])
  })

  onEachDevice('what is computed from the old version in the kernel that overwrites it', async () => {
    const [a, b] = [tensor([1, 2, 3, 4]), tensor([10, 20, 30, 40])]
    const triple = a.mul(3)
    const half = a.add(b).mul(0.5)
    const next = triple.add(1)
    b.assign(next)
    expect((await readAll([triple, half, next, b])).map(v => [...v])).toEqual([
      [3, 6, 9, 12],
      [5.5, 11, 16.5, 22],
      [4, 7, 10, 13],
      [4, 7, 10, 13],
    ])
  })

  onEachDevice('a swap through one kernel', async () => {
    const [a, b] = [tensor([1, 2]), tensor([10, 20])]
    const [p, q] = [b.add(a), b.sub(a)]
    a.assign(p)
    b.assign(q)
    expect((await readAll([a, b])).map(v => [...v])).toEqual([[11, 22], [9, 18]]) // biome-ignore format: pairs
  })

  onEachDevice('an old version assigned across a cut of the queue', async () => {
    const [a, b] = [tensor([1]), tensor([0])]
    const old = a.detach()
    a.assign(a.add(1))
    a.assign(a.add(1))
    b.assign(old)
    expect((await readAll([a, b])).map(v => v[0])).toEqual([3, 1])
  })

  onEachDevice('an old version read across two cuts of the queue', async () => {
    const a = tensor([1])
    const old = a.detach()
    a.assign(a.add(1))
    const middle = a.mul(10)
    a.assign(a.add(1))
    expect((await readAll([old, middle, a])).map(v => v[0])).toEqual([1, 20, 3])
    await expect(middle.add(0).data()).resolves.toEqual(Float32Array.of(20))
    await expect(a.detach().data()).resolves.toEqual(Float32Array.of(3))
  })

  onEachDevice('clone is a snapshot of that version', async () => {
    const a = tensor([1])
    const before = a.clone()
    a.assign(5)
    const after = a.clone()
    a.assign(7)
    await realize()
    a.assign(9)
    await realize()
    expect([await values(before), await values(after), await values(a)]).toEqual([[1], [5], [9]])
  })

  onEachDevice('assigning a part of itself: in place where nothing reads the old version', async () => {
    const cache = zeros([4, 2])
    const before = cache.detach().keep()
    cache.assign(cache.setNarrow(0, 1, tensor([[1, 2]])))
    cache.assign(cache.setNarrow(0, tensor(3, { dtype: 'i32' }), tensor([[5, 6]])))
    expect(await cache.toArray()).toEqual([[0, 0], [1, 2], [0, 0], [5, 6]]) // biome-ignore format: a matrix
    cache.assign(cache.flip(0))
    expect(await cache.toArray()).toEqual([[5, 6], [0, 0], [1, 2], [0, 0]]) // biome-ignore format: a matrix
    expect(await values(before)).toEqual(new Array(8).fill(0))
  })

  onEachDevice('assign takes a number, and says what does not fit', async () => {
    const a = tensor([1, 2], { dtype: 'i32' })
    await expect(a.assign(7).toArray()).resolves.toEqual([7, 7])
    expect(() => a.assign(tensor([1], { dtype: 'i32' }))).toThrow(/^assign: .*\[1\] into \[2\]/)
    expect(() => a.assign(tensor([1, 2]))).toThrow(
      /^assign: the value is f32, the tensor i32; convert with \.to\('i32'\)/,
    )
    expect(() => a.assign(0.5)).toThrow(/0\.5 is not an integer/)
    expect(await values(a)).toEqual([7, 7])
  })

  onEachDevice('a computed tensor that is assigned becomes a storage; one with history does not', async () => {
    const x = tensor([1, 2]).mul(3)
    const before = x.add(0)
    x.assign(x.add(1))
    expect(await values(x)).toEqual([4, 7])
    expect(await values(before)).toEqual([3, 6])
    const w = tensor([1], { requiresGrad: true })
    expect(() => w.mul(2).assign(tensor([1]))).toThrow(/^assign: a computed tensor with gradient history.*detach\(\)/)
  })
})

describe('what is kept', () => {
  onEachDevice('a value needed by a second plan is computed again, and then kept', async device => {
    const x = tensor([1, 2, 3])
    const costly = x.exp().log().exp().log().exp().log()
    await costly.sum().data()
    expect(costly.node.alias).toBeNull()
    await costly.max().data()
    expect(costly.node.alias).not.toBeNull()
    const third = await countWork(device, async () => {
      const least = await costly.min().item()
      expect(least).toBeCloseTo(1)
    })
    expect(third.values).toBeLessThanOrEqual(4)
  })

  onEachDevice('what was read is not computed again', async device => {
    const y = tensor([1, 2, 3]).exp().sum()
    await y.item()
    const again = await countWork(device, () => y.item())
    expect(again).toEqual({ plans: 0, values: 0 })
  })

  onEachDevice('realize keeps what it is given', async () => {
    const w = tensor([1, 2])
    const y = w.mul(3)
    await realize(y)
    w.assign(0)
    await realize()
    expect(await values(y)).toEqual([3, 6])
  })

  onEachDevice('readAll is one execution', async device => {
    const x = tensor([1, 2])
    const [y, z] = [x.mul(2), x.mul(3)]
    const work = await countWork(device, async () => {
      expect((await readAll([y, z, x])).map(v => [...v])).toEqual([[2, 4], [3, 6], [1, 2]]) // biome-ignore format: a matrix
    })
    expect(work.plans).toBe(1)
    expect(await readAll([])).toEqual([])
  })

  onEachDevice('many readers at once get their own values', async () => {
    const x = tensor([1, 2, 3])
    const reads = Array.from({ length: 20 }, (_, i) => x.mul(i).sum().item())
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, (_, i) => 6 * i))
  })

  onEachDevice('a long chain without a read runs', async () => {
    let x = tensor([0])
    for (let i = 0; i < 3000; i++) x = x.add(1)
    expect(await values(x)).toEqual([3000])
  })

  onEachDevice('a loop of assigns without a read starts by itself', async () => {
    const x = tensor([0])
    for (let i = 0; i < 15_000; i++) x.assign(x.add(1))
    expect(await values(x)).toEqual([15_000])
  }, { on: ['reference', 'wasm'] }) // biome-ignore format: one option
})

describe('the host', () => {
  onEachDevice('a buffer overwritten after tensor(buf)', async () => {
    const buffer = Float32Array.of(1, 2)
    const sums: Promise<number>[] = []
    for (let i = 0; i < 4; i++) {
      buffer.set([i, 2 * i])
      sums.push(tensor(buffer).sum().item())
    }
    buffer.fill(-1)
    expect(await Promise.all(sums)).toEqual([0, 3, 6, 9])
  })

  onEachDevice('a borrowed buffer is free after it was used', async () => {
    const buffer = Float32Array.of(1, 2)
    const x = fromBuffer(buffer, [2])
    await x.mul(2).data()
    buffer.fill(9)
    expect(await values(x)).toEqual([1, 2])
  })

  onEachDevice('a checkpoint is fixed at the call while steps go on', async () => {
    const [w, m] = [tensor([1, 2], { requiresGrad: true }), zeros([2])]
    const advance = async (): Promise<void> => {
      w.mul(w).sum().backward()
      m.assign(m.add(1))
      w.assign(w.sub(w.grad!.mul(0.25)))
      await step([w])
      w.zeroGrad()
    }
    await advance()
    const saving = readAll([w, m])
    await advance()
    await advance()
    expect((await saving).map(v => [...v])).toEqual([[0.5, 1], [1, 1]]) // biome-ignore format: a matrix
    expect([await values(w), await values(m)]).toEqual([[0.125, 0.25], [3, 3]]) // biome-ignore format: a matrix
  })

  onEachDevice('a checkpoint taken between backward and step has the old weights', async () => {
    const w = tensor([1, 2], { requiresGrad: true })
    w.mul(w).sum().backward()
    const saving = readAll([w])
    w.assign(w.sub(w.grad!.mul(0.25)))
    await step([w])
    expect([...(await saving)[0]]).toEqual([1, 2])
    expect(await values(w)).toEqual([0.5, 1])
  })
})

describe('memory', () => {
  onEachDevice('a disposed model frees its bytes, and another one loads', async device => {
    const build = (): Tensor[] => [randn([32, 32], { requiresGrad: true }), zeros([32], { requiresGrad: true })]
    const run = async (model: readonly Tensor[]): Promise<number> => {
      const loss = zeros([4, 32]).add(1).matmul(model[0]).add(model[1]).square().sum()
      loss.backward()
      await step(model)
      return loss.item()
    }
    const before = bytesInUse(device)
    const first = build()
    await run(first)
    const loaded = bytesInUse(device)
    expect(loaded).toBeGreaterThan(before)
    const computed = first[0].mul(2)
    for (const p of first) p[Symbol.dispose]()
    expect(bytesInUse(device)).toBeLessThan(loaded - 2 * 32 * 32 * 4)
    await expect(first[0].data()).rejects.toThrow(/storage \d+.* was disposed/)
    await expect(computed.data()).rejects.toThrow(/^mul: reads storage \d+, which was disposed/)
    expect(() => first[0].assign(0)).toThrow(/^assign: storage \d+ was disposed/)
    expect(first[0].grad).toBeUndefined()
    expect(await run(build())).toBeGreaterThan(0)
  })

  onEachDevice('disposing twice, and a value that was read', async device => {
    const x = tensor([1]).mul(2)
    await x.data()
    const before = bytesInUse(device)
    x[Symbol.dispose]()
    x[Symbol.dispose]()
    expect(bytesInUse(device)).toBeLessThan(before)
    await expect(x.data()).rejects.toThrow(/disposed/)
  })

  onEachDevice('what is queued for a storage runs before it is disposed', async () => {
    const [a, b] = [tensor([1]), tensor([0])]
    b.assign(a.add(1))
    a[Symbol.dispose]()
    expect(await values(b)).toEqual([2])
  })

  onEachDevice('`using` frees at the end of the block', async () => {
    let escaped: Tensor
    {
      using x = tensor([1])
      await x.add(0).data()
      escaped = x
    }
    await expect(escaped.data()).rejects.toThrow(/disposed/)
  })
})

describe('scopes and devices', () => {
  test('noGrad refuses a Promise, and the state is what it was', async () => {
    await setDefaultDevice('reference')
    const w = tensor([1], { requiresGrad: true })
    expect(() => noGrad(async () => w.mul(2))).toThrow(/^noGrad: the callback returned a Promise/)
    expect(w.mul(2).requiresGrad).toBe(true)
    expect(() => noGrad(() => { throw new Error('inside') })).toThrow('inside') // biome-ignore format: one line
    expect(w.mul(2).requiresGrad).toBe(true)
  })
  test('noGrad refuses other thenables', async () => {
    await setDefaultDevice('reference')
    // biome-ignore lint/suspicious/noThenProperty: what the scope has to notice
    expect(() => noGrad(() => ({ then: (f: () => void) => f() }))).toThrow(/^noGrad: the callback returned a Promise/)
  })
  test('realize without arguments resolves when nothing is queued', async () => {
    await setDefaultDevice('reference')
    await realize()
    await step([])
  })
})
