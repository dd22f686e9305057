// Convolutions of one to three axes as matrix products over windows (implicit im2col: Chellapilla et al. 2006). The three maps below are
// each other's derivatives, so any order of differentiation stays among them, and nothing is ever scattered:
//   correlate(x, w) = y     scatterless transpose: spread(y, w) = x     weightGradient(x, y) = w
// Weights are PyTorch's: [out, in / groups, ...kernel], and [in, out / groups, ...kernel] for the transposed ones.

import { promote } from '../dtype.ts'
import { CairnError, DTypeError, listed, ShapeError, shown } from '../errors.ts'
import { cast, checkCount } from '../ops/build.ts'
import { withDerivative } from '../ops/shortcut.ts'
import { type Overlap, unwindow } from '../primitives/movement.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** One number for all axes, or one for each. */
export type PerAxis = number | readonly number[]

export interface ConvOptions {
  readonly stride?: PerAxis
  /** zeros on both sides; 'same' keeps the size (stride 1), with the odd one after, as in torch */
  readonly padding?: PerAxis | 'same' | 'valid'
  readonly dilation?: PerAxis
  readonly groups?: number
}

export interface ConvTransposeOptions {
  readonly stride?: PerAxis
  readonly padding?: PerAxis
  /** added to one side of the result's size */
  readonly outputPadding?: PerAxis
  readonly dilation?: PerAxis
  readonly groups?: number
}

interface Geometry {
  /** sizes of the input's axes, and of the windows' positions */
  readonly input: Shape
  readonly output: Shape
  readonly kernel: Shape
  readonly stride: Shape
  readonly dilation: Shape
  readonly padding: readonly (readonly [before: number, after: number])[]
  readonly groups: number
}

/** One value for each of `count` axes. */
export function perAxis(op: string, what: string, given: PerAxis, count: number, least: number): number[] {
  if (typeof given !== 'number' && !Array.isArray(given))
    throw new ShapeError(op, `the ${what} is a number or an array of ${count}, not ${shown(given)}`)
  const list = typeof given === 'number' ? new Array<number>(count).fill(given) : [...given]
  if (list.length === 1 && count > 1) list.push(...new Array<number>(count - 1).fill(list[0]))
  if (list.length !== count) throw new ShapeError(op, `${what} needs ${count} values, got ${list.length}`)
  for (const n of list) checkCount(op, what, n, least)
  return list
}

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i)

/** x [N, C, ...input] as [N, C, ...output, ...kernel], a view. */
function windowsOf(x: Tensor, { padding, kernel, stride, dilation }: Geometry): Tensor {
  let out = x.pad([[0, 0], [0, 0], ...padding])
  kernel.forEach((size, i) => {
    out = out.windows(2 + i, size, stride[i], dilation[i])
  })
  return out
}

/** Windows as columns: [N, groups, C / groups * kernel, output]. */
function columnsOf(x: Tensor, geometry: Geometry): Tensor {
  const { groups, output, kernel } = geometry
  const [n, c] = x.shape
  const r = kernel.length
  return windowsOf(x, geometry)
    .reshape([n, groups, c / groups, ...output, ...kernel])
    .permute([0, 1, 2, ...range(r, 3 + r), ...range(r, 3)])
    .reshape([n, groups, (c / groups) * sizeOf(kernel), sizeOf(output)])
}

/** What the windows of [N, C, ...output, ...kernel] were taken from: the input without its padding. */
const overlapsOf = ({ input, stride, dilation, padding }: Geometry): Overlap[] =>
  input.map((size, i) => ({ axis: 2 + i, from: padding[i][0], size, step: stride[i], dilation: dilation[i] }))

/** A group of few channels has no product worth its name: its windows are multiplied and summed as they are read. */
const isThin = (w: Tensor, groups: number): boolean => groups > 1 && w.shape[0] / groups < 4

/** Names the derivative of a function of windows, which follows from where they lie. */
export const formOf = (name: string, windows: object): string => `${name} ${JSON.stringify(windows)}`

