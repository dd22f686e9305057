// What the queue promises when a device refuses, breaks or is slow: nothing half-done, each error where it belongs, back-pressure.

import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readAll, realize, step } from '../index.ts'
import type { Tensor } from '../tensor.ts'
import { type FlakyDevice, flakyDevice } from '../testing/flaky.ts'
import { Engine } from './engine.ts'
import { Storage } from './storage.ts'

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
process.on('unhandledRejection', note)
afterAll(async () => {
  await turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

/** Lets everything that is pending happen, macrotasks included. */
const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))
const values = (x: Tensor): Promise<number[]> => x.numbers()

let device: FlakyDevice
beforeEach(async () => {
  device = await flakyDevice()
})

/** Queues one step of plain descent on sum(w * w * scale) and returns its promise. */
function train(w: Tensor, scale = 1): { loss: Tensor; done: Promise<void> } {
  const loss = w.mul(w).mul(scale).sum()
  loss.backward()
  w.assign(w.sub(w.grad!.mul(0.25)))
  return { loss, done: step([w]) }
}

describe('a plan that is refused before it starts changes nothing', () => {
  test('the very step that is refused rejects', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'refuse'
    await expect(train(w).done).rejects.toThrow(/^compile: the kernel is refused/)
    device.executor.mode = 'work'
    await expect(step([w])).resolves.toBeUndefined()
  })

  test('the very step that finds no memory rejects, and the next one has its own luck', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'full'
    await expect(train(w).done).rejects.toThrow(/^allocate: the device is full \(bytes 1024\)/)
    device.executor.mode = 'work'
    expect(w.grad).toBeUndefined()
    await train(w).done
    expect(await values(w)).toEqual([2])
  })

  test('values and versions stay, and a smaller batch follows', async () => {
    const w = device.tensor([4], true)
    await train(w).done
    w.zeroGrad()
    expect(await values(w)).toEqual([2])
    device.executor.mode = 'refuse'
    await train(w).done.catch(() => {})
    device.executor.mode = 'work'
    expect(await values(w)).toEqual([2])
    w.zeroGrad()
    await train(w).done
    expect(await values(w)).toEqual([1])
    expect(await values(w.grad!)).toEqual([4])
  })

  test('a gradient that was never computed is not there, so the next backward does not add to it', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'refuse'
    await train(w).done.catch(() => {})
    expect(w.grad).toBeUndefined()
    device.executor.mode = 'work'
    await train(w).done
    expect(await values(w.grad!)).toEqual([8])
    expect(await values(w)).toEqual([2])
  })

  test('nor does the gradient of an earlier step come back', async () => {
    const w = device.tensor([4], true)
    await train(w).done
    w.zeroGrad()
    device.executor.mode = 'refuse'
    await train(w).done.catch(() => {})
    expect(w.grad).toBeUndefined()
    device.executor.mode = 'work'
    await train(w).done
    expect(await values(w.grad!)).toEqual([4])
  })

  test('a gradient that was added to keeps what it had', async () => {
    const w = device.tensor([4], true)
    w.mul(3).sum().backward()
    await step([w])
    w.mul(5).sum().backward()
    device.executor.mode = 'refuse'
    await step([w]).catch(() => {})
    device.executor.mode = 'work'
    expect(await values(w.grad!)).toEqual([3])
  })

  test('what it would have made rejects with the reason, or is computed later', async () => {
    const w = device.tensor([4], true)
    const kept = w.mul(10).keep()
    const made = w.detach().mul(2)
    made.requiresGrad = true
    device.executor.mode = 'refuse'
    const { loss, done } = train(w)
    await done.catch(() => {})
    await expect(values(made)).rejects.toThrow(/the kernel is refused/)
    await expect(values(made.mul(2))).rejects.toThrow(/the kernel is refused/)
    device.executor.mode = 'work'
    await expect(values(made)).rejects.toThrow(/the kernel is refused/)
    expect(await values(kept)).toEqual([40])
    expect(await loss.item()).toBe(16)
    made.assign(w)
    expect(await values(made)).toEqual([4])
  })

  test('a chain of pieces falls together, what does not depend on it runs', async () => {
    const [w, other] = [device.tensor([4], true), device.tensor([1])]
    w.mul(2).sum().backward()
    w.mul(3).sum().backward()
    other.assign(other.add(1))
    let calls = 0
    const { run } = device.executor
    device.executor.run = (...args) => {
      if (calls++ === 0) throw new Error('the first piece')
      return run.apply(device.executor, args)
    }
    await expect(step([w])).rejects.toThrow('the first piece')
    device.executor.run = run
    expect(w.grad).toBeUndefined()
    expect(await values(w)).toEqual([4])
  })

  test('a read that cannot be had rejects alone, and takes no effect with it', async () => {
    const [w, other] = [device.tensor([4]), device.tensor([1])]
    const lost = w.mul(2)
    w.assign(5)
    await step([w])
    other.assign(other.add(1))
    await expect(values(lost)).rejects.toThrow(/^mul: storage \d+ has moved on/)
    expect(await values(other)).toEqual([2])
    other.assign(other.add(1))
    await expect(readAll([other, lost])).rejects.toThrow(/has moved on/)
    expect(await values(other)).toEqual([3])
  })

  test('a read that is refused rejects alone', async () => {
    const w = device.tensor([4])
    device.executor.mode = 'refuse'
    await expect(values(w.mul(2))).rejects.toThrow(/the kernel is refused/)
    await expect(readAll([w.mul(2), w.mul(3)])).rejects.toThrow(/the kernel is refused/)
    expect(await values(w)).toEqual([4])
    device.executor.mode = 'work'
    expect(await values(w.mul(2))).toEqual([8])
  })
})

