// Gradcheck: every differentiable op of the table at first and second order in f64, over random shapes, broadcasts and strides. CAIRN_TEST_SEED varies them.
// The last test holds the table to the ops that there are.

import { describe, expect, test } from 'vitest'
import type { RecurrentWeights } from '../functional/index.ts'
import * as functional from '../functional/index.ts'
import * as api from '../index.ts'
import { cat, type Shape, stack, type Tensor, tensor, where } from '../index.ts'
import { sizeOf } from '../shape.ts'
import * as special from '../special/index.ts'
import { checkGradients, type Op, type OpTest } from '../testing/check-op.ts'
import { type Draw, draw } from '../testing/random.ts'
import * as einsums from './einsum.ts'
import { opTable } from './methods.ts'

type Range = readonly [number, number]
type Shapes = (from: Draw) => Shape[]
interface Row {
  readonly op: Op
  readonly shapes: Shapes
  readonly range?: OpTest['range']
  readonly second?: false
}

const sizes = (from: Draw, least: number, most = 4): number[] => {
  for (;;) {
    const shape = Array.from({ length: from.integer(least, most + 1) }, () => from.integer(1, 5))
    if (sizeOf(shape) <= 24) return shape
  }
}
const any: Shapes = from => [sizes(from, 0)]
const axes: Shapes = from => [sizes(from, 1)]
const matrices: Shapes = from => [sizes(from, 2)]
const square: Shapes = from => {
  const n = from.integer(2, 5)
  return [[n, n]]
}
const vector: Shapes = from => [[from.integer(2, 7)]]
/** The last axis has at least three elements. */
const long: Shapes = from => [[...sizes(from, 0, 2).slice(0, 2), from.integer(3, 6)]]
/** Two shapes that broadcast, either of which may be the one that is stretched. */
const pair: Shapes = from => {
  const shape = sizes(from, 1)
  const other = shape.slice(from.integer(0, shape.length + 1)).map(n => (from.uniform() < 0.4 ? 1 : n))
  return from.uniform() < 0.5 ? [shape, other] : [other, shape]
}
const alike: Shapes = from => {
  const shape = sizes(from, 1)
  return [shape, shape]
}
const images =
  (rank: number, size = 5): Shapes =>
  from => [[from.integer(1, 3), from.integer(1, 3), ...Array.from({ length: rank }, () => from.integer(3, size + 1))]]

const rows = new Map<string, Row>()
const add = (shapes: Shapes, range: OpTest['range'], ops: Readonly<Record<string, Op>>): void => {
  for (const [name, op] of Object.entries(ops)) rows.set(name, { op, shapes, ...(range && { range }) })
}
/** Ops that are methods of one tensor and take nothing else. */
const methods = (shapes: Shapes, range: Range | undefined, names: string): void => {
  for (const name of names.split(' ')) rows.set(name, { op: x => (x as unknown as Record<string, () => Tensor>)[name](), shapes, ...(range && { range }) }) // biome-ignore format: one row
}

methods(any, [0.3, 2], 'abs neg exp expm1 log log1p sin cos tanh sqrt rsqrt reciprocal square erf sigmoid silu mish softplus logSigmoid gelu relu elu leakyRelu hardswish sinh cosh asinh atan exp2 log2 log10 deg2rad rad2deg sinc nanToNum clone') // biome-ignore format: names
methods(any, [0.1, 0.8], 'tan asin acos atanh logit hardsigmoid ceil floor round trunc sign frac')
methods(any, [1.2, 3], 'acosh')
methods(axes, undefined, 'sum mean prod max min amax amin norm nanmean nansum std variance flatten diagflat')
methods(matrices, undefined, 'mT')
methods(square, undefined, 't trace cov corrcoef')

add(any, [0.3, 2], {
  erfc: special.erfc,
  ndtr: special.ndtr,
  entr: special.entr,
  lgamma: special.lgamma,
  digamma: special.digamma,
  polygamma: x => special.polygamma(x, 2),
  mvlgamma: x => special.mvlgamma(x.add(1), 2),
})
add(any, [0.1, 0.8], { erfinv: special.erfinv, ndtri: special.ndtri })
add(pair, [0.3, 2], { xlog1py: special.xlog1py })
add(any, [0.3, 2], {
  clamp: x => x.clamp(0.5, 1.5).mul(x),
  clampMin: x => x.clampMin(0.7).mul(x),
  clampMax: x => x.clampMax(0.7).mul(x),
  maskedFill: x => x.maskedFill(x.lt(1), 0.5).mul(x),
  to: x => x.to('f64'),
  bitwise: x => x,
})
rows.delete('bitwise')