/** w [O, C / groups, ...kernel] against every window of x [N, C, ...input]: [N, O, ...output]. */
function correlate(x: Tensor, w: Tensor, geometry: Geometry): Tensor {
  return withDerivative(
    [x, w],
    () => {
      const { groups, output, kernel } = geometry
      const [n, c] = x.shape
      const o = w.shape[0]
      const r = kernel.length
      if (isThin(w, groups)) {
        const windows = windowsOf(x, geometry).reshape([n, groups, 1, c / groups, ...output, ...kernel])
        const weights = w.reshape([groups, o / groups, c / groups, ...output.map(() => 1), ...kernel])
        return windows
          .mul(weights)
          .sum([3, ...range(r, 4 + r)])
          .reshape([n, o, ...output])
      }
      const rows = w.reshape([groups, o / groups, (c / groups) * sizeOf(kernel)])
      return rows.matmul(columnsOf(x, geometry)).reshape([n, o, ...output])
    },
    (g, [x, w]) => [spread(g, w, geometry), weightGradient(x, g, geometry)],
    formOf('correlate', geometry),
  )
}

/** The transpose in x: y [N, O, ...output] to [N, C, ...input]. */
function spread(y: Tensor, w: Tensor, geometry: Geometry): Tensor {
  return withDerivative(
    [y, w],
    () => {
      const { groups, output, input, kernel } = geometry
      const [n, o] = y.shape
      const c = w.shape[1]
      const r = kernel.length
      const overlaps = overlapsOf(geometry)
      if (isThin(w, groups)) {
        const parts = y.reshape([n, groups, o / groups, 1, ...output, ...kernel.map(() => 1)])
        const weights = w.reshape([groups, o / groups, c, ...output.map(() => 1), ...kernel])
        const shifted = overlaps.map(overlap => ({ ...overlap, axis: overlap.axis + 2 }))
        return unwindow(parts.mul(weights), shifted, [2]).reshape([n, groups * c, ...input])
      }
      const rows = w.reshape([groups, o / groups, c * sizeOf(kernel)]).transpose(-1, -2)
      const columns = rows
        .matmul(y.reshape([n, groups, o / groups, sizeOf(output)]))
        .reshape([n, groups, c, ...kernel, ...output])
        .permute([0, 1, 2, ...range(r, 3 + r), ...range(r, 3)])
        .reshape([n, groups * c, ...output, ...kernel])
      return unwindow(columns, overlaps)
    },
    (g, [y, w]) => [correlate(g, w, geometry), weightGradient(g, y, geometry)],
    formOf('spread', geometry),
  )
}

/** The gradient of w: every window of x [N, C, ...input] weighted by y [N, O, ...output]. */
function weightGradient(x: Tensor, y: Tensor, geometry: Geometry): Tensor {
  return withDerivative(
    [x, y],
    () => {
      const { groups, output, kernel } = geometry
      const [n, c] = x.shape
      const o = y.shape[1]
      const r = kernel.length
      const inner = n * sizeOf(output)
      const shape = [o, c / groups, ...kernel]
      if (groups > 1 && o / groups < 4) {
        const windows = windowsOf(x, geometry).reshape([n, groups, 1, c / groups, ...output, ...kernel])
        const parts = y.reshape([n, groups, o / groups, 1, ...output, ...kernel.map(() => 1)])
        return windows
          .mul(parts)
          .sum([0, ...range(r, 4)])
          .reshape(shape)
      }
      const left = y
        .reshape([n, groups, o / groups, sizeOf(output)])
        .permute([1, 2, 0, 3])
        .reshape([groups, o / groups, inner])
      const right = windowsOf(x, geometry)
        .reshape([n, groups, c / groups, ...output, ...kernel])
        .permute([1, 2, ...range(r, 3 + r), 0, ...range(r, 3)])
        .reshape([groups, (c / groups) * sizeOf(kernel), inner])
      return left.matmul(right.transpose(-1, -2)).reshape(shape)
    },
    (g, [x, y]) => [spread(y, g, geometry), correlate(x, g, geometry)],
    formOf('weightGradient', geometry),
  )
}