describe('a plan that fails under way poisons what it wrote', () => {
  test('later reads reject with the reason; assigning heals', async () => {
    const [w, other] = [device.tensor([4], true), device.tensor([7])]
    device.executor.mode = 'break'
    const { loss, done } = train(w)
    await done.catch(() => {})
    await turn()
    device.executor.mode = 'work'
    await expect(values(w)).rejects.toThrow(/^matmul: the device was lost/)
    await expect(values(w.add(1))).rejects.toThrow(/the device was lost/)
    await expect(values(w.grad!)).rejects.toThrow(/the device was lost/)
    await expect(loss.item()).rejects.toThrow(/the device was lost/)
    expect(await values(other)).toEqual([7])
    await expect(step([w])).rejects.toThrow(/the device was lost/)
    w.assign(device.tensor([1]))
    w.zeroGrad()
    expect(await values(w)).toEqual([1])
    await train(w).done
    expect(await values(w)).toEqual([0.5])
    expect(await values(w.grad!)).toEqual([2])
  })

  test('what was queued behind it before anybody knew rejects too', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'break'
    const { done } = train(w)
    device.executor.mode = 'work'
    const reads = [w, w.mul(2), w.grad!].map(x => values(x))
    const next = w.detach().add(1)
    next.requiresGrad = true
    const later = values(next)
    for (const read of [...reads, later]) await expect(read).rejects.toThrow(/the device was lost/)
    await done.catch(() => {})
    await expect(values(next.mul(2))).rejects.toThrow(/the device was lost/)
  })

  test('a value assigned behind it, before anybody knew, is whole', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'break'
    const { done } = train(w)
    device.executor.mode = 'work'
    w.assign(device.tensor([1]))
    const value = values(w)
    await done.catch(() => {})
    await turn()
    expect(await value).toEqual([1])
    expect(await values(w.mul(3))).toEqual([3])
  })

  test('a loop of steps learns of it at the latest two steps later', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'break'
    const outcomes: boolean[] = []
    for (let i = 0; i < 4; i++) {
      outcomes.push(
        await train(w).done.then(
          () => true,
          () => false,
        ),
      )
      device.executor.mode = 'work'
      w.zeroGrad()
    }
    expect(outcomes.slice(0, 3)).toContain(false)
    expect(outcomes[3]).toBe(false)
  })

  test('nobody has to listen', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'break'
    void train(w).done.catch(() => {})
    void values(w).catch(() => {})
    w.zeroGrad()
    w.mul(2).sum().backward()
    await turn()
    device.executor.mode = 'refuse'
    w.zeroGrad()
    w.mul(2).sum().backward()
    w[Symbol.dispose]()
    await turn()
    expect(unhandled).toEqual([])
  })
})

