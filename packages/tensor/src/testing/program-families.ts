// More steps for random programs: broadcasts and the families that `programs.ts` leaves out, scans, moves, lookups, windows, products of
// batches, attention. All smooth and bounded, and without choices that rounding could turn over.

import { attention, avgPool1d, conv1d } from '../functional/index.ts'
import { type Tensor, tensor, where } from '../index.ts'
import type { Maker, Shape } from './programs.ts'
import type { Draw } from './random.ts'

const pick = <T>(from: Draw, list: readonly T[]): T => list[from.integer(0, list.length)]
const index = (values: readonly number[], shape: Shape): Tensor => tensor(Int32Array.from(values), shape)
const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

function broadcast(a: Shape, b: Shape): Shape | undefined {
  const out: number[] = []
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [m, n] = [a.at(-1 - i) ?? 1, b.at(-1 - i) ?? 1]
    if (m !== n && m !== 1 && n !== 1) return undefined
    out.unshift(m === 1 ? n : m)
  }
  return out
}

const binary: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => b.sub(a),
  mul: (a, b) => a.mul(b.tanh()),
  hypot: (a, b) => a.square().add(b.square()).add(0.3).sqrt(),
  lerp: (a, b) => a.lerp(b, 0.3),
  addcmul: (a, b) => a.addcmul(b.tanh(), a.tanh(), 0.5),
  gate: (a, b) => a.mul(b.sigmoid()),
  keep: (a, b) => where(a.detach().sin().add(2).gt(0), a.mul(b.cos()), b),
}

const unary: Record<string, (x: Tensor) => Tensor> = {
  mish: x => x.mish(),
  softplus: x => x.softplus(),
  erf: x => x.erf(),
  atan: x => x.atan(),
  logSigmoid: x => x.logSigmoid(),
  rsqrt: x => x.square().add(1).rsqrt(),
  reciprocal: x => x.square().add(1).reciprocal(),
  pow: x => x.tanh().add(2).pow(1.7),
  expm1: x => x.tanh().expm1(),
  log1p: x => x.square().log1p(),
  copies: x => x.clone().add(x.mul(0.25)),
}

/** Along one axis, of the same shape. */
const along: Record<string, (x: Tensor, axis: number, size: number) => Tensor> = {
  cumsum: (x, axis, size) => x.cumsum(axis).mul(1 / size),
  cumprod: (x, axis) => x.tanh().mul(0.2).add(1).cumprod(axis),
  logcumsumexp: (x, axis) => x.logcumsumexp(axis),
  flip: (x, axis) => x.flip(axis),
  roll: (x, axis, size) => x.roll(1 + (size >> 1), axis),
  normalize: (x, axis) =>
    x.sub(x.mean(axis, { keepDim: true })).div(x.var(axis, { keepDim: true, correction: 0 }).add(0.5).sqrt()),
  rms: (x, axis) => x.div(x.square().mean(axis, { keepDim: true }).add(0.5).sqrt()),
}

/** One number of each slice. */
const reduced: Record<string, (x: Tensor, axis: number) => Tensor> = {
  prod: (x, axis) => x.tanh().mul(0.3).add(1).prod(axis),
  var: (x, axis) => x.var(axis, { correction: 0 }),
  norm: (x, axis) => x.square().sum(axis).add(0.5).sqrt(),
}

const withAxis = (from: Draw, pool: readonly Shape[]) => {
  const i = from.integer(0, pool.length)
  const shape = pool[i]
  return shape.length === 0 ? null : { i, shape, axis: from.integer(0, shape.length) }
}

const resized = (shape: Shape, axis: number, size: number): number[] => shape.map((n, d) => (d === axis ? size : n))

