// Resizing and sampling of images. https://onnx.ai/onnx/operators/onnx__Resize.html
import { cat, type Tensor, where } from '@cairn/tensor'
import { type Call, hostTensor, type Op, range } from '../call.ts'

interface Axis {
  readonly from: number
  readonly to: number
  readonly scale: number
  /** what to crop to, in shares of the axis */
  readonly roi: readonly [number, number]
}
/** The place in the input of element i of the result. */
type Place = (i: number, axis: Axis) => number

const halfPixel: Place = (i, { scale }) => (i + 0.5) / scale - 0.5
const places: Readonly<Record<string, Place>> = {
  half_pixel: halfPixel,
  pytorch_half_pixel: (i, axis) => (axis.to > 1 ? halfPixel(i, axis) : 0),
  // the size before it is rounded down
  align_corners: (i, { from, to, scale }) => (to === 1 ? 0 : (i * (from - 1)) / (from * scale - 1)),
  asymmetric: (i, { scale }) => i / scale,
  tf_half_pixel_for_nn: (i, { scale }) => (i + 0.5) / scale,
  tf_crop_and_resize: (i, { from, to, roi: [start, end] }) =>
    to > 1 ? start * (from - 1) + (i * (end - start) * (from - 1)) / (to - 1) : 0.5 * (start + end) * (from - 1),
}

const rounding: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: x => Math.ceil(x - 0.5),
  round_prefer_ceil: x => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

/** Keys 1981. */
const cubic = (t: number, a: number): number => {
  const x = Math.abs(t)
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}

type Taps = readonly (readonly [source: number, weight: number])[]
const clamp = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1)

/** Applies [to, from] weights to one axis. */
function along(x: Tensor, axis: number, rows: readonly Taps[]): Tensor {
  const from = x.shape[axis]
  const weights = new Float64Array(rows.length * from)
  rows.forEach((taps, i) => {
    for (const [source, weight] of taps) weights[i * from + clamp(source, from)] += weight
  })
  const matrix = hostTensor(weights, [from, rows.length].reverse(), x.dtype)
  return x.movedim(axis, -1).matmul(matrix.transpose(0, 1)).movedim(-1, axis)
}

async function resize(call: Call): Promise<Tensor> {
  const x = call.x
  const old = call.op === 'Upsample'
  const scales = await call.numbers(old ? 1 : 2)
  const sizes = old ? undefined : await call.numbers(3)
  const roi = (old ? undefined : await call.numbers(1)) ?? []
  const mode = call.text('mode', 'nearest')
  const transformation = call.text('coordinate_transformation_mode', old ? 'asymmetric' : 'half_pixel')
  const place = places[transformation]
  const nearest = rounding[call.text('nearest_mode', old ? 'floor' : 'round_prefer_floor')]
  const a = call.float('cubic_coeff_a', -0.75)
  const exclude = call.flag('exclude_outside')
  const outside = call.float('extrapolation_value', 0)
  const crops = transformation === 'tf_crop_and_resize'

  const tapsOf = (at: number, from: number): Taps => {
    if (mode === 'nearest') return [[nearest(at), 1]]
    const low = Math.floor(at)
    const share = at - low
    if (mode === 'linear') {
      return [
        [low, 1 - share],
        [low + 1, share],
      ]
    }
    const taps = range(4, -1).map(j => [low + j, cubic(j - share, a)] as const)
    if (!exclude) return taps
    const inside = taps.filter(([source]) => source >= 0 && source < from)
    const sum = inside.reduce((s, [, weight]) => s + weight, 0)
    return inside.map(([source, weight]) => [source, weight / sum] as const)
  }

  let out = x
  let beyond: Tensor | null = null
  x.shape.forEach((from, d) => {
    const to = sizes ? sizes[d] : Math.floor(from * scales![d])
    const axis: Axis = { from, to, scale: sizes ? to / from : scales![d], roi: [roi[d] ?? 0, roi[d + x.ndim] ?? 1] }
    if (to === from && axis.scale === 1 && !(crops && (axis.roi[0] !== 0 || axis.roi[1] !== 1))) return
    const at = range(to).map(i => place(i, axis))
    out = along(out, d, at.map(p => tapsOf(p, from))) // biome-ignore format: one call
    if (!crops) return
    const off = hostTensor(at.map(p => (p < 0 || p > from - 1 ? 1 : 0)), [to], 'bool') // biome-ignore format: one call
    const spread = off.reshape(x.shape.map((_, i) => (i === d ? to : 1)))
    beyond = beyond ? beyond.or(spread) : spread
  })
  return beyond ? out.maskedFill((beyond as Tensor).expand(out.shape), outside) : out
}

/** Values of x [N, C, H, W] at whole positions [N, h, w]: [N, C, h, w]; zero where `inside` is false. */
function pick(x: Tensor, row: Tensor, column: Tensor, inside: Tensor | null): Tensor {
  const [n, c, h, w] = x.shape
  const [, oh, ow] = row.shape
  const flat = row.to('i32').clamp(0, h - 1).mul(w).add(column.to('i32').clamp(0, w - 1)) // biome-ignore format: one formula
  const index = flat.reshape([n, 1, oh * ow]).expand([n, c, oh * ow])
  const values = x
    .reshape([n, c, h * w])
    .gather(2, index)
    .reshape([n, c, oh, ow])
  return inside ? where(inside.unsqueeze(1), values, 0) : values
}

