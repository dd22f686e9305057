// Every rule against a plain loop in double precision, for 45 steps with a learning rate that moves.

import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { expectClose, leaf, numbers, setGrad } from '../testing.ts'
import { Adagrad, Adam, Adamax, AdamW, NAdam, type Optimizer, RAdam, RMSprop, SGD } from './index.ts'

const size = 6
const steps = 45
const start = numbers(size, 9)
const gradient = (step: number): number[] => numbers(size, 100 + step).map(v => v * 2)
const rate = (step: number): number => 0.02 / (1 + step / 10)

/** One element of a plain optimizer: state is whatever it likes, the step counts from 1. */
type Plain = (p: number, g: number, s: Record<string, number>, t: number, lr: number) => number

const cases: [name: string, make: (p: ReturnType<typeof leaf>) => Optimizer<{ lr: number }>, plain: Plain][] = [
  ['SGD', p => new SGD([p], { lr: 1 }), (p, g, _s, _t, lr) => p - lr * g],
  [
    'SGD with momentum, dampening and decay',
    p => new SGD([p], { lr: 1, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 }),
    (p, g, s, t, lr) => {
      g += 0.1 * p
      s.m = t === 1 ? g : 0.9 * s.m + 0.7 * g
      return p - lr * s.m
    },
  ],
  [
    'SGD with Nesterov momentum, upwards',
    p => new SGD([p], { lr: 1, momentum: 0.8, nesterov: true, maximize: true }),
    (p, g, s, _t, lr) => {
      s.m = 0.8 * (s.m ?? 0) - g
      return p - lr * (-g + 0.8 * s.m)
    },
  ],
  ['Adam', p => new Adam([p]), (p, g, s, t, lr) => adam(p, g, s, t, lr, 0, 0)],
  [
    'Adam with decay',
    p => new Adam([p], { weightDecay: 0.2, betas: [0.8, 0.95] }),
    (p, g, s, t, lr) => adam(p, g, s, t, lr, 0.2, 0, [0.8, 0.95]),
  ],
  [
    'Adam with the largest average',
    p => new Adam([p], { amsgrad: true, eps: 1e-4 }),
    (p, g, s, t, lr) => {
      average(s, g, [0.9, 0.999])
      s.top = Math.max(s.top ?? 0, s.v)
      return p - (lr * (s.m / (1 - 0.9 ** t))) / (Math.sqrt(s.top / (1 - 0.999 ** t)) + 1e-4)
    },
  ],
  ['AdamW', p => new AdamW([p], { weightDecay: 0.3 }), (p, g, s, t, lr) => adam(p, g, s, t, lr, 0, 0.3)],
  [
    'Adamax',
    p => new Adamax([p]),
    (p, g, s, t, lr) => {
      s.m = 0.9 * (s.m ?? 0) + 0.1 * g
      s.u = Math.max(0.999 * (s.u ?? 0), Math.abs(g) + 1e-8)
      return p - ((lr / (1 - 0.9 ** t)) * s.m) / s.u
    },
  ],
  [
    'RAdam',
    p => new RAdam([p]),
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
    p => new NAdam([p]),
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
    p => new RMSprop([p], { centered: true, momentum: 0.5, alpha: 0.9, weightDecay: 0.1 }),
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
    p => new Adagrad([p], { lrDecay: 0.1, initialAccumulatorValue: 0.5 }),
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

for (const [name, make, plain] of cases)
  onEachDevice(name, async () => {
    const p = leaf(start)
    const opt = make(p)
    let wanted = start.slice()
    const states = start.map(() => ({}))
    for (let step = 0; step < steps; step++) {
      opt.lr = rate(step)
      setGrad(p, gradient(step))
      await opt.step()
      wanted = wanted.map((v, i) => plain(v, gradient(step)[i], states[i], step + 1, rate(step)))
      if (step === 0) await expectClose(p, wanted)
    }
    await expectClose(p, wanted)
    expect(Math.max(...wanted.map((v, i) => Math.abs(v - start[i])))).toBeGreaterThan(0.05)
  })
