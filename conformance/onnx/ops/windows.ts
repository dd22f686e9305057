// Convolutions and pools. ONNX pads each side by itself, so padding is an op of its own here, and windows are views.
import type { Tensor } from '@cairn/tensor'
import { conv1d, conv2d, conv3d } from '@cairn/tensor/functional'
import { asIndex, type Call, hostTensor, type Op, range } from '../call.ts'

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

export interface Windows {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly padding: readonly (readonly [before: number, after: number])[]
  /** positions of windows along each axis */
  readonly output: readonly number[]
}

/** The attributes that convolutions and pools share, for spatial sizes `input`. */
export function windowsOf(call: Call, input: readonly number[], weight?: readonly number[]): Windows {
  const kernel = call.ints('kernel_shape') ?? weight ?? []
  const rank = input.length
  const ones = range(rank).map(() => 1)
  const stride = call.ints('strides') ?? ones
  const dilation = call.ints('dilations') ?? ones
  const pads = call.ints('pads') ?? range(2 * rank).map(() => 0)
  const auto = call.text('auto_pad', 'NOTSET')
  const ceil = call.flag('ceil_mode')
  const reach = kernel.map((k, i) => (k - 1) * dilation[i] + 1)
  const padding = range(rank).map((i): readonly [number, number] => {
    if (auto === 'VALID') return [0, 0]
    if (auto === 'NOTSET') return [pads[i], pads[i + rank]]
    const total = Math.max(0, (Math.ceil(input[i] / stride[i]) - 1) * stride[i] + reach[i] - input[i])
    return sides(total, auto)
  })
  const output = range(rank).map(i => {
    const steps = (input[i] + padding[i][0] + padding[i][1] - reach[i]) / stride[i]
    return (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1
  })
  return { kernel, stride, dilation, padding, output }
}

/** The odd one comes after, or before for SAME_LOWER. */
function sides(total: number, auto: string): readonly [number, number] {
  const half = Math.floor(total / 2)
  return auto === 'SAME_LOWER' ? [total - half, half] : [half, total - half]
}

const outer: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 0],
]

