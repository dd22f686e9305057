// One number from one number, or from two: arithmetic, comparisons, activations, casts.
import { type DType, type Tensor, where } from '@cairn/tensor'
import type { Call, Op } from '../call.ts'
import { carrierOf } from '../elements.ts'

const isFloat = (dtype: DType): boolean => ['f16', 'bf16', 'f32', 'f64'].includes(dtype)

const unary =
  (f: (x: Tensor) => Tensor): Op =>
  call =>
    f(call.x)
const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Op =>
  call =>
    f(call.x, call.input(1))
/** Any number of operands, joined from the left. */
const variadic =
  (f: (a: Tensor, b: Tensor) => Tensor): Op =>
  call =>
    call.all().reduce(f)

/** Of the base's type; a fraction is cut off. */
function power(a: Tensor, b: Tensor): Tensor {
  if (isFloat(a.dtype)) return a.pow(b.to(a.dtype))
  const wide = a.device === 'webgpu' ? 'f32' : 'f64'
  return isFloat(b.dtype) ? a.to(wide).pow(b.to(wide)).to(a.dtype) : a.pow(b.to(a.dtype))
}

function modulo(call: Call): Tensor {
  const [a, b] = [call.x, call.input(1)]
  return call.flag('fmod') ? a.fmod(b) : a.remainder(b)
}

function clip(call: Call): Tensor {
  const x = call.x
  const low = call.inputs[1] ?? (call.has('min') ? call.float('min', 0) : undefined)
  const high = call.inputs[2] ?? (call.has('max') ? call.float('max', 0) : undefined)
  // NumPy's order: a lower limit above the upper one gives the upper one
  return x.clamp(low, high)
}

const shrink = (call: Call): Tensor => {
  const x = call.x
  const [bias, lambda] = [call.float('bias', 0), call.float('lambd', 0.5)]
  return where(x.lt(-lambda), x.add(bias), where(x.gt(lambda), x.sub(bias), x.zerosLike()))
}

const isinf = (call: Call): Tensor => {
  const x = call.x
  const [up, down] = [call.flag('detect_positive', true), call.flag('detect_negative', true)]
  if (up && down) return x.isinf()
  return up ? x.isposinf() : down ? x.isneginf() : x.isinf().logicalAnd(x.zerosLike())
}

export const elementwise: Readonly<Record<string, Op>> = {
  Abs: unary(x => x.abs()),
  Acos: unary(x => x.acos()),
  Acosh: unary(x => x.acosh()),
  Asin: unary(x => x.asin()),
  Asinh: unary(x => x.asinh()),
  Atan: unary(x => x.atan()),
  Atanh: unary(x => x.atanh()),
  Ceil: unary(x => x.ceil()),
  Cos: unary(x => x.cos()),
  Cosh: unary(x => x.cosh()),
  Erf: unary(x => x.erf()),
  Exp: unary(x => x.exp()),
  Floor: unary(x => x.floor()),
  Identity: unary(x => x),
  Log: unary(x => x.log()),
  Neg: unary(x => x.neg()),
  Not: unary(x => x.not()),
  Reciprocal: unary(x => x.reciprocal()),
  Round: unary(x => x.round()),
  Sign: unary(x => x.sign()),
  Sin: unary(x => x.sin()),
  Sinh: unary(x => x.sinh()),
  Sqrt: unary(x => x.sqrt()),
  Tan: unary(x => x.tan()),
  Tanh: unary(x => x.tanh()),
  IsNaN: unary(x => x.isnan()),
  IsInf: isinf,

  Add: binary((a, b) => a.add(b)),
  Sub: binary((a, b) => a.sub(b)),
  Mul: binary((a, b) => a.mul(b)),
  Div: binary((a, b) => (isFloat(a.dtype) ? a.div(b) : a.truncDivide(b))),
  Pow: binary(power),
  Mod: modulo,
  And: binary((a, b) => a.and(b)),
  Or: binary((a, b) => a.or(b)),
  Xor: binary((a, b) => a.xor(b)),
  BitShift: call => (call.text('direction', 'LEFT') === 'LEFT' ? call.x.shiftLeft(call.input(1)) : call.x.shiftRight(call.input(1))), // biome-ignore format: one choice
  Equal: binary((a, b) => a.eq(b)),
  Greater: binary((a, b) => a.gt(b)),
  GreaterOrEqual: binary((a, b) => a.ge(b)),
  Less: binary((a, b) => a.lt(b)),
  LessOrEqual: binary((a, b) => a.le(b)),
  Max: variadic((a, b) => a.maximum(b)),
  Min: variadic((a, b) => a.minimum(b)),
  Sum: variadic((a, b) => a.add(b)),
  Mean: call => {
    const all = call.all()
    return all.reduce((a, b) => a.add(b)).div(all.length)
  },
  Where: call => where(call.x, call.input(1), call.input(2)),
  Clip: clip,
  Cast: call => call.x.to(carrierOf(call.int('to', 0))),
  CastLike: binary((x, like) => x.to(like.dtype)),

  Relu: unary(x => x.relu()),
  Sigmoid: unary(x => x.sigmoid()),
  Softplus: unary(x => x.softplus()),
  Softsign: unary(x => x.div(x.abs().add(1))),
  HardSwish: unary(x => x.hardswish()),
  Celu: call => {
    const alpha = call.float('alpha', 1)
    return call.x.div(alpha).elu().mul(alpha).where(call.x.lt(0), call.x)
  },
  Elu: call => call.x.elu(call.float('alpha', 1)),
  HardSigmoid: call => call.x.mul(call.float('alpha', 0.2)).add(call.float('beta', 0.5)).clamp(0, 1),
  LeakyRelu: call => call.x.leakyRelu(call.float('alpha', 0.01)),
  PRelu: binary((x, slope) => where(x.lt(0), x.mul(slope), x)),
  Selu: call => {
    const alpha = call.float('alpha', 1.6732631921768188)
    return call.x.elu(alpha).mul(call.float('gamma', 1.0507010221481323))
  },
  Shrink: shrink,
  ThresholdedRelu: call => {
    const alpha = call.float('alpha', 1)
    return call.x.where(call.x.gt(alpha), 0)
  },
}
