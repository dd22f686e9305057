// Random programs: graphs of ops on small tensors, with shared values, views, broadcasts and reductions, to compare devices on what
// nobody thought of. A program is a list of choices, so that it can be run on any device and printed when it fails.

import { cat, type Tensor, where } from '../index.ts'
import type { Draw } from './random.ts'

export interface Program {
  readonly steps: readonly string[]
  run(leaves: readonly Tensor[]): Tensor[]
}

/** Draws a step on the values that are there; null where none fits. */
export type Maker = (
  from: Draw,
  pool: readonly Shape[],
) => { text: string; shape: Shape; apply: (values: Tensor[]) => Tensor } | null
export type Shape = readonly number[]

const pick = <T>(from: Draw, list: readonly T[]): T => list[from.integer(0, list.length)]
const anyOf = (from: Draw, pool: readonly Shape[]): number => from.integer(0, pool.length)
const same = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i])

/** smooth and bounded, so that rounding does not grow along a program */
const unary: Record<string, (x: Tensor) => Tensor> = {
  tanh: x => x.tanh(),
  sigmoid: x => x.sigmoid(),
  sin: x => x.sin(),
  exp: x => x.tanh().exp(),
  log: x => x.square().add(1).log(),
  sqrt: x => x.square().add(0.5).sqrt(),
  gelu: x => x.gelu(),
  silu: x => x.silu(),
  neg: x => x.neg(),
  scale: x => x.mul(0.7).add(0.1),
  abs: x => x.abs(),
  relu: x => x.relu(),
  detach: x => x.detach().mul(0.5).add(x),
}

const binary: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.tanh().mul(b),
  div: (a, b) => a.div(b.square().add(1)),
  max: (a, b) => a.maximum(b),
  where: (a, b) => where(a.lt(b), a, b.mul(0.5)),
}

