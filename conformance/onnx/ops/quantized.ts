// Eight-bit values with a scale and a zero point. Sums of products are exact in i32. https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
import { type DType, full, type Tensor } from '@cairn/tensor'
import { type Call, type Op, range, wrap } from '../call.ts'
import { convolve } from './windows.ts'

const limits: Readonly<Record<string, readonly [number, number]>> = { u8: [0, 255], i8: [-128, 127] }

/** round(x) + zero, to even, and no further than the type goes */
function saturated(x: Tensor, zero: Tensor): Tensor {
  const [low, high] = limits[zero.dtype]
  return x.round().add(zero.to('f32')).clamp(low, high).to(zero.dtype)
}

/** Along one axis of x when there is more than one value. */
function spread(t: Tensor, x: Tensor, axis: number): Tensor {
  return t.size === 1 ? t.reshape([]) : t.reshape(x.shape.map((_, d) => (d === axis ? t.size : 1)))
}
const zeroOf = (call: Call, i: number, dtype: DType): Tensor => call.inputs[i] ?? full([], 0, { dtype })

function quantize(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 1), x.ndim)
  return saturated(x.div(spread(call.input(1), x, axis)), spread(zeroOf(call, 2, 'u8'), x, axis))
}

function dequantize(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 1), x.ndim)
  const zero = spread(zeroOf(call, 2, x.dtype), x, axis)
  return x
    .to('f32')
    .sub(zero.to('f32'))
    .mul(spread(call.input(1), x, axis))
}

/** The range of x, 0 included, in 255 steps. */
function dynamic(call: Call): Tensor[] {
  const x = call.x
  const [low, high] = [x.min().minimum(0), x.max().maximum(0)]
  const scale = high.sub(low).div(255)
  const zero = low.neg().div(scale).clamp(0, 255).round().to('u8')
  return [saturated(x.div(scale), zero), scale, zero]
}

const centred = (x: Tensor, zero: Tensor | undefined): Tensor => (zero ? x.to('i32').sub(zero.to('i32')) : x.to('i32'))
/** One zero point for each row of the left matrix. */
const perRow = (zero: Tensor | undefined): Tensor | undefined => (zero && zero.ndim === 1 ? zero.unsqueeze(1) : zero)

function matmulInteger(call: Call): Tensor {
  return centred(call.x, perRow(call.inputs[2])).matmul(centred(call.input(1), call.inputs[3]))
}

function qlinearMatmul(call: Call): Tensor {
  const [a, aScale, aZero, b, bScale, bZero, scale, zero] = range(8).map(i => call.input(i))
  const sums = centred(a, perRow(aZero)).matmul(centred(b, bZero)).to('f32')
  return saturated(sums.mul(perRow(aScale)!.mul(bScale).div(scale)), zero)
}

/** One value for each output channel. */
const perChannel = (t: Tensor, rank: number): Tensor => (t.size === 1 ? t.reshape([]) : t.reshape([t.size, ...range(rank - 1).map(() => 1)])) // biome-ignore format: one choice

function convInteger(call: Call): Tensor {
  const weight = call.input(1)
  const zero = call.inputs[3] && perChannel(call.inputs[3], weight.ndim)
  return convolve(call, centred(call.x, call.inputs[2]), centred(weight, zero))
}

function qlinearConv(call: Call): Tensor {
  const [x, xScale, xZero, w, wScale, wZero, scale, zero] = range(8).map(i => call.input(i))
  const bias = call.inputs[8]
  const sums = convolve(call, centred(x, xZero), centred(w, perChannel(wZero, w.ndim)), bias)
  const factor = perChannel(wScale, w.ndim - 1).mul(xScale.reshape([])).div(scale.reshape([])) // biome-ignore format: one formula
  return saturated(sums.to('f32').mul(factor), zero.reshape([]))
}

export const quantized: Readonly<Record<string, Op>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: matmulInteger,
  QLinearMatMul: qlinearMatmul,
  ConvInteger: convInteger,
  QLinearConv: qlinearConv,
}