describe('order and time', () => {
  test('at most two plans are in flight', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'hold'
    let returned = 0
    const loop = (async () => {
      for (let i = 0; i < 4; i++) {
        await train(w).done
        returned++
        w.zeroGrad()
      }
    })()
    await turn()
    expect([device.executor.executed, returned]).toEqual([2, 1])
    device.executor.release()
    await turn()
    expect([device.executor.executed, returned]).toEqual([3, 2])
    device.executor.mode = 'work'
    for (let i = 0; i < 4; i++) device.executor.release()
    await loop
    expect(returned).toBe(4)
  })

  test('realize waits for values that a step has begun', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'hold'
    await train(w).done
    let realized = 0
    const waiting = realize(w).then(() => realized++)
    await turn()
    expect(realized).toBe(0)
    device.executor.mode = 'work'
    device.executor.release()
    await waiting
    expect(await values(w)).toEqual([2])
  })

  test('what needs no work ends after what was handed over before it', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'hold'
    const { loss, done } = train(w)
    await done
    loss.keep()
    const ended: string[] = []
    const first = device.engine.queue.realize([]).then(() => ended.push('first'))
    const second = device.engine.queue.realize([]).then(() => ended.push('second'))
    await turn()
    expect(ended).toEqual([])
    device.executor.mode = 'work'
    device.executor.release()
    await Promise.all([first, second])
    expect(await values(loss)).toEqual([16])
  })

  test('what reads a value that failed has failed, too, when both ends are seen at once', async () => {
    const w = device.tensor([4])
    device.executor.mode = 'together'
    w.assign(w.add(1))
    const first = step([w])
    w.assign(w.add(1))
    const second = step([w])
    await turn()
    device.executor.endTogether()
    const outcomes = await Promise.allSettled([first, second, realize(w)])
    expect(outcomes.some(o => o.status === 'rejected')).toBe(true)
    device.executor.mode = 'work'
    await expect(values(w)).rejects.toThrow('the device was lost')
    await expect(step([w])).rejects.toThrow('the device was lost')
  })

  test('realize tells that the plan of a value failed after it had begun', async () => {
    const w = device.tensor([4], true)
    device.executor.mode = 'break'
    const { done } = train(w)
    await expect(Promise.all([done, realize(w)])).rejects.toThrow(/^matmul: the device was lost/)
    await expect(realize(w)).rejects.toThrow(/^matmul: the device was lost/)
  })

  test('a loop of steps lets timers, input and finalizers run', async () => {
    const w = device.tensor([4], true)
    let ticks = 0
    const tick = (): void => {
      ticks++
      timer = setImmediate(tick)
    }
    let timer = setImmediate(tick)
    for (let i = 0; i < 10; i++) {
      await train(w).done
      w.zeroGrad()
    }
    clearImmediate(timer)
    expect(ticks).toBeGreaterThanOrEqual(5)
  })

  test('before the device is up, everything waits in order', async () => {
    device = await flakyDevice(false)
    const w = device.tensor([1])
    const first = values(w)
    w.assign(w.add(1))
    const second = values(w)
    const third = values(w.mul(10))
    w.assign(w.add(1))
    expect(await Promise.all([first, second, third, values(w)])).toEqual([[1], [2], [20], [3]])
  })

  test('a device that does not start says why, and may start later', async () => {
    let there = false
    const engine = new Engine('late', async () => {
      if (!there) throw new Error('no driver')
      return device.executor
    })
    const storage = new Storage(engine, [1], 'f32')
    storage.host = Float32Array.of(5)
    storage.settled = storage.head
    const { Tensor } = await import('../ops/methods.ts')
    const w = new Tensor(storage)
    await expect(values(w.mul(2))).rejects.toThrow('no driver')
    await expect(values(w)).rejects.toThrow('no driver')
    there = true
    expect(await values(w.mul(2))).toEqual([10])
  })

  test('each micro-batch is a piece of its own, and what was made before the loop another', async () => {
    const w = device.tensor([4]).mul(1)
    w.requiresGrad = true
    for (let i = 1; i <= 8; i++) w.mul(i).sum().backward()
    w.assign(w.sub(w.grad!))
    await step([w])
    expect(device.executor.executed).toBe(1 + 8)
    expect(await values(w)).toEqual([4 - 36])
    for (let i = 0; i < 3; i++) w.assign(w.add(1))
    await step([w])
    expect(device.executor.executed).toBe(1 + 8 + 3)
  })

  test('one loop is one kind of piece, however it is read', async () => {
    const w = device.tensor([4], true)
    const plans: number[] = []
    for (let i = 0; i < 4; i++) {
      const before = device.executor.executed
      const { loss, done } = train(w)
      await done
      await loss.item()
      w.zeroGrad()
      plans.push(device.executor.executed - before)
    }
    expect(plans).toEqual([1, 1, 1, 1])
  })

  test('a long program starts what it has queued between iterations, never amid the writes of one', async () => {
    const [a, b] = [device.tensor([1]), device.tensor([10])]
    let x: Tensor = a
    // more nodes than the queue lets wait
    for (let i = 0; i < 21_000; i++) x = x.add(0)
    const iterate = (): void => {
      const next = [a.add(b), b.sub(a)]
      a.assign(next[0])
      b.assign(next[1])
    }
    iterate()
    expect(device.executor.executed).toBe(0)
    iterate()
    expect(device.executor.executed).toBe(1)
    expect([await values(a), await values(b)]).toEqual([[20], [-2]])
  })
})
