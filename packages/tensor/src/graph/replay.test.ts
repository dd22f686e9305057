// What a replay leaves: versions that have no leaf until somebody asks for one, of a device that works and of one that fails, and nothing that the garbage collector could not
// have.

import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { StaleError } from '../errors.ts'
import type { Tensor } from '../ops/methods.ts'
import { type FlakyDevice, flakyDevice } from '../testing/flaky.ts'
import { settle } from '../testing/settle.ts'
import { jit } from './jit.ts'
import { letGo } from './weak-table.ts'

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
process.on('unhandledRejection', note)
const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))
afterAll(async () => {
  await turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

let device: FlakyDevice
beforeEach(async () => {
  device = await flakyDevice()
})

/** w += x, u = 3w, and 2w is given; called until it is replayed: w is 1 + 4. */
function counter() {
  const [w, u] = [device.tensor([1]), device.tensor([0])]
  const fn = jit((x: Tensor) => {
    w.assign(w.add(x))
    u.assign(w.mul(3))
    return w.mul(2)
  })
  const one = device.tensor([1])
  for (let i = 0; i < 4; i++) fn(one)
  return { w, u, fn, one }
}

describe('versions', () => {
  test('a handle means the newest, what was computed before means the version before', async () => {
    const { w, u, fn, one } = counter()
    const [early, kept] = [w.mul(10), w.mul(100).keep()]
    fn(one)
    await expect(early.data()).rejects.toThrow(StaleError)
    await expect(early.data()).rejects.toThrow(/'?version read'?/)
    expect(await kept.numbers()).toEqual([500])
    expect([await w.numbers(), await u.numbers()]).toEqual([[6], [18]])
    const between = w.add(0)
    expect(await between.numbers()).toEqual([6])
    fn(one)
    fn(one)
    expect(await w.add(0).numbers()).toEqual([8])
  })

  test('what is queued from outside comes in between', async () => {
    const { w, u, fn, one } = counter()
    w.assign(w.mul(10))
    fn(one)
    u.assign(u.add(w))
    expect([await w.numbers(), await u.numbers()]).toEqual([[51], [204]])
    const given = fn(one)
    expect([await given.numbers(), await w.numbers(), await u.numbers()]).toEqual([[104], [52], [156]])
  })

  test('versions count as in a plain run', () => {
    const { w, fn, one } = counter()
    const before = w.node.leaf!.version
    for (let i = 0; i < 3; i++) fn(one)
    expect(w.node.leaf!.version).toBe(before + 3)
    const [a, b] = [w.node, w.node]
    expect(a).toBe(b)
  })
})

describe('failures', () => {
  test('under way: what it wrote rejects, asked for before or after it is known; until it is written again', async () => {
    const { w, u, fn, one } = counter()
    device.executor.mode = 'break'
    const given = fn(one)
    const early = w.add(0)
    const settled = await Promise.allSettled([given.data(), early.data(), u.data()])
    expect(settled.map(s => s.status)).toEqual(['rejected', 'rejected', 'rejected'])
    device.executor.mode = 'work'
    await expect(w.data()).rejects.toThrow('lost')
    await expect(w.add(0).data()).rejects.toThrow('lost')
    await expect(fn(one).data()).rejects.toThrow('lost')
    w.assign(device.tensor([7]))
    expect(await fn(one).numbers()).toEqual([16])
    expect(await u.numbers()).toEqual([24])
  })

  test('under way, unknown when the next were handed over: these reject, too', async () => {
    const { w, u, fn, one } = counter()
    device.executor.mode = 'break'
    fn(one)
    device.executor.mode = 'work'
    const later = [fn(one), fn(one)]
    const plain = w.mul(2).keep()
    const outcomes = await Promise.allSettled([...later, plain, w, u].map(t => t.data()))
    expect(outcomes.map(o => o.status)).toEqual(outcomes.map(() => 'rejected'))
  })

  test('what read nothing that failed is sound', async () => {
    const { fn: broken, one } = counter()
    const other = counter()
    device.executor.mode = 'break'
    const lost = broken(one)
    device.executor.mode = 'work'
    expect(await other.fn(other.one).numbers()).toEqual([12])
    await expect(lost.data()).rejects.toThrow('lost')
  })

  test.each(['refuse', 'full'] as const)('refused (%s): everything is as it was', async mode => {
    const { w, u, fn, one } = counter()
    const before = w.add(0)
    device.executor.mode = mode
    const given = fn(one)
    await expect(given.data()).rejects.toThrow(/refused|full/)
    device.executor.mode = 'work'
    expect([await before.numbers(), await w.numbers(), await u.numbers()]).toEqual([[5], [5], [15]])
    expect(await fn(one).numbers()).toEqual([12])
  })

  test('refused in its second piece: what both would have made is told, the first piece stands', async () => {
    const w = device.tensor([1])
    const { executor } = device
    const fn = jit((x: Tensor) => {
      w.assign(w.add(x))
      // the same storage again: another piece
      w.assign(w.mul(2))
      return w.add(0)
    })
    const one = device.tensor([1])
    for (let i = 0; i < 4; i++) fn(one) // 4, 10, 22, 46
    expect(await w.numbers()).toEqual([46])
    const { executed } = executor
    const run = executor.run.bind(executor)
    executor.run = (...args) => {
      if (executor.executed === executed + 1) executor.mode = 'refuse'
      return run(...args)
    }
    await expect(fn(one).data()).rejects.toThrow('refused')
    executor.run = run
    executor.mode = 'work'
    expect(await w.numbers()).toEqual([47])
    expect(await fn(one).numbers()).toEqual([96])
  })

  test('gradients of a refused replay are not there', async () => {
    const w = device.tensor([3], true)
    const fn = jit((x: Tensor) => {
      w.zeroGrad()
      const loss = w.mul(x).square().sum()
      loss.backward()
      return loss
    })
    const one = device.tensor([1])
    for (let i = 0; i < 4; i++) fn(one)
    expect(await w.grad!.numbers()).toEqual([6])
    device.executor.mode = 'refuse'
    await expect(fn(one).data()).rejects.toThrow('refused')
    device.executor.mode = 'work'
    expect(w.grad).toBeUndefined()
  })
})

describe('what is held', () => {
  test('neither arguments nor results, once a call is over', async () => {
    const { fn, one } = counter()
    const refs: WeakRef<object>[] = []
    const call = (): void => {
      const x = device.tensor([2])
      const y = fn(x)
      refs.push(new WeakRef(x.storage!), new WeakRef(y))
    }
    fn(one)
    call()
    await settle()
    expect(refs.map(r => r.deref())).toEqual([undefined, undefined])
  })

  test('what it captured until the collector has run, or memory is short', async () => {
    const captured = (): { ref: WeakRef<object>; fn: (x: Tensor) => Tensor } => {
      const holder: { w: Tensor | null } = { w: device.tensor([1]) }
      const fn = jit((x: Tensor) => x.add(holder.w!))
      const one = device.tensor([1])
      for (let i = 0; i < 5; i++) fn(one)
      const ref = new WeakRef(holder.w!.storage!)
      holder.w = null
      return { ref, fn }
    }
    const all = [captured(), captured()]
    await settle()
    expect(all.map(({ ref }) => ref.deref())).toEqual([undefined, undefined])
    const now = captured()
    letGo()
    await turn()
    await settle()
    expect(now.ref.deref()).toBeUndefined()
    expect(() => all[0].fn(device.tensor([1]))).toThrow()
  })
})