add(pair, [0.3, 2], {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  pow: (a, b) => a.pow(b),
  atan2: (a, b) => a.atan2(b),
  hypot: (a, b) => a.hypot(b),
  logaddexp: (a, b) => a.logaddexp(b),
  logaddexp2: (a, b) => a.logaddexp2(b),
  xlogy: (a, b) => a.xlogy(b),
  maximum: (a, b) => a.maximum(b).mul(a),
  minimum: (a, b) => a.minimum(b).mul(b),
  fmax: (a, b) => a.fmax(b).mul(a),
  fmin: (a, b) => a.fmin(b).mul(b),
  fmod: (a, b) => a.fmod(b.add(3)).mul(b),
  remainder: (a, b) => a.remainder(b.add(3)).mul(b),
  copysign: (a, b) => a.copysign(b.neg()).mul(b),
  lerp: (a, b) => a.lerp(b, 0.3),
  addcmul: (a, b) => a.addcmul(a, b, 0.5),
  addcdiv: (a, b) => a.addcdiv(a, b, 0.5),
  where: (a, b) => where(a.lt(b), a.sin(), b.exp()),
  expandAs: (a, b) => a.expandAs(a.add(b)),
  broadcastTensors: (a, b) => stack(api.broadcastTensors(a, b)).cos(),
})
add(alike, [0.3, 2], { dist: (a, b) => a.dist(b.add(3)) })

const integers = (values: readonly number[], shape: Shape): Tensor => tensor(Int32Array.from(values), [...shape])
/** Positions along an axis of `size`, some twice. */
const places = (shape: Shape, size: number): Tensor =>
  integers(Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7 + 3) % size), shape) // biome-ignore format: one call

