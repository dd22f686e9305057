// Ops at shapes that nobody chose: random ranks, sizes, broadcasts and axes, contiguous and as views. Values against double precision, first and
// second derivatives and forward mode against finite differences, vmap against a loop. CAIRN_TEST_SEED varies them.

import { describe } from 'vitest'
import { cat, type Shape, stack, type Tensor, where } from '../index.ts'
import { sizeOf } from '../shape.ts'
import { checkOp, type Op, type OpTest } from '../testing/check-op.ts'
import { type Draw, draw } from '../testing/random.ts'

const shapeOf = (from: Draw, least = 0): number[] => {
  for (;;) {
    const shape = Array.from({ length: from.integer(least, 5) }, () => from.integer(1, 5))
    if (sizeOf(shape) <= 60) return shape
  }
}

/** A shape that broadcasts to this one: leading axes missing, some sizes 1. */
const smaller = (from: Draw, shape: Shape): number[] =>
  shape.slice(from.integer(0, shape.length + 1)).map(n => (from.uniform() < 0.4 ? 1 : n))

const of = <T>(name: string, make: (from: Draw) => T, count = 4): T[] => {
  const from = draw(`shapes of ${name}`)
  return Array.from({ length: count }, () => make(from))
}

/** Two operands, either of which may be the one that is stretched. */
const pairs = (name: string): Shape[][] =>
  of(name, from => {
    const shape = shapeOf(from, 1)
    const other = smaller(from, shape)
    return from.uniform() < 0.5 ? [shape, other] : [other, shape]
  }).map(([a, b]) => [a, b])

const check = (name: string, op: Op, options: OpTest): void =>
  checkOp(`${name} at random shapes`, op, { ...options, webgpu: 'none' })

describe('broadcasts', () => {
  const binary: Record<string, readonly [op: Op, range?: OpTest['range']]> = {
    add: [(a, b) => a.add(b)],
    sub: [(a, b) => a.sub(b)],
    mul: [(a, b) => a.mul(b)],
    div: [(a, b) => a.div(b), [0.5, 2]],
    pow: [(a, b) => a.pow(b), [0.5, 2]],
    atan2: [(a, b) => a.atan2(b), [0.5, 2]],
    maximum: [(a, b) => a.maximum(b)],
    minimum: [(a, b) => a.minimum(b)],
    where: [(a, b) => where(a.lt(b), a.sin(), b.exp())],
  }
  for (const [name, [op, range]] of Object.entries(binary)) check(name, op, { shapes: pairs(name), range })
})

describe('axes', () => {
  /** The last axis and every second one before it: no choice that a shape could not have. */
  const some = (x: Tensor): number[] => x.shape.flatMap((_, d) => ((x.ndim - 1 - d) % 2 === 0 ? [d] : []))
  const reductions: Record<string, Op> = {
    sum: x => x.sum(some(x)),
    mean: x => x.mean(some(x), { keepDim: true }),
    prod: x => x.prod(some(x)),
    max: x => x.max(some(x)),
    min: x => x.min(some(x), { keepDim: true }),
    logsumexp: x => x.logsumexp(some(x)),
    norm: x => x.norm(some(x)),
    softmax: x => x.softmax(0),
    logSoftmax: x => x.logSoftmax(-1),
    cumsum: x => x.cumsum(0),
  }
  for (const [name, op] of Object.entries(reductions)) check(name, op, { shapes: of(name, from => shapeOf(from, 1)) })
})

describe('movement', () => {
  const moves: Record<string, Op> = {
    permute: x => x.permute(x.shape.map((_, d) => (d + 1) % x.ndim)),
    flip: x => x.flip([0, -1].slice(0, x.ndim)),
    slice: x => x.slice(...x.shape.map((n, d) => [n > 2 ? 1 : 0, null, (d % 2) + 1] as const)),
    pad: x => x.pad(x.shape.map((_, d) => [d % 2, 1] as const)),
    expand: x => x.unsqueeze(1).expand([x.shape[0], 3, ...x.shape.slice(1)]),
    repeat: x => x.repeat(...x.shape.map((_, d) => (d % 2) + 1)),
    flatten: x => x.flatten(),
    cat: x => cat([x, x.exp()], -1),
    stack: x => stack([x, x.sin(), x], 1),
  }
  for (const [name, op] of Object.entries(moves))
    check(name, x => op(x).mul(op(x).cos()), { shapes: of(name, from => shapeOf(from, 1)) })
})

describe('products', () => {
  const operands = of(
    'matmul',
    from => {
      const batch = shapeOf(from).slice(0, 2)
      const [m, k, n] = [0, 1, 2].map(() => from.integer(1, 5))
      return [
        [...batch, m, k],
        [...smaller(from, batch), k, n],
      ]
    },
    6,
  )
  check('matmul', (a, b) => a.matmul(b), { shapes: operands })
})