/** @throws DTypeError, ShapeError for operands that are no convolution over `rank` axes */
function operands(op: string, rank: number, given: Tensor, weight: Tensor, groups: number, channels: 0 | 1) {
  const dtype = promote(given.dtype, weight.dtype)
  if (dtype === 'bool') throw new DTypeError(op, "does not take bool; convert with .to('f32')")
  const single = given.ndim === rank + 1
  if (!single && given.ndim !== rank + 2)
    throw new ShapeError(op, `needs [batch, channels, ${rank} ${rank === 1 ? 'axis' : 'axes'}]`, {
      shape: [...given.shape],
    })
  if (weight.ndim !== rank + 2)
    throw new ShapeError(op, `the weight needs ${rank + 2} axes`, { shape: [...weight.shape] })
  checkCount(op, 'number of groups', groups, 1)
  const x = cast(single ? given.unsqueeze(0) : given, dtype)
  const own = channels === 1 ? weight.shape[1] * groups : weight.shape[0]
  if (x.shape[1] !== own)
    throw new ShapeError(
      op,
      `the input has ${x.shape[1]} channels, the weight ${listed(weight.shape)} takes ${own} in ${groups} ${groups === 1 ? 'group' : 'groups'}`,
    )
  if (weight.shape[0] % groups !== 0)
    throw new ShapeError(op, `${weight.shape[0]} channels do not divide into ${groups} groups`)
  return { x, w: cast(weight, dtype), single }
}

function finish(op: string, out: Tensor, bias: Tensor | undefined, channels: number, single: boolean): Tensor {
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== channels))
    throw new ShapeError(op, `the bias must be [${channels}]`, { shape: [...bias.shape] })
  const shifted = bias ? out.add(bias.reshape([channels, ...out.shape.slice(2).map(() => 1)])) : out
  return single ? shifted.squeeze(0) : shifted
}

const convolution =
  (rank: 1 | 2 | 3) =>
  (given: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor => {
    const op = `conv${rank}d`
    const groups = options.groups ?? 1
    const { x, w, single } = operands(op, rank, given, weight, groups, 1)
    const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1)
    const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1)
    const kernel = w.shape.slice(2)
    const input = x.shape.slice(2)
    const padding = paddingOf(op, options.padding ?? 0, kernel, stride, dilation)
    const output = input.map((n, i) => {
      const room = n + padding[i][0] + padding[i][1] - (kernel[i] - 1) * dilation[i] - 1
      if (room < 0 || kernel[i] === 0)
        throw new ShapeError(op, `a kernel of ${listed(kernel)} does not fit the padded input`, {
          input: [...input],
          padding: padding.map(([a, b]) => a + b),
        })
      return Math.floor(room / stride[i]) + 1
    })
    const out = correlate(x, w, { input, output, kernel, stride, dilation, padding, groups })
    return finish(op, out, bias, w.shape[0], single)
  }

function paddingOf(
  op: string,
  given: PerAxis | 'same' | 'valid',
  kernel: Shape,
  stride: Shape,
  dilation: Shape,
): [number, number][] {
  if (given === 'same') {
    if (stride.some(s => s !== 1))
      throw new CairnError(op, "padding 'same' needs stride 1; give the padding in numbers", { stride: [...stride] })
    return kernel.map((k, i) => {
      const total = (k - 1) * dilation[i]
      return [Math.floor(total / 2), total - Math.floor(total / 2)]
    })
  }
  if (typeof given === 'string' && given !== 'valid')
    throw new CairnError(op, `padding is a number, an array of numbers, 'same' or 'valid', not ${shown(given)}`)
  return perAxis(op, 'padding', given === 'valid' ? 0 : given, kernel.length, 0).map(n => [n, n])
}

const transposed =
  (rank: 1 | 2 | 3) =>
  (given: Tensor, weight: Tensor, bias?: Tensor, options: ConvTransposeOptions = {}): Tensor => {
    const op = `convTranspose${rank}d`
    const groups = options.groups ?? 1
    const { x, w, single } = operands(op, rank, given, weight, groups, 0)
    const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1)
    const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1)
    const padding = perAxis(op, 'padding', options.padding ?? 0, rank, 0)
    const extra = perAxis(op, 'outputPadding', options.outputPadding ?? 0, rank, 0)
    const kernel = w.shape.slice(2)
    const output = x.shape.slice(2)
    const input = output.map((n, i) => {
      if (extra[i] >= Math.max(stride[i], dilation[i]))
        throw new ShapeError(op, `an outputPadding of ${extra[i]} must be smaller than the stride or the dilation`)
      const size = (n - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + extra[i] + 1
      if (size < 0) throw new ShapeError(op, `the result would have size ${size}`, { axis: i + 2 })
      return size
    })
    const pads = padding.map(n => [n, n] as const)
    const out = spread(x, w, { input, output, kernel, stride, dilation, padding: pads, groups })
    return finish(op, out, bias, w.shape[1] * groups, single)
  }

