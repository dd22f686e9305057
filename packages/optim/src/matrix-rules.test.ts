// The newer rules against plain loops in double precision over a matrix and a vector, 100 steps with a learning rate that moves; and the averages and
// wrappers around them.

import { jit, tensor } from '@cairn/tensor'
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
/** All elements at once. */
type Plain = (p: number[], g: number[], s: State, t: number, lr: number) => number[]
type Make = (p: ReturnType<typeof tensor>) => optim.Optimizer<optim.GroupOptions>

const ema = (s: State, name: string, now: readonly number[], beta: number): number[] =>
  (s[name] = now.map((v, i) => (s[name]?.[i] ?? 0) * beta + v * (1 - beta)))

type Matrix = number[][]
const transpose = (m: Matrix): Matrix => m[0].map((_, j) => m.map(row => row[j]))
const times = (x: Matrix, y: Matrix): Matrix =>
  x.map(row => transpose(y).map(c => c.reduce((s, v, i) => s + v * row[i], 0)))

const cases: [name: string, shape: number[], make: Make, plain: Plain][] = [
  [
    'Adadelta',
    [12],
    p => new optim.Adadelta([p], { weightDecay: 0.1, eps: 0.1 }),
    (p, g, s, _t, lr) => {
      const slope = g.map((v, i) => v + 0.1 * p[i])
      const squares = ema(
        s,
        'v',
        slope.map(v => v * v),
        0.9,
      )
      const delta = slope.map((v, i) => (Math.sqrt((s.d?.[i] ?? 0) + 0.1) / Math.sqrt(squares[i] + 0.1)) * v)
      ema(
        s,
        'd',
        delta.map(v => v * v),
        0.9,
      )
      return p.map((v, i) => v - lr * delta[i])
    },
  ],
  [
    'Lion',
    [12],
    p => new optim.Lion([p], { weightDecay: 0.3 }),
    (p, g, s, _t, lr) => {
      const mixed = g.map((v, i) => 0.9 * (s.m?.[i] ?? 0) + 0.1 * v)
      ema(s, 'm', g, 0.99)
      return p.map((v, i) => v * (1 - lr * 0.3) - lr * Math.sign(mixed[i]))
    },
  ],
  [
    'LAMB',
    [12],
    p => new optim.LAMB([p], { weightDecay: 0.1 }),
    (p, g, s, t, lr) => {
      const m = ema(s, 'm', g, 0.9)
      const v = ema(
        s,
        'v',
        g.map(x => x * x),
        0.999,
      )
      const r = m.map((x, i) => x / (1 - 0.9 ** t) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-6) + 0.1 * p[i])
      return p.map((x, i) => x - lr * (norm(p) / norm(r)) * r[i])
    },
  ],
  ['Muon', [rows, columns], p => new optim.Muon([p]), (p, g, s, _t, lr) => muon(p, g, s, lr, rows, columns)],
  ['Muon, tall', [columns, rows], p => new optim.Muon([p]), (p, g, s, _t, lr) => muon(p, g, s, lr, columns, rows)],
  [
    'Adafactor of a matrix',
    [rows, columns],
    p => new optim.Adafactor([p], { weightDecay: 0.1 }),
    (p, g, s, t, lr) => {
      const share = t ** -0.8
      const toward = (name: string, now: number[]) =>
        (s[name] = now.map((v, i) => (s[name]?.[i] ?? 0) + share * (v - (s[name]?.[i] ?? 0))))
      const r = toward(
        'r',
        range(rows).map(i => mean(range(columns).map(j => g[i * columns + j] ** 2))),
      )
      const c = toward(
        'c',
        range(columns).map(j => mean(range(rows).map(i => g[i * columns + j] ** 2))),
      )
      const u = g.map((v, n) => v / Math.sqrt((r[Math.floor(n / columns)] * c[n % columns]) / mean(r)))
      return adafactorStep(p, u, t, lr, 0.1)
    },
  ],
  [
    'Adafactor of a vector',
    [12],
    p => new optim.Adafactor([p]),
    (p, g, s, t, lr) => {
      const share = t ** -0.8
      s.v = g.map((v, i) => (s.v?.[i] ?? 0) + share * (v * v - (s.v?.[i] ?? 0)))
      return adafactorStep(
        p,
        g.map((v, i) => v / Math.sqrt(s.v[i])),
        t,
        lr,
        0,
      )
    },
  ],
]

function adafactorStep(p: number[], u: number[], t: number, lr: number, decay: number): number[] {
  const rms = (list: number[]) => Math.sqrt(mean(list.map(v => v * v)))
  const alpha = Math.max(1e-3, rms(p)) * Math.min(lr, 1 / Math.sqrt(t))
  return p.map((v, i) => v * (1 - lr * decay) - (alpha / Math.max(1, rms(u))) * u[i])
}

function muon(p: number[], g: number[], s: State, lr: number, m: number, n: number): number[] {
  const buffer = ema(s, 'b', g, 0.95)
  const flat = buffer.map((v, i) => 0.95 * v + 0.05 * g[i])
  let x: Matrix = range(m).map(i => flat.slice(i * n, (i + 1) * n))
  if (m > n) x = transpose(x)
  const size = norm(flat)
  x = x.map(row => row.map(v => v / size))
  for (let k = 0; k < 5; k++) {
    const a = times(x, transpose(x))
    const aa = times(a, a)
    const y = times(
      a.map((row, i) => row.map((v, j) => -4.775 * v + 2.0315 * aa[i][j])),
      x,
    )
    x = x.map((row, i) => row.map((v, j) => 3.4445 * v + y[i][j]))
  }
  if (m > n) x = transpose(x)
  const stretch = Math.sqrt(Math.max(1, m / n))
  return p.map((v, i) => v * (1 - lr * 0.1) - lr * stretch * x[Math.floor(i / n)][i % n])
}

for (const [name, shape, make, plain] of cases)
  onEachDevice(`${name}, ${steps} steps, plain and inside of jit`, async () => {
    for (const compiled of [false, true]) {
      const p = tensor(Float32Array.from(start), shape, { requiresGrad: true })
      const opt = make(p)
      const update = (g: typeof p): void => {
        p.grad = g.mul(1)
        void opt.step()
      }
      const run = compiled ? jit(update) : update
      let wanted = start.slice()
      const state: State = {}
      for (let step = 0; step < steps; step++) {
        opt.lr = rate(step)
        run(tensor(Float32Array.from(gradient(step)), shape))
        if (step % 16 === 0) await p.data()
        wanted = plain(wanted, gradient(step), state, step + 1, rate(step))
      }
      await expectClose(p, wanted, 2e-4)
      expect(Math.max(...wanted.map((v, i) => Math.abs(v - start[i])))).toBeGreaterThan(0.02)
    }
  })

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
  'L-BFGS finds the minimum of a long valley that turns, over two parameters',
  async () => {
    // curvatures from 1 to 400 and a fourth power; the minimum is where all differences are 0
    const curvature = tensor(Float64Array.from([400, 1, 30, 7]), [4])
    const wanted = [0.5, -1, 2, 0.25]
    const [a, b] = [[1], [3]].map(([n]) => tensor(Float64Array.from(numbers(n, 5)), [n], { requiresGrad: true }))
    const { cat } = await import('@cairn/tensor')
    const opt = new optim.LBFGS([a, b], { toleranceChange: 1e-14 })
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
  },
  { on: ['reference', 'wasm'] },
)