add(axes, undefined, {
  logsumexp: x => x.logsumexp(-1),
  softmax: x => x.softmax(0),
  logSoftmax: x => x.logSoftmax(-1),
  cumsum: x => x.cumsum(0).mul(x),
  cumprod: x => x.cumprod(-1),
  logcumsumexp: x => x.logcumsumexp(-1),
  cummax: x => x.cummax(0)[0].mul(x),
  cummin: x => x.cummin(0)[0].mul(x),
  aminmax: x => stack(x.aminmax(-1)).square(),
  renorm: x => x.renorm(2, 0, 0.7),
  trapezoid: x => x.square().trapezoid({ axis: 0 }),
  reshape: x => x.reshape([-1]),
  view: x => x.view([1, -1]),
  squeeze: x => x.squeeze(),
  unsqueeze: x => x.unsqueeze(-1),
  expand: x => x.unsqueeze(0).expand([2, ...x.shape]), // biome-ignore format: one line
  broadcastTo: x => x.broadcastTo([2, ...x.shape]),
  permute: x => x.permute(x.shape.map((_, d) => (d + 1) % x.ndim)),
  transpose: x => x.transpose(0, -1),
  movedim: x => x.movedim(0, -1),
  flip: x => x.flip([0]),
  roll: x => x.roll(1, 0).mul(x),
  slice: x => x.slice(...x.shape.map((n, d) => [n > 2 ? 1 : 0, null, (d % 2) + 1] as const)),
  narrow: x => x.narrow(0, x.shape[0] - 1, 1),
  setNarrow: x => x.setNarrow(0, 0, x.narrow(0, x.shape[0] - 1, 1).sin()).mul(x),
  select: x => x.select(0, 0),
  split: x => cat(x.split(2, 0).reverse(), 0).mul(x),
  chunk: x => cat(x.chunk(2, -1).reverse(), -1).mul(x),
  tensorSplit: x => cat(x.tensorSplit(2, 0).reverse(), 0).mul(x),
  unbind: x => stack(x.unbind(0), -1),
  pad: x => x.pad(x.shape.map((_, d) => [d % 2, 1] as const)),
  padWith: x => x.padWith(x.shape.map(() => [0, 1] as const), 'replicate'), // biome-ignore format: one line
  padLast: x => x.padLast([1, 2], 'replicate'),
  dilate: x => x.dilate(0, 2),
  repeat: x => x.repeat(...x.shape.map((_, d) => (d % 2) + 1)),
  tile: x => x.tile([2]),
  repeatInterleave: x => x.repeatInterleave(2, 0),
  unflatten: x => x.unflatten(0, [1, x.shape[0]]),
  windows: x => x.windows(0, Math.min(2, x.shape[0])),
  unfold: x => x.unfold(0, Math.min(2, x.shape[0]), 1),
  varMean: x => stack(x.varMean(-1, { correction: 0 })),
  stdMean: x => stack(x.add(x.cumsum(-1).mul(4)).stdMean(0, { correction: 0 })).sin().mul(x.ndim), // biome-ignore format: one line
  gather: x => x.gather(0, places(x.shape, x.shape[0])),
  indexSelect: x => x.indexSelect(0, places([3], x.shape[0])),
  indexAdd: x => x.indexAdd(0, places([x.shape[0]], x.shape[0]), x.sin()).square(),
  indexCopy: x => x.indexCopy(0, integers([0], [1]), x.narrow(0, x.shape[0] - 1, 1).sin()).square(), // biome-ignore format: one line
  indexFill: x => x.indexFill(0, integers([0], [1]), 0.5),
  scatter: x => x.scatter(0, integers(new Array(sizeOf(x.shape) / x.shape[0]).fill(0), [1, ...x.shape.slice(1)]), x.narrow(0, x.shape[0] - 1, 1).sin()).square(), // biome-ignore format: one line
  scatterAdd: x => x.scatterAdd(0, places(x.shape, x.shape[0]), x.sin()).square(),
  scatterMax: x => x.scatterMax(0, places(x.shape, x.shape[0]), x.sin()).mul(x),
  scatterMin: x => x.scatterMin(0, places(x.shape, x.shape[0]), x.sin()).mul(x),
  scatterReduce: x => x.scatterReduce(0, places(x.shape, x.shape[0]), x.sin(), 'mean').square(),
  index: x => x.index(places([2], x.shape[0])),
  take: x => x.take(places([3], sizeOf(x.shape))),
  takeAlongDim: x => x.takeAlongDim(places(x.shape, x.shape[0]), 0),
  maskedScatter: x => x.maskedScatter(x.gt(0), x.flatten().sin()).mul(x),
  sort: x => x.sort(-1)[0].mul(x),
  topk: x => x.topk(1, -1)[0],
  kthvalue: x => x.kthvalue(1, -1)[0],
  median: x => x.median(-1),
  nanmedian: x => x.nanmedian(-1),
  quantile: x => x.quantile(0.3, -1),
  nanquantile: x => x.nanquantile(0.3, -1),
  mode: x => x.mode(-1)[0],
  cat: x => cat([x, x.exp()], -1),
  stack: x => stack([x, x.sin(), x], 1).square(),
  scan: x => {
    const [end, [all]] = api.scan((sum: Tensor, [row]) => [sum.mul(0.5).add(row), [sum.mul(row)]], x.select(0, 0), [x])
    return all.add(end)
  },
})
add(long, undefined, { diff: x => x.diff(2, -1).sin() })
add(matrices, undefined, {
  tril: x => x.tril(),
  triu: x => x.triu(1),
  diagonal: x => x.diagonal(0, -2, -1),
  rot90: x => x.rot90(1, [0, 1]),
})
add(vector, undefined, {
  diag: x => x.diag(1),
  diagEmbed: x => x.diagEmbed(1),
  vander: x => x.vander(3),
  meshgrid: x => stack(api.meshgrid([x, x.exp()])).prod(0),
  cartesianProd: x => api.cartesianProd(x, x.exp()).prod(1),
  blockDiag: x => api.blockDiag(x.unsqueeze(0), x.exp().unsqueeze(1)),
})
add(from => Array.from({ length: 2 }, () => [from.integer(1, 5)]), undefined, { outer: (a, b) => a.outer(b).sin() }) // biome-ignore format: one line
add(from => [sizes(from, 1, 2), sizes(from, 1, 2)], undefined, { kron: (a, b) => a.kron(b).sin() })
add(
  from => {
    const n = from.integer(1, 5)
    return [[n], [n]]
  },
  undefined,
  { dot: (a, b) => a.dot(b).sin() },
)