const makers: readonly Maker[] = [
  (from, pool) => {
    const i = anyOf(from, pool)
    const name = pick(from, Object.keys(unary))
    return { text: `${name}(${i})`, shape: pool[i], apply: v => unary[name](v[i]) }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const fitting = pool.flatMap((s, j) => (same(s, pool[i]) || s.length === 0 ? [j] : []))
    const j = pick(from, fitting)
    const name = pick(from, Object.keys(binary))
    return { text: `${name}(${i}, ${j})`, shape: pool[i], apply: v => binary[name](v[i], v[j]) }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const axis = from.integer(0, shape.length)
    const keepDim = from.uniform() < 0.5
    const name = pick(from, ['sum', 'mean', 'max', 'min', 'logsumexp'] as const)
    const out = shape.flatMap((n, d) => (d === axis ? (keepDim ? [1] : []) : [n]))
    const scale = name === 'sum' ? 1 / shape[axis] : 1
    return {
      text: `${name}(${i}, ${axis}, ${keepDim})`,
      shape: out,
      apply: v => v[i][name](axis, { keepDim }).mul(scale),
    }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const axis = from.integer(0, shape.length)
    const name = pick(from, ['softmax', 'logSoftmax'] as const)
    return { text: `${name}(${i}, ${axis})`, shape, apply: v => v[i][name](axis) }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length < 2) return null
    const order = shape.map((_, d) => d).sort(() => from.uniform() - 0.5)
    return { text: `permute(${i}, ${order})`, shape: order.map(d => shape[d]), apply: v => v[i].permute(order) }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    const size = shape.reduce((a, b) => a * b, 1)
    const divisors = [1, 2, 3, 4, 6].filter(n => size % n === 0)
    const first = pick(from, divisors)
    const out = [first, size / first]
    return { text: `reshape(${i}, ${out})`, shape: out, apply: v => v[i].reshape(out) }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const axis = from.integer(0, shape.length)
    const step = pick(from, [1, -1, 2, -2])
    const length = Math.ceil(shape[axis] / Math.abs(step))
    return {
      text: `slice(${i}, ${axis}, ${step})`,
      shape: shape.map((n, d) => (d === axis ? length : n)),
      apply: v => v[i].slice(...shape.map((_, d) => (d === axis ? ([null, null, step] as const) : null))),
    }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const axis = from.integer(0, shape.length)
    const widths = shape.map(
      (_, d) => (d === axis ? [from.integer(0, 3), from.integer(0, 3)] : [0, 0]) as [number, number],
    )
    return {
      text: `pad(${i}, ${widths.join(' ')})`,
      shape: shape.map((n, d) => n + widths[d][0] + widths[d][1]),
      apply: v => v[i].pad(widths),
    }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    if (pool[i].length === 0) return null
    const axis = from.integer(0, pool[i].length)
    const fitting = pool.flatMap((s, j) =>
      s.length === pool[i].length && s.every((n, d) => d === axis || n === pool[i][d]) ? [j] : [],
    )
    const j = pick(from, fitting)
    return {
      text: `cat(${i}, ${j}, ${axis})`,
      shape: pool[i].map((n, d) => (d === axis ? n + pool[j][d] : n)),
      apply: v => cat([v[i], v[j]], axis),
    }
  },
  (from, pool) => {
    const matrices = pool.flatMap((s, j) => (s.length >= 2 ? [j] : []))
    if (matrices.length === 0) return null
    const i = pick(from, matrices)
    const k = pool[i][pool[i].length - 1]
    const fitting = matrices.filter(j => pool[j].length === 2 && pool[j][0] === k)
    if (fitting.length === 0)
      return {
        text: `gram(${i})`,
        shape: [...pool[i].slice(0, -1), pool[i][pool[i].length - 2]],
        apply: v => v[i].matmul(v[i].transpose(-1, -2)).mul(1 / k),
      }
    const j = pick(from, fitting)
    return {
      text: `matmul(${i}, ${j})`,
      shape: [...pool[i].slice(0, -1), pool[j][1]],
      apply: v => v[i].matmul(v[j]).mul(1 / k),
    }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const n = from.integer(1, 4)
    const index = Array.from({ length: n }, () => from.integer(0, shape[0]))
    const text = `rows(${i}, ${index})`
    return {
      text,
      shape: [n, ...shape.slice(1)],
      apply: v => v[i].indexSelect(0, indexOf(index, v[i])),
    }
  },
  (from, pool) => {
    const i = anyOf(from, pool)
    const shape = pool[i]
    if (shape.length === 0) return null
    const n = from.integer(1, 5)
    const index = Array.from({ length: n }, () => from.integer(0, shape[0]))
    return {
      text: `addRows(${i}, ${index})`,
      shape,
      apply: v => v[i].indexAdd(0, indexOf(index, v[i]), v[i].indexSelect(0, indexOf(index, v[i])).mul(0.5)),
    }
  },
]

/** an index as i32, made of arithmetic on the device of `like` */
function indexOf(index: readonly number[], like: Tensor): Tensor {
  const zero = like.detach().sum().mul(0).to('i32')
  return cat(index.map(i => zero.add(i).reshape([1])))
}

export interface ProgramOptions {
  /** More kinds of steps, each as likely as those that are always there. */
  readonly also?: readonly Maker[]
  /** No value has more elements. Default: 600. */
  readonly most?: number
}

/** A program of `length` steps on leaves of the given shapes; its results are the last values that nothing else uses, and one in between. */
export function randomProgram(
  from: Draw,
  shapes: readonly Shape[],
  length: number,
  { also = [], most = 600 }: ProgramOptions = {},
): Program {
  const steps = [...makers, ...also]
  const pool: Shape[] = [...shapes]
  const made: { text: string; apply: (values: Tensor[]) => Tensor }[] = []
  while (made.length < length) {
    const step = pick(from, steps)(from, pool)
    if (!step || step.shape.reduce((a, b) => a * b, 1) > most || step.shape.length > 4) continue
    pool.push(step.shape)
    made.push(step)
  }
  const outputs = [pool.length - 1, shapes.length + from.integer(0, length), shapes.length + from.integer(0, length)]
  return {
    steps: [...made.map((m, i) => `${shapes.length + i} = ${m.text}`), `outputs ${outputs}`],
    run(leaves) {
      const values = [...leaves]
      for (const m of made) values.push(m.apply(values))
      return outputs.map(i => values[i])
    },
  }
}
