// Shapes, views, joins and parts; what a shape is made of is read on the host.
import { arange, cat, type PadMode, type SliceRange, type Tensor, zeros } from '@cairn/tensor'
import { type Call, hostTensor, type Op, range, wrap } from '../call.ts'
import { carrierOf, int64 } from '../elements.ts'

async function reshape(call: Call): Promise<Tensor> {
  const x = call.x
  const given = (await call.numbers(1)) ?? call.ints('shape') ?? []
  const zero = call.flag('allowzero')
  return x.reshape(given.map((n, d) => (n === 0 && !zero ? x.shape[d] : n)))
}

async function squeeze(call: Call): Promise<Tensor> {
  const axes = await call.axes(1)
  return axes ? call.x.squeeze(axes) : call.x.squeeze()
}

async function unsqueeze(call: Call): Promise<Tensor> {
  const axes = (await call.axes(1)) ?? []
  const x = call.x
  const own = axes.map(a => wrap(a, x.ndim + axes.length))
  const rest = [...x.shape]
  return x.reshape(range(x.ndim + axes.length).map(d => (own.includes(d) ? 1 : rest.shift()!)))
}

function flatten(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 1), x.ndim)
  const rows = x.shape.slice(0, axis).reduce((a, b) => a * b, 1)
  return x.reshape([rows, x.shape.slice(axis).reduce((a, b) => a * b, 1)])
}

async function slice(call: Call): Promise<Tensor> {
  const x = call.x
  const starts = (await call.numbers(1)) ?? call.ints('starts') ?? []
  const ends = (await call.numbers(2)) ?? call.ints('ends') ?? []
  const axes = (await call.axes(3)) ?? range(starts.length)
  const steps = (await call.numbers(4)) ?? []
  const ranges: SliceRange[] = range(x.ndim).map(() => null)
  axes.forEach((axis, i) => {
    const d = wrap(axis, x.ndim)
    const [n, step] = [x.shape[d], steps[i] ?? 1]
    // an end far below the first element means all of it, which in JavaScript's terms is null
    const end = step < 0 && ends[i] < -n ? null : ends[i]
    ranges[d] = [starts[i], end, step]
  })
  return x.slice(...ranges)
}

async function split(call: Call): Promise<Tensor[]> {
  const x = call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  const sizes = (await call.numbers(1)) ?? call.ints('split')
  return x.split(sizes ?? x.shape[axis] / call.outputs, axis)
}

const padModes: Readonly<Record<string, PadMode>> = {
  constant: 'constant',
  edge: 'replicate',
  reflect: 'reflect',
  wrap: 'circular',
}
async function pad(call: Call): Promise<Tensor> {
  const x = call.x
  const widths = (await call.numbers(1)) ?? call.ints('pads') ?? []
  const value = call.inputs[2] ? await call.number(2) : call.float('value', 0)
  const mode = padModes[call.text('mode', 'constant')]
  const pairs = x.shape.map((_, d) => [widths[d], widths[d + x.ndim]] as const)
  return mode === 'constant' ? x.pad(pairs, value) : x.padWith(pairs, mode)
}

/** Stretches in both directions: sizes of 1 in the given shape keep x's. */
async function expand(call: Call): Promise<Tensor> {
  const x = call.x
  const given = (await call.numbers(1)) ?? []
  const rank = Math.max(given.length, x.ndim)
  const at = (shape: readonly number[], d: number): number => shape[d - (rank - shape.length)] ?? 1
  return x.expand(range(rank).map(d => (at(given, d) === 1 ? at(x.shape, d) : at(given, d))))
}

function shapeOf(call: Call): Tensor {
  const sizes = call.x.shape.slice(call.int('start', 0), call.has('end') ? call.int('end', 0) : undefined)
  return hostTensor(sizes, [sizes.length], int64())
}

function constant(call: Call): Tensor {
  const value = call.tensor('value')
  if (value) return value
  if (call.has('value_int')) return hostTensor([call.int('value_int', 0)], [], int64())
  if (call.has('value_float')) return hostTensor([call.float('value_float', 0)], [])
  const ints = call.ints('value_ints')
  if (ints) return hostTensor(ints, [ints.length], int64())
  const floats = call.floats('value_floats') ?? []
  return hostTensor(floats, [floats.length])
}

async function constantOfShape(call: Call): Promise<Tensor> {
  const shape = [...((await call.numbers(0)) ?? [])]
  const value = call.tensor('value')
  return value ? value.reshape(shape.map(() => 1)).expand(shape) : zeros(shape)
}

async function rangeOf(call: Call): Promise<Tensor> {
  const [start, limit, delta] = await Promise.all([0, 1, 2].map(i => call.number(i)))
  const { dtype } = call.x
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  return arange(count).to(dtype).mul(delta).add(start)
}

function eyeLike(call: Call): Tensor {
  const { x } = call
  const [rows, columns] = x.shape
  const dtype = call.has('dtype') ? carrierOf(call.int('dtype', 1)) : x.dtype
  const above = arange(columns).sub(arange(rows).unsqueeze(1))
  return above.eq(call.int('k', 0)).to(dtype)
}

async function trilu(call: Call): Promise<Tensor> {
  const k = call.inputs[1] ? await call.number(1) : 0
  return call.flag('upper', true) ? call.x.triu(k) : call.x.tril(k)
}

function depthToSpace(call: Call): Tensor {
  const [n, c, h, w] = call.x.shape
  const b = call.int('blocksize', 1)
  const rows = call.text('mode', 'DCR') === 'CRD' // column-row-depth, else depth-column-row
  const inner = c / (b * b)
  const apart = call.x.reshape(rows ? [n, inner, b, b, h, w] : [n, b, b, inner, h, w])
  return apart.permute(rows ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]).reshape([n, inner, h * b, w * b])
}

function spaceToDepth(call: Call): Tensor {
  const [n, c, h, w] = call.x.shape
  const b = call.int('blocksize', 1)
  const apart = call.x.reshape([n, c, h / b, b, w / b, b])
  return apart.permute([0, 3, 5, 1, 2, 4]).reshape([n, c * b * b, h / b, w / b])
}

/** The first `lengths[b]` elements of each sequence in reverse, the rest in place. */
function reverseSequence(call: Call): Tensor {
  const x = call.x
  const [time, batch] = [call.int('time_axis', 0), call.int('batch_axis', 1)]
  const along = (axis: number) => x.shape.map((n, d) => (d === axis ? n : 1))
  const steps = arange(x.shape[time]).reshape(along(time))
  const lengths = call.input(1).to('i32').reshape(along(batch))
  const from = lengths.sub(1).sub(steps).where(steps.lt(lengths), steps)
  return x.gather(time, from.expand(x.shape))
}

export const movement: Readonly<Record<string, Op>> = {
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Flatten: flatten,
  Transpose: call => call.x.permute(call.ints('perm') ?? range(call.x.ndim).reverse()),
  Concat: call => cat(call.all(), call.int('axis', 0)),
  Split: split,
  Slice: slice,
  Pad: pad,
  Tile: async call => call.x.tile((await call.numbers(1)) ?? []),
  Expand: expand,
  Shape: shapeOf,
  Size: call => hostTensor([call.x.size], [], int64()),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: rangeOf,
  EyeLike: eyeLike,
  Trilu: trilu,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  ReverseSequence: reverseSequence,
}