export const families: readonly Maker[] = [
  (from, pool) => {
    const i = from.integer(0, pool.length)
    const fitting = pool.flatMap((shape, j) => (broadcast(pool[i], shape) ? [j] : []))
    const j = pick(from, fitting)
    const name = pick(from, Object.keys(binary))
    return { text: `${name}(${i}, ${j})`, shape: broadcast(pool[i], pool[j])!, apply: v => binary[name](v[i], v[j]) }
  },
  (from, pool) => {
    const i = from.integer(0, pool.length)
    const name = pick(from, Object.keys(unary))
    return { text: `${name}(${i})`, shape: pool[i], apply: v => unary[name](v[i]) }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const name = pick(from, Object.keys(along))
    return { text: `${name}(${i}, ${axis})`, shape, apply: v => along[name](v[i], axis, shape[axis]) }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const name = pick(from, Object.keys(reduced))
    return {
      text: `${name}(${i}, ${axis})`,
      shape: shape.filter((_, d) => d !== axis),
      apply: v => reduced[name](v[i], axis),
    }
  },
  (from, pool) => {
    const i = from.integer(0, pool.length)
    const axis = from.integer(0, pool[i].length + 1)
    const n = from.integer(1, 5)
    const shape = pool[i].toSpliced(axis, 0, n)
    return { text: `expand(${i}, ${axis}, ${n})`, shape, apply: v => v[i].unsqueeze(axis).expand(shape) }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const n = from.integer(1, 4)
    const out = resized(shape, axis, shape[axis] * n)
    return from.uniform() < 0.5
      ? { text: `interleave(${i}, ${n}, ${axis})`, shape: out, apply: v => v[i].repeatInterleave(n, axis) }
      : {
          text: `repeat(${i}, ${n}, ${axis})`,
          shape: out,
          apply: v =>
            v[i].repeat(
              ...resized(
                shape.map(() => 1),
                axis,
                n,
              ),
            ),
        }
  },
  (from, pool) => {
    const i = from.integer(0, pool.length)
    if (pool[i].length < 2) return null
    const offset = from.integer(-1, 2)
    const name = pick(from, ['tril', 'triu'] as const)
    return { text: `${name}(${i}, ${offset})`, shape: pool[i], apply: v => v[i][name](offset) }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const out = resized(shape, axis, from.integer(1, 5))
    const values = Array.from({ length: sizeOf(out) }, () => from.integer(0, shape[axis]))
    return { text: `gather(${i}, ${axis}, ${values})`, shape: out, apply: v => v[i].gather(axis, index(values, out)) }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const values = Array.from({ length: sizeOf(shape) }, () => from.integer(0, shape[axis]))
    return {
      text: `scatterAdd(${i}, ${axis}, ${values})`,
      shape,
      apply: v => v[i].mul(0.5).scatterAdd(axis, index(values, shape), v[i].sin().mul(0.3)),
    }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const length = from.integer(1, shape[axis] + 1)
    const start = from.integer(0, shape[axis] - length + 1)
    const isMoving = from.uniform() < 0.5
    return {
      text: `narrow(${i}, ${axis}, ${isMoving ? `tensor ${start}` : start}, ${length})`,
      shape: resized(shape, axis, length),
      apply: v => v[i].narrow(axis, isMoving ? index([start], []) : start, length),
    }
  },
  (from, pool) => {
    const at = withAxis(from, pool)
    if (!at) return null
    const { i, shape, axis } = at
    const size = from.integer(1, shape[axis] + 1)
    const step = from.integer(1, 3)
    const out = [...resized(shape, axis, Math.floor((shape[axis] - size) / step) + 1), size]
    return { text: `windows(${i}, ${axis}, ${size}, ${step})`, shape: out, apply: v => v[i].windows(axis, size, step) }
  },
  (from, pool) => {
    // Both operands of a product as they lie, or one of them across.
    const batches = pool.flatMap((shape, j) => (shape.length === 3 ? [j] : []))
    if (batches.length === 0) return null
    const i = pick(from, batches)
    const [b, m, k] = pool[i]
    const fitting = batches.flatMap(j => {
      const [c, p, q] = pool[j]
      if (c !== b && c !== 1) return []
      return [...(p === k ? [{ j, across: false, n: q }] : []), ...(q === k ? [{ j, across: true, n: p }] : [])]
    })
    const { j, across, n } = pick(from, fitting)
    return {
      text: `batched(${i}, ${j}${across ? ' across' : ''})`,
      shape: [b, m, n],
      apply: v => v[i].matmul(across ? v[j].transpose(-1, -2) : v[j]).mul(1 / k),
    }
  },
  (from, pool) => {
    const matrices = pool.flatMap((shape, j) => (shape.length === 2 ? [j] : []))
    if (matrices.length === 0) return null
    const i = pick(from, matrices)
    const fitting = matrices.filter(j => pool[j][0] === pool[i][0])
    const j = pick(from, fitting)
    const [k, m] = pool[i]
    return {
      text: `columns(${i}, ${j})`,
      shape: [m, pool[j][1]],
      apply: v =>
        v[i]
          .transpose(0, 1)
          .matmul(v[j])
          .mul(1 / k),
    }
  },
  (from, pool) => {
    const blocks = pool.flatMap((shape, j) => (shape.length === 3 ? [j] : []))
    if (blocks.length === 0) return null
    const i = pick(from, blocks)
    const [batch, length, width] = pool[i]
    const causal = from.uniform() < 0.5
    const ends = index(
      Array.from({ length }, (_, q) => (causal ? q + 1 : length)),
      [1, length],
    )
    return {
      text: `attention(${i}, ${causal})`,
      shape: [batch, length, width],
      apply: v => {
        const [q, k, x] = [v[i].tanh(), v[i].flip(2), v[i]].map(t => t.reshape([batch, 1, length, width]))
        return (q.dtype === 'f64' ? plainAttention(q, k, x, causal) : attention(q, k, x, { ends })).reshape(pool[i])
      },
    }
  },
  (from, pool) => {
    const signals = pool.flatMap((shape, j) => (shape.length === 3 ? [j] : []))
    if (signals.length === 0) return null
    const i = pick(from, signals)
    const [n, channels, length] = pool[i]
    const size = from.integer(1, Math.min(3, length) + 1)
    const padding = from.integer(0, 2)
    const stride = from.integer(1, 3)
    const out = Math.floor((length + 2 * padding - size) / stride) + 1
    if (from.uniform() < 0.3) {
      const pooled = Math.floor((length - size) / stride) + 1
      return {
        text: `avgPool(${i}, ${size}, ${stride})`,
        shape: [n, channels, pooled],
        apply: v => avgPool1d(v[i], size, { stride }),
      }
    }
    return {
      text: `conv(${i}, ${size}, ${stride}, ${padding})`,
      shape: [n, n, out],
      apply: v =>
        conv1d(v[i], v[i].narrow(2, 0, size).tanh(), undefined, { stride, padding }).mul(1 / (channels * size)),
    }
  },
]

function plainAttention(q: Tensor, k: Tensor, v: Tensor, causal: boolean): Tensor {
  const [, , length, width] = q.shape
  let scores = q.matmul(k.transpose(-1, -2)).mul(1 / Math.sqrt(width))
  if (causal) {
    const hidden = Array.from({ length: length * length }, (_, at) => (at % length > Math.floor(at / length) ? 1 : 0))
    scores = scores.maskedFill(index(hidden, [length, length]).gt(0), -1e30)
  }
  return scores.softmax(-1).matmul(v)
}