/**
 * torch.nn.functional.conv1d: the correlation of x with a weight.
 * x is [N, C, L] or [C, L], weight [O, C / groups, K], bias [O]
 * @returns [N, O, floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1]
 */
export const conv1d = convolution(1)
/** torch.nn.functional.conv2d. x is [N, C, H, W] or [C, H, W], weight [O, C / groups, KH, KW], bias [O] */
export const conv2d = convolution(2)
/** torch.nn.functional.conv3d. x is [N, C, D, H, W] or [C, D, H, W], weight [O, C / groups, KD, KH, KW], bias [O] */
export const conv3d = convolution(3)
/**
 * torch.nn.functional.conv_transpose1d: the gradient of conv1d with respect to its input, as an op.
 * x is [N, C, L] or [C, L], weight [C, O / groups, K], bias [O]
 * @returns [N, O, (L - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1]
 */
export const convTranspose1d = transposed(1)
/** torch.nn.functional.conv_transpose2d. x is [N, C, H, W], weight [C, O / groups, KH, KW], bias [O] */
export const convTranspose2d = transposed(2)
/** torch.nn.functional.conv_transpose3d. x is [N, C, D, H, W], weight [C, O / groups, KD, KH, KW], bias [O] */
export const convTranspose3d = transposed(3)

export interface UnfoldOptions {
  readonly stride?: PerAxis
  readonly padding?: PerAxis
  readonly dilation?: PerAxis
}

function patches(op: string, input: Shape, size: PerAxis, options: UnfoldOptions): Geometry {
  const rank = input.length
  const kernel = perAxis(op, 'kernel size', size, rank, 1)
  const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1)
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1)
  const padding = perAxis(op, 'padding', options.padding ?? 0, rank, 0).map(n => [n, n] as const)
  const output = input.map((n, i) => {
    const room = n + 2 * padding[i][0] - (kernel[i] - 1) * dilation[i] - 1
    if (room < 0)
      throw new ShapeError(op, `windows of ${listed(kernel)} do not fit the padded input`, { input: [...input] })
    return Math.floor(room / stride[i]) + 1
  })
  return { input, output, kernel, stride, dilation, padding, groups: 1 }
}

/**
 * torch.nn.functional.unfold (im2col): every window of [N, C, H, W] as a column.
 * @returns [N, C * KH * KW, windows]
 */
export function unfold(x: Tensor, kernel: PerAxis, options: UnfoldOptions = {}): Tensor {
  if (x.ndim < 3) throw new ShapeError('unfold', 'needs [batch, channels, ...]', { shape: [...x.shape] })
  return columnsOf(x, patches('unfold', x.shape.slice(2), kernel, options)).squeeze(1)
}

/**
 * torch.nn.functional.fold (col2im): the sum of columns [N, C * KH * KW, windows] at the places that unfold takes them from.
 * @param size the result's [H, W]
 */
export function fold(columns: Tensor, size: Shape, kernel: PerAxis, options: UnfoldOptions = {}): Tensor {
  const geometry = patches('fold', size, kernel, options)
  const { output, kernel: k } = geometry
  const [n, rows, count] = columns.shape
  if (columns.ndim !== 3 || rows % sizeOf(k) !== 0 || count !== sizeOf(output))
    throw new ShapeError(
      'fold',
      `needs [batch, channels * ${sizeOf(k)}, ${sizeOf(output)}], got ${listed(columns.shape)}`,
    )
  const r = k.length
  const windows = columns.reshape([n, rows / sizeOf(k), ...k, ...output])
  return unwindow(windows.permute([0, 1, ...range(r, 2 + r), ...range(r, 2)]), overlapsOf(geometry))
}