/** [..., m, k] and [..., k, n], whose batches broadcast */
const product: Shapes = from => {
  const [a, b] = pair(from)
  const [m, k, n] = [0, 1, 2].map(() => from.integer(1, 4))
  return [[...a.slice(-2), m, k], [...b.slice(-2), k, n]] // biome-ignore format: a pair
}
add(product, undefined, { matmul: (a, b) => a.matmul(b) })
const features: Shapes = from => {
  const [n, o] = [from.integer(1, 4), from.integer(1, 4)]
  return [[...sizes(from, 0, 2), n], [o, n], [o]]
}
add(features, undefined, { linear: (x, w, b) => x.linear(w, b) })
const rowsOf: Shapes = from => {
  const n = from.integer(1, 4)
  return [[from.integer(1, 4), n], [from.integer(1, 4), n]] // biome-ignore format: a pair
}
add(rowsOf, undefined, {
  cdist: (a, b) => a.cdist(b.add(5)),
  einsum: (a, b) => api.einsum('ij,kj->ik', a, b),
  tensordot: (a, b) => a.tensordot(b, [[1], [1]]),
})
add(matrices2(), undefined, {
  embedding: table => functional.embedding(table, places([2, 3], table.shape[0]), { sparse: true }),
  embeddingBag: table => functional.embeddingBag(table, places([2, 3], table.shape[0]), { mode: 'sum' }),
})
function matrices2(): Shapes {
  return from => [[from.integer(1, 5), from.integer(1, 5)]]
}

const convolution =
  (rank: number, transposed: boolean): Shapes =>
  from => {
    const [n, c, o] = [0, 1, 2].map(() => from.integer(1, 3))
    const kernel = Array.from({ length: rank }, () => from.integer(1, 3))
    const input = kernel.map(k => k + from.integer(0, 3))
    return [[n, c, ...input], transposed ? [c, o, ...kernel] : [o, c, ...kernel], [o]]
  }
const spatial = [1, 2, 3] as const
for (const rank of spatial) {
  const options = { stride: rank === 2 ? 2 : 1, padding: 1 }
  add(convolution(rank, false), undefined, { [`conv${rank}d`]: (x, w, b) => [functional.conv1d, functional.conv2d, functional.conv3d][rank - 1](x, w, b, options) }) // biome-ignore format: one row
  add(convolution(rank, true), undefined, { [`convTranspose${rank}d`]: (x, w, b) => [functional.convTranspose1d, functional.convTranspose2d, functional.convTranspose3d][rank - 1](x, w, b, { stride: options.stride }) }) // biome-ignore format: one row
  const pools = images(rank, rank === 3 ? 3 : 5)
  add(pools, undefined, {
    [`maxPool${rank}d`]: x =>
      [functional.maxPool1d, functional.maxPool2d, functional.maxPool3d][rank - 1](x, 2, { stride: 1 }),
    [`maxPool${rank}dWithIndices`]: x => [functional.maxPool1dWithIndices, functional.maxPool2dWithIndices, functional.maxPool3dWithIndices][rank - 1](x, 2)[0], // biome-ignore format: one row
    [`avgPool${rank}d`]: x =>
      [functional.avgPool1d, functional.avgPool2d, functional.avgPool3d][rank - 1](x, 2, { padding: 1 }),
    [`adaptiveAvgPool${rank}d`]: x => [functional.adaptiveAvgPool1d, functional.adaptiveAvgPool2d, functional.adaptiveAvgPool3d][rank - 1](x, 2), // biome-ignore format: one row
    [`adaptiveMaxPool${rank}d`]: x => [functional.adaptiveMaxPool1d, functional.adaptiveMaxPool2d, functional.adaptiveMaxPool3d][rank - 1](x, 2), // biome-ignore format: one row
    [`adaptiveMaxPool${rank}dWithIndices`]: x => [functional.adaptiveMaxPool1dWithIndices, functional.adaptiveMaxPool2dWithIndices, functional.adaptiveMaxPool3dWithIndices][rank - 1](x, 2)[0], // biome-ignore format: one row
  })
}
add(images(2), undefined, {
  maxUnpool: x => functional.maxUnpool(...functional.maxPool2dWithIndices(x, 2), x.shape.slice(2)),
  interpolate: x => functional.interpolate(x, { size: [4, 5], mode: 'bilinear' }),
  'unfold (columns)': x => functional.unfold(x, 2),
  fold: x => functional.fold(functional.unfold(x, 2).sin(), x.shape.slice(2), 2),
})

