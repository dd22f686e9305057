// What the ops of a TensorFlow graph do (https://www.tensorflow.org/api_docs/python/tf/raw_ops), one row an op: those that Universal
// Sentence Encoder Lite consists of. Integers and booleans stay on the host, numbers are tensors; `Cast` takes the one to the other.

import { cat, FormatError, Tensor, tensor, zeros } from '@cairn/tensor'
import { axisOf, concat, fold, HostArray, list, offsets, pairwise, sizeOf, slice, where } from './host.ts'

export type Value = Tensor | HostArray

/** The attributes of a node, by typed accessors. */
export interface Attributes {
  int(name: string, fallback: number): number
  ints(name: string): readonly number[]
  flag(name: string): boolean
  text(name: string, fallback: string): string
  /** The name of a data type: 'float', 'int32', 'int64', 'bool'. */
  type(name: string): string
}

type Op = (inputs: readonly Value[], attributes: Attributes) => Value | readonly Value[]

const host = (x: Value | undefined): HostArray => {
  if (x instanceof HostArray) return x
  throw new FormatError('graph', x ? 'an integer operand is a tensor of numbers' : 'an operand is missing')
}
const device = (x: Value | undefined): Tensor => {
  if (x instanceof Tensor) return x
  throw new FormatError('graph', x ? 'an operand of numbers is of integers' : 'an operand is missing')
}
const scalar = (x: Value | undefined): number => host(x).values[0]
const shapeOf = (x: Value): readonly number[] => x.shape
const indices = (values: Int32Array): Tensor => tensor(values, [values.length], { dtype: 'i32' })

const binary =
  (onDevice: (a: Tensor, b: Tensor) => Tensor, onHost: (a: number, b: number) => number): Op =>
  ([a, b]) =>
    a instanceof Tensor ? onDevice(a, device(b)) : pairwise(onHost, host(a), host(b))

const compare =
  (f: (a: number, b: number) => boolean): Op =>
  ([a, b]) =>
    pairwise((x, y) => Number(f(x, y)), host(a), host(b))

const unary =
  (f: (x: Tensor) => Tensor): Op =>
  ([x]) =>
    f(device(x))

const reduction =
  (
    onDevice: ((x: Tensor, axes: number[], options: { keepDim: boolean }) => Tensor) | null,
    onHost: (a: number, b: number) => number,
    start: number,
  ): Op =>
  ([x, axes], attributes) => {
    const keep = attributes.flag('keep_dims')
    if (x instanceof HostArray) return fold(onHost, start, x, host(axes).values, keep)
    if (!onDevice) throw new FormatError('graph', 'this reduction is for integers')
    return onDevice(device(x), [...host(axes).values], { keepDim: keep })
  }

function reshape(x: Value, wanted: readonly number[]): Value {
  const known = wanted.reduce((size, n) => (n < 0 ? size : size * n), 1)
  const shape = wanted.map(n => (n < 0 ? sizeOf(shapeOf(x)) / known : n))
  return x instanceof Tensor ? x.reshape(shape) : new HostArray(shape, x.values)
}

/** Rows by coordinates of their first axes. */
function rowsAt(x: Tensor, coordinates: HostArray): Tensor {
  const depth = coordinates.shape.at(-1)!
  const rest = x.shape.slice(depth)
  const rows = x.reshape([sizeOf(x.shape.slice(0, depth)), ...rest])
  return rows
    .indexSelect(0, indices(offsets(coordinates, x.shape)))
    .reshape([...coordinates.shape.slice(0, -1), ...rest])
}

/**
 * Rows put at coordinates, zeros elsewhere. Where no two meet, that is a lookup: each place takes its row, or the row of zeros behind
 * the last.
 */