/** Every window of x [N, C, ...spatial], as a view [N, C, ...output, ...kernel]; windows that reach over the padding see `value`. */
function windowed(x: Tensor, { kernel, stride, dilation, padding, output }: Windows, value: number): Tensor {
  const room = output.map((n, i) => {
    const needed = (n - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1
    return [padding[i][0], needed - x.shape[2 + i] - padding[i][0]] as const
  })
  let out = x.pad([...outer, ...room], value)
  kernel.forEach((size, i) => {
    out = out.windows(2 + i, size, stride[i], dilation[i])
  })
  return out
}

const convolutions = [conv1d, conv2d, conv3d]

/** x [N, C, ...] with weight [O, C / groups, ...]. */
export function convolve(call: Call, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const rank = x.ndim - 2
  const { stride, dilation, padding } = windowsOf(call, x.shape.slice(2), weight.shape.slice(2))
  const conv = convolutions[rank - 1]
  return conv(x.pad([...outer, ...padding]), weight, bias, { stride, dilation, groups: call.int('group', 1) })
}

/**
 * The transpose of a convolution: the input spread apart, met by the turned kernel.
 * Sizes: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
 */
function convTranspose(call: Call): Tensor {
  const [x, weight, bias] = [call.x, call.input(1), call.inputs[2]]
  const rank = x.ndim - 2
  const groups = call.int('group', 1)
  const ones = range(rank).map(() => 1)
  const kernel = call.ints('kernel_shape') ?? weight.shape.slice(2)
  const stride = call.ints('strides') ?? ones
  const dilation = call.ints('dilations') ?? ones
  const extra = call.ints('output_padding') ?? ones.map(() => 0)
  const pads = call.ints('pads')
  const auto = call.text('auto_pad', 'NOTSET')
  const wanted = call.ints('output_shape')?.slice(-rank) ?? (auto.startsWith('SAME') ? stride.map((s, i) => s * x.shape[2 + i]) : null) // biome-ignore format: one choice
  const reach = kernel.map((k, i) => (k - 1) * dilation[i] + 1)
  const full = range(rank).map(i => (x.shape[2 + i] - 1) * stride[i] + reach[i] + extra[i])
  const cut = range(rank).map((i): readonly [number, number] => {
    if (wanted) return sides(full[i] - wanted[i], auto === 'SAME_UPPER' ? auto : 'SAME_LOWER')
    return pads ? [pads[i], pads[i + rank]] : [0, 0]
  })
  let spread = x
  stride.forEach((s, i) => {
    spread = spread.dilate(2 + i, s)
  })
  const padded = spread.pad([...outer, ...range(rank).map(i => [reach[i] - 1 - cut[i][0], reach[i] - 1 - cut[i][1] + extra[i]] as const)]) // biome-ignore format: widths
  const [c, o] = weight.shape
  const turned = weight
    .flip(range(rank, 2))
    .reshape([groups, c / groups, o, ...kernel])
    .transpose(1, 2)
    .reshape([groups * o, c / groups, ...kernel])
  return convolutions[rank - 1](padded, turned, bias, { dilation, groups })
}

/** Means over the elements of each window that count: the input's, and the padding's if asked. */
function averagePool(call: Call): Tensor {
  const x = call.x
  const geometry = windowsOf(call, x.shape.slice(2))
  const axes = range(geometry.kernel.length, x.ndim)
  const padding = call.flag('count_include_pad')
  const real = x.select(0, 0).select(0, 0).onesLike().unsqueeze(0).unsqueeze(0)
  const counted = padding ? real.pad([...outer, ...geometry.padding], 1) : real
  const none = { ...geometry, padding: geometry.padding.map(() => [0, 0] as const) }
  const count = windowed(counted, padding ? none : geometry, 0).sum(axes)
  return windowed(x, geometry, 0).sum(axes).div(count)
}

/** Also the place of each maximum in the whole input, rows first or columns first. */
function maxPool(call: Call): Tensor[] {
  const x = call.x
  const input = x.shape.slice(2)
  const geometry = windowsOf(call, input)
  const columns = call.flag('storage_order')
  const axes = range(geometry.kernel.length, x.ndim)
  const lowest = x.dtype === 'u8' ? 0 : x.dtype === 'i8' ? -128 : -Infinity
  const windows = windowed(x, geometry, lowest)
  const best = windows.max(axes, { keepDim: true })
  const values = best.squeeze(axes).to(x.dtype)
  if (call.outputs < 2) return [values]
  const [n, c] = x.shape
  const size = product(input)
  const own = range(size).map(i => (columns ? columnFirst(i, input) : i))
  const places = hostTensor(range(n * c * size).map(i => i - (i % size) + own[i % size]), x.shape, 'i32') // biome-ignore format: one formula
  const candidates = windowed(places, geometry, -1)
  const hit = windows.eq(best).and(candidates.ge(0))
  return [values, asIndex(candidates.where(hit, n * c * size).min(axes))]
}

/** The place of element i (rows first) when the first axis runs fastest. */
function columnFirst(i: number, shape: readonly number[]): number {
  let rest = i
  const at = shape.map(() => 0)
  for (let d = shape.length - 1; d >= 0; d--) {
    at[d] = rest % shape[d]
    rest = Math.floor(rest / shape[d])
  }
  return at.reduceRight((sum, v, d) => sum * shape[d] + v, 0)
}

/** Places refer to the size that the pooling came from; a larger result has zeros after it. */
async function maxUnpool(call: Call): Promise<Tensor> {
  const [x, index] = [call.x, call.input(1)]
  const rank = x.ndim - 2
  const kernel = call.ints('kernel_shape') ?? []
  const stride = call.ints('strides') ?? range(rank).map(() => 1)
  const pads = call.ints('pads') ?? range(2 * rank).map(() => 0)
  const [n, c] = x.shape
  const from = range(rank).map(i => (x.shape[2 + i] - 1) * stride[i] + kernel[i] - pads[i] - pads[i + rank])
  const wanted = (await call.numbers(2)) ?? [n, c, ...from]
  const total = n * c * product(from)
  const flat = hostTensor(new Float64Array(total), [total], 'f32').to(x.dtype)
  const filled = flat.scatter(0, index.to('i32').flatten(), x.flatten()).reshape([n, c, ...from])
  return filled.pad(wanted.map((size, d) => [0, size - filled.shape[d]] as const))
}

export const windows: Readonly<Record<string, Op>> = {
  Conv: call => convolve(call, call.x, call.input(1), call.inputs[2]),
  ConvTranspose: convTranspose,
  AveragePool: averagePool,
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  GlobalAveragePool: call => call.x.mean(range(call.x.ndim - 2, 2), { keepDim: true }),
  GlobalMaxPool: call => call.x.max(range(call.x.ndim - 2, 2), { keepDim: true }),
}
