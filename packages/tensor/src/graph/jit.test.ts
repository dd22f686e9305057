import { afterEach, describe, expect, vi } from 'vitest'
import {
  bytesInUse,
  customGradient,
  dropout,
  Generator,
  jit,
  live,
  manualSeed,
  noGrad,
  observe,
  rand,
  randn,
  realize,
  step,
  type Tensor,
  tensor,
  zeros,
} from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { settle } from '../testing/settle.ts'

afterEach(() => vi.unstubAllEnvs())

const row = (...values: number[]): Tensor => tensor(values)

/** Counts how often the function itself runs. */
function counted<A extends unknown[], R>(fn: (...args: A) => R) {
  const spy = vi.fn(fn)
  return { fn: jit(spy as (...args: A) => R), runs: () => spy.mock.calls.length }
}

describe('results', () => {
  onEachDevice('three calls run the function, later ones do not', async () => {
    const { fn, runs } = counted((x: Tensor) => x.mul(2).add(1))
    for (let i = 0; i < 10; i++) expect(await fn(row(i, i + 1)).numbers()).toEqual([2 * i + 1, 2 * i + 3])
    expect(runs()).toBe(3)
  })

  onEachDevice('what is made inside and not given out has the same memory in each replay', async device => {
    const state = zeros([1000])
    state.own()
    await realize()
    const fn = jit((x: Tensor) => {
      const large = x.mul(3).exp()
      state.assign(large)
      // another piece, in which the value is needed again
      state.assign(large.add(state))
      return large.sum()
    })
    const results: Tensor[] = []
    let before = 0
    for (let i = 0; i < 12; i++) {
      const x = tensor(new Float32Array(1000).fill(i / 30))
      results.push(fn(x))
      if (i >= 6 && i < 9)
        void realize() // several under way
      else await realize(results[i])
      const [now] = [await state.numbers()]
      expect(now[999]).toBeCloseTo(2 * Math.exp(i / 10), 4)
      x[Symbol.dispose]()
      if (i === 5) before = bytesInUse(device)
    }
    // a result each, of which small ones take up to 256 bytes
    expect(bytesInUse(device) - before).toBeLessThanOrEqual(6 * 256)
    for (let i = 0; i < 12; i++) expect((await results[i].item()) / (1000 * Math.exp(i / 10))).toBeCloseTo(1, 4)
    const kept = bytesInUse(device)
    fn[Symbol.dispose]()
    expect(bytesInUse(device)).toBeLessThan(kept)
  })

  onEachDevice('nested arguments and results; an argument given back is itself', async () => {
    const { fn, runs } = counted(({ x, list }: { x: Tensor; list: Tensor[] }, name: string) => ({
      sums: list.map(t => t.add(x)),
      x,
      name,
      nothing: null,
    }))
    for (let i = 0; i < 6; i++) {
      const x = row(i)
      const out = fn({ x, list: [row(1), row(2)] }, 'a')
      expect(out.x).toBe(x)
      expect([out.name, out.nothing]).toEqual(['a', null])
      expect(await Promise.all(out.sums.map(t => t.item()))).toEqual([i + 1, i + 2])
    }
    expect(runs()).toBe(3)
    expect(fn({ x: row(1), list: [] }, 'a').sums).toEqual([])
    expect(fn({ x: row(1), list: [row(1), row(2)] }, 'b').name).toBe('b')
  })

  onEachDevice('computed arguments, other shapes, one tensor given twice', async () => {
    const { fn, runs } = counted((a: Tensor, b: Tensor) => a.mul(b).sum())
    for (let i = 1; i < 8; i++) {
      expect(await fn(row(i, 1).add(1), row(1, 1).mul(2)).item()).toBe(2 * (i + 1) + 4)
      expect(await fn(row(i, 1, 1), row(1, 2, 3)).item()).toBe(i + 5)
      const x = row(i, 2)
      expect(await fn(x, x).item()).toBe(i * i + 4)
    }
    expect(runs()).toBe(7)
  })

  onEachDevice('what was computed outside and is used inside', async () => {
    const mask = row(1, 0, 1).mul(3)
    const fn = jit((x: Tensor) => x.mul(mask))
    for (let i = 0; i < 6; i++) expect(await fn(row(i, i, i)).numbers()).toEqual([3 * i, 0, 3 * i])
  })

  onEachDevice('a result kept from one call is not the next one', async () => {
    const fn = jit((x: Tensor) => x.add(1))
    const all = Array.from({ length: 8 }, (_, i) => fn(row(i)))
    expect(await Promise.all(all.map(t => t.item()))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  onEachDevice('a jitted function in another is a part of it', async () => {
    const inner = counted((x: Tensor) => x.mul(2))
    const outer = counted((x: Tensor) => inner.fn(x).add(1))
    for (let i = 0; i < 6; i++) expect(await outer.fn(row(i)).item()).toBe(2 * i + 1)
    expect(outer.runs()).toBe(3)
  })

  onEachDevice('an exception of the function is its caller’s, and the next call works', async () => {
    let wrong = false
    const fn = jit((x: Tensor) => {
      if (wrong) throw new RangeError('no')
      return x.add(1)
    })
    for (const [i, fails] of [false, false, true, false, false, false].entries()) {
      wrong = fails && i === 2
      if (wrong) expect(() => fn(row(i))).toThrow(RangeError)
      else expect(await fn(row(i)).item()).toBe(i + 1)
    }
  })
})

describe('numbers', () => {
  onEachDevice('an argument that goes to ops as it is becomes an input', async () => {
    const { fn, runs } = counted((x: Tensor, s: number) => x.mul(s).add(1))
    for (let i = 0; i < 10; i++) expect(await fn(row(1, 2), i / 2).numbers()).toEqual([i / 2 + 1, i + 1])
    expect(runs()).toBe(3)
  })

  onEachDevice('an argument that decides or is computed with has a recording for each value', async () => {
    const { fn, runs } = counted((x: Tensor, n: number) => (n > 2 ? x.mul(10) : x.add(1 / (n + 1))))
    for (let round = 0; round < 5; round++)
      for (let n = 4; n >= 0; n--) expect(await fn(row(1), n).item()).toBeCloseTo(n > 2 ? 10 : 1 + 1 / (n + 1), 5)
    expect(runs()).toBe(11)
  })

  onEachDevice('live numbers are read at each call; raw fields of an observed object are conditions', async () => {
    const group = { lr: 0.5, decay: 1 }
    observe(group)
    const { fn, runs } = counted((x: Tensor) => x.mul(live(group, g => g.lr * 2)).add(group.decay))
    for (let i = 0; i < 8; i++) {
      group.lr = i
      expect(await fn(row(1)).item()).toBe(2 * i + 1)
    }
    expect(runs()).toBe(3)
    group.decay = 5
    for (let i = 0; i < 4; i++) expect(await fn(row(1)).item()).toBe(14 + 5)
    expect(runs()).toBe(5)
  })

  onEachDevice('a number from around that moves is an error that names it', async () => {
    let n = 0
    const fn = jit((x: Tensor) => x.mul(++n))
    await fn(row(1)).item()
    await fn(row(1)).item()
    expect(() => fn(row(1))).toThrow(/mul took the number 2 in one call and 3 in another/)
  })

  onEachDevice('a branch that moves is an error that names it', async () => {
    let n = 0
    const fn = jit((x: Tensor) => (++n % 2 ? x.exp() : x.sqrt()))
    await fn(row(1)).item()
    await fn(row(1)).item()
    expect(() => fn(row(1))).toThrow(/a branch went to (exp|sqrt) in one call and to (exp|sqrt) in another/)
  })

  onEachDevice('a tensor made inside of numbers that move is an error', async () => {
    let n = 0
    const fn = jit((x: Tensor) => x.add(tensor([++n, 1])))
    await fn(row(1, 1)).numbers()
    await fn(row(1, 1)).numbers()
    expect(() => fn(row(1, 1))).toThrow(/made inside held the number 2 in one call and 3 in another/)
  })

  onEachDevice('a frozen number that moves later is found under CAIRN_DEBUG', async () => {
    let n = 1
    const fn = jit((x: Tensor) => x.mul(n))
    for (let i = 0; i < 5; i++) await fn(row(1)).item()
    n = 2
    expect(await fn(row(3)).item()).toBe(3)
    vi.stubEnv('CAIRN_DEBUG', 'jit')
    const later = async () => {
      for (let i = 0; i < 110; i++) await fn(row(1)).item()
    }
    await expect(later()).rejects.toThrow(/mul took the number 1 in one call and 2 in another/)
  })
})

describe('effects', () => {
  onEachDevice('assign, in order, with the versions of a plain run', async () => {
    const run = async (wrap: <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R) => {
      const [a, b] = [row(1, 2), row(5, 5)]
      const fn = wrap((x: Tensor) => {
        a.assign(a.add(x))
        b.assign(b.mul(a))
        a.assign(a.sub(1))
        return a.add(b)
      })
      const out: number[][] = []
      for (let i = 0; i < 8; i++) out.push(await fn(row(i, 0.5)).numbers())
      out.push(await a.numbers(), await b.numbers())
      return { out, versions: [a.node.leaf!.version, b.node.leaf!.version] }
    }
    expect(await run(jit)).toEqual(await run(fn => fn))
  })

  onEachDevice('a swap, and effects from outside in between', async () => {
    const [a, b] = [row(1), row(2)]
    const swap = jit(() => {
      const before = a.add(0)
      a.assign(b)
      b.assign(before)
    })
    for (let i = 0; i < 7; i++) {
      swap()
      if (i === 4) a.assign(a.add(10))
    }
    expect([await a.item(), await b.item()]).toEqual([12, 1])
  })

  onEachDevice('gradients: written, added up, dropped', async () => {
    const run = async (wrap: <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R) => {
      const w = tensor([1, 2, 3], { requiresGrad: true })
      const back = wrap((x: Tensor) => {
        const loss = w.mul(w).mul(x).sum()
        loss.backward()
        return loss
      })
      const log: unknown[] = []
      for (let i = 0; i < 12; i++) {
        if (i % 4 === 0) w.zeroGrad()
        const loss = back(row(i, 1, 2))
        log.push(await loss.item(), await w.grad!.numbers(), w.grad!.node.leaf!.version)
        if (i % 4 === 3) noGrad(() => w.assign(w.sub(w.grad!.mul(0.01))))
        await step([w])
      }
      w.zeroGrad()
      log.push(w.grad)
      return log
    }
    expect(await run(jit)).toEqual(await run(fn => fn))
  })

  onEachDevice('a gradient of an argument, of micro-batches in one call, and none left behind', async () => {
    const w = tensor([2], { requiresGrad: true })
    const { fn, runs } = counted((batches: Tensor[]) => {
      w.zeroGrad()
      for (const x of batches) w.mul(x).sum().backward()
      const total = w.grad!.mul(1)
      w.zeroGrad()
      return total
    })
    for (let i = 0; i < 8; i++) {
      expect(await fn([row(i), row(1), row(2)]).item()).toBe(i + 3)
      expect(w.grad).toBeUndefined()
    }
    expect(runs()).toBe(3)
  })

  onEachDevice(
    'writes from outside, of one leaf or another, between calls of a pass that is walked each time',
    async () => {
      const run = async (wrap: <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R) => {
        const leaves = [1, 2, 3].map(n => tensor([n, 1], { requiresGrad: true }))
        const walked = customGradient((x: Tensor) => [x.mul(1), g => [g]])
        const back = wrap((x: Tensor) => {
          for (const w of leaves) w.zeroGrad()
          const [a, b, c] = leaves
          walked(a.mul(b).mul(x).add(c.mul(a)))
            .sum()
            .backward()
        })
        const log: number[][] = []
        for (let i = 0; i < 9; i++) {
          leaves[(i * 7) % 3].assign(row(i, 2))
          back(row(i, 1))
          for (const w of leaves) log.push(await w.grad!.numbers())
        }
        return log
      }
      expect(await run(jit)).toEqual(await run(fn => fn))
    },
  )

  onEachDevice(
    'state that is first asked for in a call that is recorded, after one that threw or went another way',
    async () => {
      for (const first of ['throws', 'another'] as const) {
        let state: Tensor | null = null
        const { fn, runs } = counted((x: Tensor, way: 'throws' | 'another' | 'keeps') => {
          if (way === 'throws') throw new RangeError('no')
          if (way === 'another') return x.mul(2)
          if (!state) {
            state = zeros([1])
            state.own()
          }
          state.assign(state.add(x))
          return state.mul(3)
        })
        if (first === 'throws') expect(() => fn(row(0), first)).toThrow(RangeError)
        else expect(await fn(row(1), first).item()).toBe(2)
        for (let i = 1; i <= 8; i++) expect(await fn(row(1), 'keeps').item()).toBe(3 * i)
        expect(runs()).toBe(4)
      }
    },
  )

  onEachDevice('memory for a gradient that is made in a call that is recorded', async () => {
    const w = tensor([1, 2], { requiresGrad: true })
    const { fn, runs } = counted((x: Tensor) => {
      w.zeroGrad()
      w.mul(x).sum().backward()
    })
    for (let i = 0; i < 12; i++) {
      fn(row(i, 1))
      expect(await w.grad!.numbers()).toEqual([i, 1])
      if (i < 4) w.grad![Symbol.dispose]()
    }
    expect(runs()).toBe(7)
  })

  onEachDevice('requiresGrad is a condition', async () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([3], { requiresGrad: true })]
    const fn = jit((x: Tensor) => {
      for (const t of [a, b]) t.zeroGrad()
      a.mul(b).mul(x).sum().backward()
    })
    for (let i = 0; i < 5; i++) fn(row(i))
    b.requiresGrad = false
    b.zeroGrad()
    for (let i = 0; i < 5; i++) {
      fn(row(i))
      expect(b.grad).toBeUndefined()
      expect(await a.grad!.item()).toBe(3 * i)
    }
  })

  onEachDevice('draws go on as in a plain run, from generators and the global one', async () => {
    const run = async (wrap: <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R) => {
      manualSeed(11)
      const generator = new Generator(4)
      const fn = wrap((x: Tensor) => [dropout(x, 0.5), rand([2], { generator }), randn([3]).sum()])
      const out: number[][] = []
      for (let i = 0; i < 8; i++) {
        for (const t of fn(zeros([16]).add(i + 1))) out.push(await t.numbers())
        out.push(await rand([2]).numbers())
        if (i === 5) manualSeed(3)
      }
      return [out, generator.state]
    }
    expect(await run(jit)).toEqual(await run(fn => fn))
  })

  onEachDevice('refused work leaves the handles where they were', async device => {
    if (device === 'reference') return
    const w = row(1)
    const fn = jit((x: Tensor) => {
      w.assign(w.add(x))
      return w.mul(2)
    })
    for (let i = 0; i < 4; i++) fn(row(1))
    await realize()
    const gone = row(1)
    gone[Symbol.dispose]()
    const broken = fn(gone)
    await expect(broken.item()).rejects.toThrow('disposed')
    expect(await w.item()).toBe(5)
    expect(await fn(row(1)).item()).toBe(12)
  })
})

describe('misuse', () => {
  onEachDevice('reading or running inside, and a Promise, are errors', async () => {
    const message = /values cannot be read inside of a jitted function/
    expect(() => jit((x: Tensor) => void x.item())(row(1))).toThrow(message)
    expect(() => jit((x: Tensor) => void x.add(1).data())(row(1))).toThrow(message)
    expect(() => jit((x: Tensor) => void realize(x))(row(1))).toThrow(message)
    expect(() => jit(async (x: Tensor) => x)(row(1))).toThrow('Promise')
    expect(() => jit(() => void new Generator(1).uniform())()).toThrow('cannot give numbers to the host')
    expect(() => jit(() => manualSeed(1))()).toThrow('cannot be set inside')
    expect(() => jit((x: unknown) => x)(new Float32Array(2))).toThrow('typed array')
    const w = tensor([1], { requiresGrad: true })
    expect(() => jit((x: Tensor) => x)(w.mul(2))).toThrow('gradient history')
    const history = w.mul(2)
    expect(() => jit((x: Tensor) => x.mul(history))(row(1))).toThrow('gradient history')
  })

  onEachDevice('a tensor made inside and not returned cannot be read outside, at any call', async () => {
    let leak: Tensor
    const fn = jit((x: Tensor) => {
      leak = x.mul(2)
      return leak.add(1)
    })
    for (let i = 0; i < 6; i++) {
      expect(await fn(row(i)).item()).toBe(2 * i + 1)
      await expect(leak!.item()).rejects.toThrow('made inside of a jitted function and not returned')
      await expect(leak!.add(1).item()).rejects.toThrow('made inside of a jitted function and not returned')
    }
  })

  onEachDevice('nor can its gradient be asked for, whatever it is made of', async () => {
    const w = tensor([1, 2], { requiresGrad: true })
    const ops: ((x: Tensor) => Tensor)[] = [x => x.exp(), x => x.gelu(), x => x.softmax(0)]
    for (const op of ops) {
      let leak: Tensor
      const fn = jit((x: Tensor) => {
        leak = op(w.mul(x))
        return leak.sum()
      })
      for (let i = 0; i < 5; i++) {
        await fn(row(i, 1)).item()
        const loss = leak!.sum()
        loss.backward()
        await expect(loss.item()).rejects.toThrow('made inside of a jitted function and not returned')
      }
    }
  })

  onEachDevice('a field set inside is an error', async () => {
    const o = { n: 1 }
    observe(o)
    const fn = jit((x: Tensor) => {
      o.n++
      return x
    })
    expect(() => {
      fn(row(1))
      fn(row(1))
    }).toThrow(/sets n of a Object from \d to \d/)
  })
})

onEachDevice('what it captured is held weakly, and disposing forgets', async () => {
  let w: Tensor | null = row(1)
  const make = (t: Tensor) => {
    const holder: { t: Tensor | null } = { t }
    return { holder, fn: jit((x: Tensor) => x.add(holder.t!)) }
  }
  const { holder, fn } = make(w)
  for (let i = 0; i < 5; i++) expect(await fn(row(i)).item()).toBe(i + 1)
  const ref = new WeakRef(w.storage!)
  w = holder.t = null
  await settle()
  expect(ref.deref()).toBeUndefined()
  fn[Symbol.dispose]()
})
