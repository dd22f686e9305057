// Every rule against plain loops in double precision, 100 steps with a learning rate that moves, plain and inside of jit. Rules over elements are written for one
// element; the others for a matrix or a vector.

import { jit, tensor } from '@cairn/tensor'
import { expect, test } from 'vitest'
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
/** One element: state is whatever it likes, the step counts from 1. */
type One = (p: number, g: number, s: Record<string, number>, t: number, lr: number) => number
type Make = (p: ReturnType<typeof tensor>) => optim.Optimizer<optim.GroupOptions>

const elementwise: [name: string, make: Make, plain: One][] = [
  ['SGD', p => new optim.SGD([p], { lr: 1 }), (p, g, _s, _t, lr) => p - lr * g],
  [
    'SGD with momentum, dampening and decay',
    p => new optim.SGD([p], { lr: 1, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 }),
    (p, g, s, t, lr) => {
      g += 0.1 * p
      s.m = t === 1 ? g : 0.9 * s.m + 0.7 * g
      return p - lr * s.m
    },
  ],
  [
    'SGD with Nesterov momentum, upwards',
    p => new optim.SGD([p], { lr: 1, momentum: 0.8, nesterov: true, maximize: true }),
    (p, g, s, _t, lr) => {
      s.m = 0.8 * (s.m ?? 0) - g
      return p - lr * (-g + 0.8 * s.m)
    },
  ],
  ['Adam', p => new optim.Adam([p]), (p, g, s, t, lr) => adam(p, g, s, t, lr, 0, 0)],
  [
    'Adam with decay',
    p => new optim.Adam([p], { weightDecay: 0.2, betas: [0.8, 0.95] }),
    (p, g, s, t, lr) => adam(p, g, s, t, lr, 0.2, 0, [0.8, 0.95]),
  ],
  [
    'Adam with the largest average',
    p => new optim.Adam([p], { amsgrad: true, eps: 1e-4 }),
    (p, g, s, t, lr) => {
      average(s, g, [0.9, 0.999])
      s.top = Math.max(s.top ?? 0, s.v)
      return p - (lr * (s.m / (1 - 0.9 ** t))) / (Math.sqrt(s.top / (1 - 0.999 ** t)) + 1e-4)
    },
  ],
  ['AdamW', p => new optim.AdamW([p], { weightDecay: 0.3 }), (p, g, s, t, lr) => adam(p, g, s, t, lr, 0, 0.3)],
  [
    'Adamax',
    p => new optim.Adamax([p]),
    (p, g, s, t, lr) => {
      s.m = 0.9 * (s.m ?? 0) + 0.1 * g
      s.u = Math.max(0.999 * (s.u ?? 0), Math.abs(g) + 1e-8)
      return p - ((lr / (1 - 0.9 ** t)) * s.m) / s.u
    },
  ],
  [
    'RAdam',
    p => new optim.RAdam([p]),
    (p, g, s, t, lr) => {
      average(s, g, [0.9, 0.999])
      const m = s.m / (1 - 0.9 ** t)
      const longest = 2 / (1 - 0.999) - 1
      const rho = longest - (2 * t * 0.999 ** t) / (1 - 0.999 ** t)
      if (rho <= 5) return p - lr * m
      const r = Math.sqrt(((rho - 4) * (rho - 2) * longest) / ((longest - 4) * (longest - 2) * rho))
      return p - (lr * m * r * Math.sqrt(1 - 0.999 ** t)) / (Math.sqrt(s.v) + 1e-8)
    },
  ],
  [
    'NAdam',
    p => new optim.NAdam([p]),
    (p, g, s, t, lr) => {
      average(s, g, [0.9, 0.999])
      const mu = (n: number) => 0.9 * (1 - 0.5 * 0.96 ** (n * 4e-3))
      s.product = (s.product ?? 1) * mu(t)
      const scale = Math.sqrt(s.v / (1 - 0.999 ** t)) + 1e-8
      return (
        p -
        (lr * g * (1 - mu(t))) / (1 - s.product) / scale -
        (lr * s.m * mu(t + 1)) / (1 - s.product * mu(t) * mu(t + 1)) / scale
      )
    },
  ],
  [
    'RMSprop, centred, with momentum',
    p => new optim.RMSprop([p], { centered: true, momentum: 0.5, alpha: 0.9, weightDecay: 0.1 }),
    (p, g, s, _t, lr) => {
      g += 0.1 * p
      s.v = 0.9 * (s.v ?? 0) + 0.1 * g * g
      s.a = 0.9 * (s.a ?? 0) + 0.1 * g
      s.b = 0.5 * (s.b ?? 0) + g / (Math.sqrt(s.v - s.a * s.a) + 1e-8)
      return p - lr * s.b
    },
  ],
  [
    'Adagrad',
    p => new optim.Adagrad([p], { lrDecay: 0.1, initialAccumulatorValue: 0.5 }),
    (p, g, s, t, lr) => {
      s.sum = (s.sum ?? 0.5) + g * g
      return p - ((lr / (1 + (t - 1) * 0.1)) * g) / (Math.sqrt(s.sum) + 1e-10)
    },
  ],
]

function average(s: Record<string, number>, g: number, [b1, b2]: readonly [number, number]): void {
  s.m = b1 * (s.m ?? 0) + (1 - b1) * g
  s.v = b2 * (s.v ?? 0) + (1 - b2) * g * g
}
function adam(
  p: number,
  g: number,
  s: Record<string, number>,
  t: number,
  lr: number,
  l2: number,
  decoupled: number,
  betas: readonly [number, number] = [0.9, 0.999],
): number {
  average(s, g + l2 * p, betas)
  return p * (1 - lr * decoupled) - (lr * (s.m / (1 - betas[0] ** t))) / (Math.sqrt(s.v / (1 - betas[1] ** t)) + 1e-8)
}

const ema = (s: State, name: string, now: readonly number[], beta: number): number[] =>
  (s[name] = now.map((v, i) => (s[name]?.[i] ?? 0) * beta + v * (1 - beta)))

type Matrix = number[][]
const transpose = (m: Matrix): Matrix => m[0].map((_, j) => m.map(row => row[j]))
const times = (x: Matrix, y: Matrix): Matrix =>
  x.map(row => transpose(y).map(c => c.reduce((s, v, i) => s + v * row[i], 0)))

const whole: [name: string, shape: number[], make: Make, plain: Plain][] = [
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

const states = new WeakMap<State, Record<string, number>[]>()
/** A rule of one element for all. */
const each =
  (plain: One): Plain =>
  (p, g, s, t, lr) => {
    const own = states.get(s) ?? p.map(() => ({}))
    states.set(s, own)
    return p.map((v, i) => plain(v, g[i], own[i], t, lr))
  }

const rules: [name: string, shape: number[], make: Make, plain: Plain][] = [
  ...elementwise.map(([name, make, plain]): (typeof rules)[number] => [name, [12], make, each(plain)]),
  ...whole,
]

for (const [name, shape, make, plain] of rules)
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

test('no rule is left out', () => {
  const elsewhere = ['Sophia', 'SparseAdam', 'Adam8bit', 'AdamW8bit']
  const tested = rules.map(([, shape, make]) => make(tensor(Float32Array.from(start), shape, { requiresGrad: true })))
  const names = new Set([...tested.map(opt => opt.constructor.name), ...elsewhere])
  const all = Object.values(optim).filter(
    value => typeof value === 'function' && value.prototype instanceof optim.Optimizer,
  )
  expect(all.map(rule => (rule as { name: string }).name).filter(name => !names.has(name))).toEqual([])
  expect(all.length).toBeGreaterThan(15)
})