/** x, states, then weights of so many gates */
const cell =
  (gates: number, states: number, sequence: boolean): Shapes =>
  from => {
    const [time, batch, input, hidden] = [0, 1, 2, 3].map(() => from.integer(1, 4))
    const kept = Array.from({ length: sequence ? 0 : states }, () => [batch, hidden])
    const weights = [[gates * hidden, input], [gates * hidden, hidden], [gates * hidden], [gates * hidden]]
    return [sequence ? [time, batch, input] : [batch, input], ...kept, ...weights]
  }
const weightsOf = ([ih, hh, biasIh, biasHh]: Tensor[]): RecurrentWeights => ({ ih, hh, biasIh, biasHh })
add(cell(4, 2, false), undefined, { lstmCell: (x, h, c, ...w) => cat(functional.lstmCell(x, [h, c], weightsOf(w))) })
add(cell(3, 1, false), undefined, { gruCell: (x, h, ...w) => functional.gruCell(x, h, weightsOf(w)) })
add(cell(1, 1, false), undefined, { rnnCell: (x, h, ...w) => functional.rnnCell(x, h, weightsOf(w)) })
add(cell(4, 2, true), undefined, { lstm: (x, ...w) => functional.lstm(x, [weightsOf(w)]).output })
add(cell(3, 1, true), undefined, { gru: (x, ...w) => functional.gru(x, [weightsOf(w)]).output })
add(cell(1, 1, true), undefined, { rnn: (x, ...w) => functional.rnn(x, [weightsOf(w)]).output })

/** Ops without a derivative: of integers, of bools, of positions and counts, and those that cut it. */
const without = new Set(
  'and or xor not shiftLeft shiftRight bitcast bitwiseAnd bitwiseOr bitwiseXor bitwiseNot bitwiseLeftShift bitwiseRightShift logicalAnd logicalOr logicalXor logicalNot lt le gt ge eq ne isnan isinf isfinite isposinf isneginf signbit isclose isin heaviside floorDivide truncDivide nextafter gcd lcm oneHot all any argmax argmin argsort searchsorted bucketize bincount countNonzero histc histogram detach zerosLike onesLike fullLike backward'.split(
    ' ',
  ),
)
/** In f32 alone: attention.test.ts has its derivatives. */
const single = new Set(['attention'])

/** Ops that take a second over one shape alone. */
const slow = /[23]d|lstm|gru|fold/

describe('gradients', () => {
  for (const [name, { op, shapes, range, second }] of rows) {
    const from = draw(`gradients of ${name}`)
    const cases = slow.test(name) ? [shapes(from)] : [shapes(from), shapes(from)]
    checkGradients(name, op, { shapes: cases.map(c => (c.length === 1 ? [c[0]] : c)), ...(range && { range }), ...(second === false && { second }) }) // biome-ignore format: one call
  }

  test('of every op that has one', () => {
    const surface = api as unknown as Record<string, unknown>
    const functions = [
      ...Object.entries(einsums).filter(([name, f]) => typeof f === 'function' && surface[name] === f),
      ...Object.entries(functional),
      ...Object.entries(special),
    ]
    const ops = new Map<string, unknown>([...Object.entries(opTable), ...functions])
    const checked = new Set([...ops].filter(([name]) => rows.has(name)).map(([, f]) => f))
    const left = [...ops].filter(
      ([name, f]) =>
        !checked.has(f) &&
        !without.has(name) &&
        !single.has(name) &&
        (f as object).constructor.name !== 'AsyncFunction',
    )
    expect(
      left.map(([name]) => name),
      'ops without a row in this file, or a place among those without a derivative',
    ).toEqual([])
  })
})