/** Back and forth between two borders. */
function reflected(at: Tensor, low: number, high: number): Tensor {
  const span = high - low
  if (span === 0) return at.zerosLike()
  const off = at.sub(low).abs()
  const times = off.div(span).floor()
  const rest = off.sub(times.mul(span))
  return where(times.remainder(2).eq(0), rest.add(low), rest.neg().add(high))
}

function gridSample(call: Call): Tensor {
  const [x, grid] = [call.x, call.input(1)]
  const mode = call.text('mode', 'bilinear')
  const padding = call.text('padding_mode', 'zeros')
  const corners = call.flag('align_corners')
  const [, , h, w] = x.shape
  const pixel = (g: Tensor, size: number): Tensor =>
    corners ? g.add(1).mul((size - 1) / 2) : g.add(1).mul(size).sub(1).div(2)
  const fold = (at: Tensor, size: number): Tensor => {
    if (padding === 'border') return at.clamp(0, size - 1)
    if (padding === 'reflection') return corners ? reflected(at, 0, size - 1) : reflected(at, -0.5, size - 0.5).clamp(0, size - 1) // biome-ignore format: one choice
    return at
  }
  const [px, py] = grid.unbind(-1)
  const at = (row: Tensor, column: Tensor): Tensor => {
    const [r, c] = [fold(row, h), fold(column, w)]
    const inside = padding === 'zeros' ? r.ge(0).and(r.le(h - 1)).and(c.ge(0)).and(c.le(w - 1)) : null // biome-ignore format: one test
    return pick(x, r, c, inside)
  }
  // a cubic's four neighbours are folded one by one, the others' position is folded first
  const whole = mode === 'bicubic'
  const [row, column] = [pixel(py, h), pixel(px, w)]
  const [y, z] = whole ? [row, column] : [fold(row, h), fold(column, w)]
  if (mode === 'nearest') return at(y.round(), z.round())
  const [top, left] = [y.floor(), z.floor()]
  const [down, right] = [y.sub(top).unsqueeze(1), z.sub(left).unsqueeze(1)]
  const weights = (share: Tensor): Tensor[] =>
    whole ? range(4, -1).map(j => cubicOf(share.neg().add(j).abs())) : [share.neg().add(1), share]
  const first = whole ? -1 : 0
  const rows = weights(down)
  const columns = weights(right)
  return rows
    .flatMap((wy, i) => columns.map((wx, j) => at(top.add(first + i), left.add(first + j)).mul(wy).mul(wx))) // biome-ignore format: one formula
    .reduce((a, b) => a.add(b))
}

/** `cubic` with a = -0.75, of distances. */
function cubicOf(t: Tensor): Tensor {
  const a = -0.75
  const near = t.mul(a + 2).sub(a + 3).mul(t).mul(t).add(1) // biome-ignore format: one formula
  const far = t.mul(a).sub(5 * a).mul(t).add(8 * a).mul(t).sub(4 * a) // biome-ignore format: one formula
  return where(t.le(1), near, where(t.lt(2), far, 0))
}

/** Samples along one axis of a region: linear between two elements, nothing beyond one element outside. */
function regionTaps(start: number, bin: number, bins: number, samples: number, size: number): Taps[] {
  return range(bins * samples).map(i => {
    const at = start + Math.floor(i / samples) * bin + (((i % samples) + 0.5) * bin) / samples
    if (at < -1 || at > size) return []
    const inside = Math.max(at, 0)
    const low = Math.min(Math.floor(inside), size - 1)
    const share = low >= size - 1 ? 0 : inside - low
    return [
      [low, 1 - share],
      [Math.min(low + 1, size - 1), share],
    ]
  })
}

/** Each region of interest, whose corners are read, is sampled by a product of two linear maps. */
async function roiAlign(call: Call): Promise<Tensor> {
  const x = call.x
  const rois = (await call.numbers(1)) ?? []
  const batches = (await call.numbers(2)) ?? []
  const [height, width] = [call.int('output_height', 1), call.int('output_width', 1)]
  const ratio = call.int('sampling_ratio', 0)
  const scale = call.float('spatial_scale', 1)
  const mode = call.text('mode', 'avg')
  const half = call.text('coordinate_transformation_mode', call.opset >= 16 ? 'half_pixel' : 'output_half_pixel') === 'half_pixel' // biome-ignore format: one choice
  const [, c, h, w] = x.shape
  const parts = batches.map((batch, r) => {
    const [x1, y1, x2, y2] = range(4).map(i => rois[4 * r + i] * scale - (half ? 0.5 : 0))
    const size = (from: number, to: number): number => (half ? to - from : Math.max(to - from, 1))
    const bins = [size(y1, y2) / height, size(x1, x2) / width]
    const [gy, gx] = bins.map(b => (ratio > 0 ? ratio : Math.ceil(b)))
    const rows = regionTaps(y1, bins[0], height, gy, h)
    const columns = regionTaps(x1, bins[1], width, gx, w)
    const sampled = along(along(x.narrow(0, batch, 1), 2, rows), 3, columns)
    const apart = sampled.reshape([1, c, height, gy, width, gx])
    return mode === 'max' ? apart.max([3, 5]) : apart.mean([3, 5])
  })
  return cat(parts, 0)
}

export const images: Readonly<Record<string, Op>> = {
  Resize: resize,
  Upsample: resize,
  GridSample: gridSample,
  RoiAlign: roiAlign,
}