function scatter(coordinates: HostArray, rows: Tensor, shape: readonly number[]): Tensor {
  const depth = coordinates.shape.at(-1)!
  const rest = shape.slice(depth)
  const at = offsets(coordinates, shape)
  const flat = rows.reshape([at.length, ...rest])
  const places = sizeOf(shape.slice(0, depth))
  const from = new Int32Array(places).fill(at.length)
  at.forEach((place, i) => {
    from[place] = i
  })
  const distinct = from.reduce((count, row) => count + Number(row < at.length), 0) === at.length
  const out = distinct
    ? cat([flat, zeros([1, ...rest])]).indexSelect(0, indices(from))
    : zeros([places, ...rest]).indexAdd(0, indices(at), flat)
  return out.reshape([...shape])
}

/** Products with a 1x1 kernel; what else a convolution can be, this model has not. */
const conv2d: Op = ([x, kernel], attributes) => {
  const [height, width, from, to] = device(kernel).shape
  const plain = [...attributes.ints('strides'), ...attributes.ints('dilations')].every(n => n === 1)
  if (height !== 1 || width !== 1 || !plain || attributes.text('data_format', 'NHWC') !== 'NHWC')
    throw new FormatError('Conv2D', `only 1x1 kernels without steps are supported, not ${height}x${width}`)
  return device(x).matmul(device(kernel).reshape([from, to]))
}

const product =
  (left: string, right: string): Op =>
  ([a, b], attributes) => {
    const turned = (x: Tensor, name: string) => (attributes.flag(name) ? x.transpose(-1, -2) : x)
    return turned(device(a), left).matmul(turned(device(b), right))
  }

function stridedSlice(inputs: readonly Value[], attributes: Attributes): HostArray {
  const [begin, end, strides] = inputs.slice(1).map(x => host(x).values)
  const mask = (name: string, d: number) => ((attributes.int(`${name}_mask`, 0) >> d) & 1) === 1
  if (attributes.int('ellipsis_mask', 0) !== 0 || attributes.int('new_axis_mask', 0) !== 0)
    throw new FormatError('StridedSlice', 'an ellipsis or a new axis is not supported')
  let out = host(inputs[0])
  const rank = out.shape.length
  const dropped = new Set<number>()
  begin.forEach((from, d) => {
    const size = out.shape[axisOf(d, rank)]
    const step = strides[d]
    if (step <= 0) throw new FormatError('StridedSlice', `a step of ${step} is not supported`)
    const place = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size)
    const start = mask('begin', d) ? 0 : place(from)
    if (mask('shrink_axis', d)) dropped.add(d)
    const stop = dropped.has(d) ? start + 1 : mask('end', d) ? size : place(end[d])
    if (dropped.has(d) && start >= size)
      throw new FormatError('StridedSlice', `index ${from} of an axis with ${size} places`)
    out = slice(out, d, start, Math.max(0, Math.ceil((stop - start) / step)), step)
  })
  return new HostArray(
    out.shape.filter((_, d) => !dropped.has(d)),
    out.values,
  )
}

const join = (parts: readonly Value[], axis: number): Value =>
  parts[0] instanceof Tensor
    ? cat(parts.map(device), axis)
    : concat(parts.map(host), axisOf(axis, parts[0].shape.length))

const expand = (x: Value, axis: number): Value => {
  const at = axis < 0 ? axis + x.shape.length + 1 : axis
  return reshape(x, x.shape.toSpliced(at, 0, 1))
}

