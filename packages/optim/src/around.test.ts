// What stands around rules: averages, wrappers, scaling, clipping, and rules that take more than a gradient; plain and inside of jit.

import { JitError, jit, type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { expectClose, numbers } from '../testing.ts'
import * as optim from './index.ts'

const steps = 100
const rate = (step: number): number => 0.02 / (1 + step / 10)
const [rows, columns] = [3, 4]
const start = numbers(rows * columns, 9)
const gradient = (step: number): number[] => numbers(rows * columns, 100 + step).map(v => v * 2)
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const norm = (list: readonly number[]): number => Math.hypot(...list)
const mean = (list: readonly number[]): number => list.reduce((s, v) => s + v, 0) / list.length

type State = Record<string, number[]>
const ema = (s: State, name: string, now: readonly number[], beta: number): number[] =>
  (s[name] = now.map((v, i) => (s[name]?.[i] ?? 0) * beta + v * (1 - beta)))

onEachDevice('Sophia with an estimate every fourth step', async () => {
  const p = tensor([...start], { requiresGrad: true })
  const opt = new optim.Sophia([p], { rho: 0.5, batchSize: 2 })
  let wanted = start.slice()
  const s: State = {}
  for (let step = 0; step < steps; step++) {
    opt.lr = rate(step)
    if (step % 4 === 0) {
      p.grad = tensor(gradient(1000 + step))
      opt.updateHessian()
      ema(
        s,
        'h',
        gradient(1000 + step).map(v => v * v),
        0.99,
      )
    }
    p.grad = tensor(gradient(step))
    await opt.step()
    const m = ema(s, 'm', gradient(step), 0.965)
    wanted = wanted.map(
      (v, i) =>
        v * (1 - rate(step) * 0.1) -
        rate(step) * Math.sign(m[i]) * Math.min(1, Math.abs(m[i]) / (0.5 * 2 * s.h[i] + 1e-15)),
    )
  }
  await expectClose(p, wanted, 1e-4)
})

onEachDevice('an Adafactor resumes exactly, its vectors included', async () => {
  const make = () => tensor(Float32Array.from(start), [rows, columns], { requiresGrad: true })
  const advance = async (p: ReturnType<typeof make>, opt: optim.Adafactor, from: number, to: number) => {
    for (let step = from; step < to; step++) {
      p.grad = tensor(Float32Array.from(gradient(step)), [rows, columns])
      await opt.step()
    }
  }
  const [p, q] = [make(), make()]
  const [a, b] = [new optim.Adafactor([p]), new optim.Adafactor([q])]
  await advance(p, a, 0, 5)
  q.assign(p.detach())
  b.loadStateDict(a.stateDict())
  await advance(p, a, 5, 12)
  await advance(q, b, 5, 12)
  expect(await q.numbers()).toEqual(await p.numbers())
})

onEachDevice('averages: fading and equal weights, in place and back', async () => {
  const p = tensor([...start], { requiresGrad: true })
  const [ema, swa] = [new optim.EMA([p], { decay: 0.9 }), new optim.SWA([p])]
  let [fading, all, now] = [start.slice(), [] as number[][], start.slice()]
  for (let step = 0; step < 40; step++) {
    now = now.map((v, i) => v + gradient(step)[i])
    p.assign(tensor(now))
    ema.update()
    swa.update()
    fading = fading.map((v, i) => 0.9 * v + 0.1 * now[i])
    all.push(now)
  }
  const average = start.map((_, i) => mean(all.map(v => v[i])))
  await expectClose(ema.averages[0], fading)
  await expectClose(swa.averages[0], average)
  ema.apply()
  expect(() => ema.apply()).toThrow('restore() first')
  await expectClose(p, fading)
  ema.restore()
  await expectClose(p, now)
})

onEachDevice('Lookahead and SAM by their definitions', async () => {
  const p = tensor([...start], { requiresGrad: true })
  const ahead = new optim.Lookahead(new optim.SGD([p], { lr: 0.1 }), { k: 3, alpha: 0.4 })
  let [fast, slow] = [start.slice(), start.slice()]
  for (let step = 0; step < 40; step++) {
    p.grad = tensor(gradient(step))
    await ahead.step()
    fast = fast.map((v, i) => v - 0.1 * gradient(step)[i])
    if ((step + 1) % 3 === 0) fast = slow = slow.map((v, i) => v + 0.4 * (fast[i] - v))
  }
  await expectClose(p, fast, 1e-4)

  const w = tensor([1, -2, 3], { requiresGrad: true })
  const sam = new optim.SAM(new optim.SGD([w], { lr: 0.05 }), { rho: 0.5 })
  let plain = [1, -2, 3]
  const slope = (v: number[]) => v.map(x => 4 * x ** 3)
  for (let step = 0; step < 30; step++) {
    for (const last of [false, true]) {
      w.mul(w).mul(w).mul(w).sum().mul(0.02).backward()
      if (!last) sam.ascend()
    }
    await sam.step()
    sam.zeroGrad()
    const g = slope(plain).map(v => v * 0.02)
    const up = plain.map((v, i) => v + (0.5 * g[i]) / norm(g))
    plain = plain.map((v, i) => v - 0.05 * 0.02 * slope(up)[i])
  }
  await expectClose(w, plain, 1e-4)
})

onEachDevice('a scaler skips overflowing steps, halves, and grows again', async () => {
  const [p, q] = [tensor([1, 2], { requiresGrad: true }), tensor([1, 2], { requiresGrad: true })]
  const [opt, plain] = [new optim.AdamW([p], { lr: 0.1 }), new optim.AdamW([q], { lr: 0.1 })]
  const scaler = new optim.GradScaler({ initial: 8, growthInterval: 4 })
  const loss = (w: typeof p, step: number) =>
    w
      .mul(tensor([step + 1, -1]))
      .square()
      .sum()
  let [scale, good] = [8, 0]
  for (let step = 0; step < 30; step++) {
    const bad = step % 7 === 3
    opt.zeroGrad()
    scaler.scale(loss(p, step).mul(bad ? Infinity : 1)).backward()
    await scaler.step(opt)
    if (bad) [scale, good] = [scale / 2, 0]
    else {
      plain.zeroGrad()
      loss(q, step).backward()
      await plain.step()
      if (++good === 4) [scale, good] = [scale * 2, 0]
    }
    expect(await scaler.scaleTensor.item()).toBe(scale)
  }
  await expectClose(p, await q.numbers())
})

onEachDevice('adaptive clipping, row by row', async () => {
  const [w, g] = [
    range(3).map(i => numbers(4, i + 1)),
    range(3).map(i => numbers(4, i + 40).map(v => v * (i === 1 ? 1e-3 : 5))),
  ]
  const p = tensor(w, { requiresGrad: true })
  p.grad = tensor(g)
  optim.clipGradAdaptive([p], 0.2)
  const wanted = g.flatMap((row, i) => {
    const most = 0.2 * Math.max(1e-3, norm(w[i]))
    return row.map(v => (norm(row) > most ? (v * most) / norm(row) : v))
  })
  await expectClose(p.grad, wanted)
})

onEachDevice(
  'L-BFGS finds the minimum of a long valley that turns, over two parameters, with and without a line search',
  async () => {
    for (const lineSearch of [null, 'strongWolfe'] as const) {
      // curvatures from 1 to 400 and a fourth power; the minimum is where all differences are 0
      const curvature = tensor(Float64Array.from([400, 1, 30, 7]), [4])
      const wanted = [0.5, -1, 2, 0.25]
      const [a, b] = [[1], [3]].map(([n]) => tensor(Float64Array.from(numbers(n, 5)), [n], { requiresGrad: true }))
      const { cat } = await import('@cairn/tensor')
      const opt = new optim.LBFGS([a, b], { toleranceChange: 1e-14, lineSearch })
      let evaluations = 0
      const closure = () => {
        evaluations++
        opt.zeroGrad()
        const d = cat([a, b]).sub(tensor(Float64Array.from(wanted), [4]))
        const sum = d.sum().square()
        const loss = d.mul(d).mul(curvature).sum().mul(0.5).add(sum).add(sum.square().mul(0.1))
        loss.backward()
        return loss
      }
      const first = await opt.step(closure)
      expect(first).toBeGreaterThan(1)
      for (let i = 0; i < 3; i++) await opt.step(closure)
      await expectClose(cat([a, b]), wanted, 1e-6)
      // plain descent takes hundreds: the condition is 400
      expect(evaluations).toBeLessThan(80)
    }
  },
  { on: ['reference', 'wasm'] },
)

onEachDevice(
  "the line search of L-BFGS goes through Rosenbrock's valley step by step as torch's does",
  async () => {
    // evaluations, loss and place of torch 2's LBFGS with line_search_fn='strong_wolfe' after so many iterations
    const known: [iterations: number, evaluations: number, loss: number, at: number[]][] = [
      [5, 6, 5.851898414902332, [-1.4190151739012853, 2.015228881713949]],
      [10, 12, 4.546767747883813, [-1.0768265614154306, 1.1112274823448032]],
      [20, 25, 1.3070983150500495, [-0.08511855589860293, -0.028757058413769698]],
      [60, 51, 1.8769270132829514e-10, [0.9999979943196398, 0.9999973438921637]],
    ]
    for (const [maxIterations, wanted, value, at] of known) {
      const p = tensor(Float64Array.of(-1.5, 2), [2], { requiresGrad: true })
      const opt = new optim.LBFGS([p], { lineSearch: 'strongWolfe', maxIterations })
      let evaluations = 0
      const closure = () => {
        evaluations++
        opt.zeroGrad()
        const [x, y] = [p.select(0, 0), p.select(0, 1)]
        const loss = y.sub(x.mul(x)).square().mul(100).add(x.neg().add(1).square())
        loss.backward()
        return loss
      }
      await opt.step(closure)
      expect(evaluations).toBe(wanted)
      expect(Math.abs((await closure().item()) - value)).toBeLessThan(1e-9)
      await expectClose(p, at, 1e-9)
    }
    const unknown = 'armijo' as 'strongWolfe'
    expect(() => new optim.LBFGS([tensor([1])], { lineSearch: unknown })).toThrow(/no line search 'armijo'/)
  },
  { on: ['reference'] },
)

/** Each step of a rule with something around it, as one function of the gradient's factors; what it leaves beside the parameter. */
type Around = (p: Tensor) => {
  step: (factors: Tensor, at: number) => unknown
  state?: () => readonly Tensor[]
  lr: (v: number) => void
}
const loss = (p: Tensor, factors: Tensor): Tensor => p.sub(factors).square().sum()
const arounds: [string, (compile: typeof jit) => Around][] = [
  [
    'GradScaler',
    compile => p => {
      const opt = new optim.AdamW([p])
      const scaler = new optim.GradScaler({ initial: 8, growthInterval: 4 })
      const step = compile((f: Tensor) => {
        opt.zeroGrad()
        scaler.scale(loss(p, f)).backward()
        void scaler.step(opt)
      })
      const overflows = (f: Tensor, at: number) => step(at % 7 === 3 ? f.mul(Infinity) : f)
      return { step: overflows, state: () => [scaler.scaleTensor, scaler.goodSteps], lr: v => (opt.lr = v) }
    },
  ],
  [
    'EMA and SWA',
    compile => p => {
      const opt = new optim.SGD([p], { lr: 1 })
      const [ema, swa] = [new optim.EMA([p], { decay: 0.9 }), new optim.SWA([p])]
      const step = compile((f: Tensor) => {
        opt.zeroGrad()
        loss(p, f).backward()
        void opt.step()
        ema.update()
        swa.update()
      })
      return { step, state: () => [...ema.averages, ...swa.averages, swa.count], lr: v => (opt.lr = v) }
    },
  ],
  [
    'Lookahead',
    compile => p => {
      const opt = new optim.Lookahead(new optim.Adam([p]), { k: 3, alpha: 0.4 })
      const step = compile((f: Tensor) => {
        opt.zeroGrad()
        loss(p, f).backward()
        void opt.step()
      })
      return { step, state: () => [...opt.slow, opt.count], lr: v => (opt.lr = v) }
    },
  ],
  [
    'SAM',
    compile => p => {
      const base = new optim.SGD([p], { lr: 1, momentum: 0.9 })
      const opt = new optim.SAM(base, { rho: 0.2 })
      const step = compile((f: Tensor) => {
        opt.zeroGrad()
        loss(p, f).backward()
        opt.ascend()
        loss(p, f).backward()
        void opt.step()
      })
      return { step, lr: v => (base.lr = v) }
    },
  ],
  [
    'Sophia',
    compile => p => {
      const opt = new optim.Sophia([p], { rho: 0.5 })
      const estimate = compile((f: Tensor) => {
        opt.zeroGrad()
        loss(p, f).backward()
        opt.updateHessian()
      })
      const step = compile((f: Tensor) => {
        opt.zeroGrad()
        loss(p, f).backward()
        void opt.step()
      })
      const both = (f: Tensor, at: number) => {
        if (at % 4 === 0) estimate(f.mul(0.5))
        step(f)
      }
      return { step: both, lr: v => (opt.lr = v) }
    },
  ],
]
for (const [name, make] of arounds)
  onEachDevice(`${name} inside of jit is the plain run, ${steps} steps of a moving learning rate`, async () => {
    const plainly = (<F>(fn: F) => fn) as unknown as typeof jit
    const run = async (compile: typeof jit): Promise<number[]> => {
      const p = tensor([...start], { requiresGrad: true })
      const { step, state, lr } = make(compile)(p)
      for (let at = 0; at < steps; at++) {
        lr(rate(at))
        step(tensor(gradient(at)), at)
        if (at % 16 === 0) await p.data()
      }
      const all = [p, ...(state?.() ?? [])]
      return (await Promise.all(all.map(t => t.numbers()))).flat()
    }
    const [plain, compiled] = [await run(plainly), await run(jit)]
    compiled.forEach((v, i) => expect(Math.abs(v - plain[i]), `value ${i}`).toBeLessThan(1e-6 * (1 + Math.abs(v))))
    expect(Math.max(...plain.slice(0, start.length).map((v, i) => Math.abs(v - start[i])))).toBeGreaterThan(0.05)
  })

onEachDevice('L-BFGS, which reads, is an error inside of jit that says so', () => {
  const p = tensor([1, 2], { requiresGrad: true })
  const opt = new optim.LBFGS([p])
  const train = jit(() => {
    void opt
      .step(() => {
        opt.zeroGrad()
        const value = p.square().sum()
        value.backward()
        return value
      })
      .catch(() => {})
  })
  expect(() => train()).toThrow(JitError)
  expect(() => train()).toThrow(/values cannot be read inside of a jitted function/)
})