export const ops: Readonly<Record<string, Op>> = {
  Add: binary(
    (a, b) => a.add(b),
    (a, b) => a + b,
  ),
  AddV2: binary(
    (a, b) => a.add(b),
    (a, b) => a + b,
  ),
  BiasAdd: ([x, bias]) => device(x).add(device(bias)),
  BatchMatMul: product('adj_x', 'adj_y'),
  Cast: ([x], attributes) => {
    const [from, to] = [attributes.type('SrcT'), attributes.type('DstT')]
    if (from === to || to.startsWith('int')) return host(x)
    if (to === 'bool')
      return new HostArray(
        host(x).shape,
        host(x).values.map(n => Number(n !== 0)),
      )
    const { shape, values } = host(x)
    return tensor(Float32Array.from(values), [...shape])
  },
  ConcatV2: inputs => join(inputs.slice(0, -1), scalar(inputs.at(-1))),
  Conv2D: conv2d,
  Cos: unary(x => x.cos()),
  ExpandDims: ([x, axis]) => expand(x, scalar(axis)),
  GatherNd: ([x, at]) => rowsAt(device(x), host(at)),
  GatherV2: ([x, at, axis]) => {
    if (scalar(axis) !== 0) throw new FormatError('GatherV2', `only axis 0 is supported, not ${scalar(axis)}`)
    const { shape, values } = host(at)
    offsets(new HostArray([values.length, 1], values), x.shape)
    if (x instanceof Tensor) return x.indexSelect(0, indices(values)).reshape([...shape, ...x.shape.slice(1)])
    const rows = [...values].map(row => slice(x, 0, row, 1))
    const rest = x.shape.slice(1)
    return new HostArray([...shape, ...rest], rows.length ? concat(rows, 0).values : [])
  },
  Greater: compare((a, b) => a > b),
  Identity: ([x]) => x,
  Less: compare((a, b) => a < b),
  LogicalNot: ([x]) =>
    new HostArray(
      host(x).shape,
      host(x).values.map(n => 1 - n),
    ),
  MatMul: product('transpose_a', 'transpose_b'),
  Max: reduction(null, Math.max, -(2 ** 31)),
  Maximum: binary((a, b) => a.maximum(b), Math.max),
  Mean: reduction(
    (x, axes, options) => x.mean(axes, options),
    () => Number.NaN,
    0,
  ),
  Mul: binary(
    (a, b) => a.mul(b),
    (a, b) => a * b,
  ),
  Pack: (inputs, attributes) => {
    const axis = attributes.int('axis', 0)
    return join(
      inputs.map(x => expand(x, axis)),
      axis,
    )
  },
  Prod: reduction(null, (a, b) => a * b, 1),
  Range: ([start, limit, step]) => {
    const count = Math.max(0, Math.ceil((scalar(limit) - scalar(start)) / scalar(step)))
    return list(Int32Array.from({ length: count }, (_, i) => scalar(start) + i * scalar(step)))
  },
  RealDiv: ([a, b]) => device(a).div(device(b)),
  Relu: unary(x => x.relu()),
  Reshape: ([x, shape]) => reshape(x, [...host(shape).values]),
  Rsqrt: unary(x => x.rsqrt()),
  ScatterNd: ([at, rows, shape]) => scatter(host(at), device(rows), [...host(shape).values]),
  Shape: ([x]) => list(shapeOf(x)),
  Sin: unary(x => x.sin()),
  Slice: ([x, begin, size]) =>
    host(begin).values.reduce((out, start, d) => {
      const count = host(size).values[d]
      return slice(out, d, start, count < 0 ? out.shape[d] - start : count)
    }, host(x)),
  Softmax: unary(x => x.softmax(-1)),
  SparseToDense: ([at, shape, values, otherwise]) => {
    const sizes = [...host(shape).values]
    const dense = new Int32Array(sizeOf(sizes)).fill(scalar(otherwise))
    const from = host(values).values
    offsets(host(at), sizes).forEach((place, i) => {
      dense[place] = from[from.length === 1 ? 0 : i]
    })
    return new HostArray(sizes, dense)
  },
  SplitV: ([x, sizes, axis]) => device(x).split([...host(sizes).values], scalar(axis)),
  Square: unary(x => x.square()),
  Squeeze: ([x], attributes) => device(x).squeeze([...attributes.ints('squeeze_dims')]),
  StridedSlice: stridedSlice,
  Sub: binary(
    (a, b) => a.sub(b),
    (a, b) => a - b,
  ),
  Sum: reduction(
    (x, axes, options) => x.sum(axes, options),
    (a, b) => a + b,
    0,
  ),
  Tanh: unary(x => x.tanh()),
  Transpose: ([x, order]) => device(x).permute([...host(order).values]),
  Where: ([x]) => where(host(x)),
}
