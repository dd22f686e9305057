// Elementwise ops. Numbers beside tensors are data (see operand.ts); shapes broadcast as in NumPy.

import { isFloat, isInteger } from '../dtype.ts'
import { DTypeError, shown } from '../errors.ts'
import { composite } from '../graph/composite.ts'
import { type BinaryName, takes, type UnaryName } from '../primitives/elementwise.ts'
import { apply, Tensor } from '../tensor.ts'
import { broadcast, cast, operand, pair, toFloat } from './build.ts'
import { integerPower } from './compare.ts'
import { type Constant, k, type Operand } from './operand.ts'
import { withDerivative } from './shortcut.ts'

type Value = Operand | Constant

const unary =
  (name: UnaryName) =>
  (x: Tensor): Tensor =>
    apply(name, [x.dtype !== 'f32' && takes(name) === 'float' ? toFloat(x) : x])

const binary =
  (name: BinaryName) =>
  (a: Tensor, b: Value): Tensor =>
    apply(name, pair(name, a, b))

/** Both sides as floating point: integer operands become f32, as torch's true division. */
const floatBinary =
  (name: BinaryName) =>
  (a: Tensor, b: Value): Tensor => {
    if (a.dtype === 'f32' && (!(b instanceof Tensor) || b.dtype === 'f32')) return apply(name, pair(name, a, b))
    const bFloats = b instanceof Tensor && !isFloat(b.dtype) && !isFloat(a.dtype) ? toFloat(b) : b
    return apply(name, pair(name, b instanceof Tensor && isFloat(b.dtype) ? a : toFloat(a), bFloats))
  }

/** -x */
export const neg = unary('neg')
export const abs = unary('abs')
export const exp = unary('exp')
/** Natural logarithm. */
export const log = unary('log')
/** log(1 + x), exact near 0. */
export const log1p = unary('log1p')
/** exp(x) - 1, exact near 0. */
export const expm1 = unary('expm1')
export const sin = unary('sin')
export const cos = unary('cos')
export const tan = unary('tan')
export const tanh = unary('tanh')
/** The error function. */
export const erf = unary('erf')
export const sqrt = unary('sqrt')
/** 1 / sqrt(x) */
export const rsqrt = unary('rsqrt')
export const reciprocal = unary('reciprocal')
/** Integers stay as they are. */
const rounding =
  (name: 'floor' | 'ceil' | 'round' | 'trunc') =>
  (x: Tensor): Tensor =>
    isInteger(x.dtype) ? x : apply(name, [toFloat(x)])

export const floor = rounding('floor')
export const ceil = rounding('ceil')
/** To the nearest integer, halves to even. */
export const round = rounding('round')
export const trunc = rounding('trunc')
/** Logical not of a bool tensor, bitwise not of an integer one. */
export function not(x: Tensor): Tensor {
  if (isFloat(x.dtype)) throw new DTypeError('not', `does not take ${x.dtype}; compare with .eq(0) instead`)
  return apply('not', [x])
}
/** Which elements are NaN, as bool. */
export const isnan = unary('isNaN')

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
/** True division: two integer operands give f32. */
export const div = floatBinary('div')
const floatPower = floatBinary('pow')
/** a ** b. Integers to an integer power stay integers, exact and wrapping; to another power they become f32. */
export function pow(a: Tensor, b: Value): Tensor {
  const whole =
    b instanceof Tensor
      ? isInteger(b.dtype)
      : Number.isInteger(typeof b === 'number' ? b : 'constant' in b ? b.constant : Number.NaN)
  return isInteger(a.dtype) && whole ? integerPower(...pair('pow', a, b)) : floatPower(a, b)
}
export const atan2 = floatBinary('atan2')
/** Remainder with the sign of the dividend (C's fmod). */
export const fmod = binary('mod')
/** Elementwise maximum; NaN wins. */
export const maximum = binary('max')
/** Elementwise minimum; NaN wins. */
export const minimum = binary('min')
export const lt = binary('lt')
export const le = binary('le')
export const gt = (a: Tensor, b: Value): Tensor => {
  const [x, y] = pair('gt', a, b)
  return apply('lt', [y, x])
}
export const ge = (a: Tensor, b: Value): Tensor => {
  const [x, y] = pair('ge', a, b)
  return apply('le', [y, x])
}
export const eq = binary('eq')
export const ne = binary('ne')
/** Logical and of bools, bitwise and of integers. */
export const and = binary('and')
export const or = binary('or')
export const xor = binary('xor')
/** By whole numbers of bits. */
export const shiftLeft = binary('shl')
export const shiftRight = binary('shr')

/** -1, 0 or 1; NaN stays NaN. */
export function sign(x: Tensor): Tensor {
  const one = where(gt(x, k(0)), k(1), where(lt(x, k(0)), k(-1), k(0), x), x)
  return isFloat(x.dtype) ? where(isnan(x), x, one) : one
}

/** x * x */
export const square = (x: Tensor): Tensor => mul(x, x)

/**
 * Elements of `a` where `condition` holds, of `b` elsewhere.
 * @param condition bool   @param a a tensor or a number   @param b likewise; a number takes the other's dtype
 */
export function where(condition: Tensor, a: Value, b: Value, like?: Tensor): Tensor {
  if (condition.dtype !== 'bool')
    throw new DTypeError(
      'where',
      `the condition must be bool, not ${condition.dtype ?? shown(condition)}; compare first`,
    )
  const model = a instanceof Tensor ? a : b instanceof Tensor ? b : like
  const base = model ?? cast(condition, 'f32')
  let [x, y] =
    a instanceof Tensor
      ? pair('where', a, b)
      : b instanceof Tensor
        ? pair('where', b, a).reverse()
        : [operand('where', a, base), operand('where', b, base)]
  const [c, p, q] = broadcast('where', [condition, x, y])
  ;[x, y] = [p, q]
  return apply('where', [c, x, y])
}

/** x where `condition` holds, `other` elsewhere (torch's method of that name). */
export const whereMethod = (x: Tensor, condition: Tensor, other: Value): Tensor => where(condition, x, other)

/** x with `value` where the bool mask holds. */
export const maskedFill = (x: Tensor, mask: Tensor, value: Operand): Tensor =>
  where(mask, operand('maskedFill', value, x), x)

/** Limits to [low, high]; either may be left out. NaN stays NaN, of x and of a limit. At a limit the gradient is x's, as in torch. */
export function clamp(x: Tensor, low?: Operand, high?: Operand): Tensor {
  const raised = low === undefined ? x : limit(x, low, lt)
  return high === undefined ? raised : limit(raised, high, gt)
}

function limit(x: Tensor, value: Operand, beyond: (a: Tensor, b: Value) => Tensor): Tensor {
  const bound = operand('clamp', value, x)
  const outside = beyond(x, bound)
  return where(isFloat(bound.dtype) ? outside.or(isnan(bound)) : outside, bound, x)
}

/** The same 32 bits read as another 32-bit type. */
export function bitcast(x: Tensor, dtype: 'f32' | 'i32' | 'u32'): Tensor {
  for (const type of [x.dtype, dtype])
    if (!['f32', 'i32', 'u32'].includes(type)) throw new DTypeError('bitcast', `takes 32-bit types, not ${type}`)
  return x.dtype === dtype ? x : apply('bitcast', [x], { mode: dtype })
}

/** The value without history. */
export function detach(x: Tensor): Tensor {
  const copy = apply('identity', [x])
  copy.node.requiresGrad = false
  return copy
}

/** A snapshot of the value now, with memory of its own; history goes on. */
export const clone = (x: Tensor): Tensor => apply('identity', [x]).keep()

/** Zeros of the same shape, dtype and device. */
export const zerosLike = (x: Tensor): Tensor => fill(x, k(0))
export const onesLike = (x: Tensor): Tensor => fill(x, k(1))
export const fullLike = (x: Tensor, value: number): Tensor => fill(x, value)

function fill(x: Tensor, value: number | Constant): Tensor {
  const v = operand('fullLike', value, x)
  if (x.ndim === 0) return apply('identity', [v])
  return apply('expand', [v], undefined, x.shape)
}

// --- activations ---

/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => where(gt(x, k(0)), x, where(isnan(x), x, k(0)))
/** 1 / (1 + exp(-x)) */
export const sigmoid = (x: Tensor): Tensor =>
  withDerivative(
    [x],
    () => reciprocal(add(exp(neg(x)), k(1))),
    (g, _, y) => [mul(g, sub(y, mul(y, y)))],
    'sigmoid',
  )
/** x * sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x))
/**
 * Gaussian error linear unit (Hendrycks and Gimpel 2016): x * Phi(x).
 * @param approximate 'none': by erf; 'tanh': GPT-2's approximation
 */
export function gelu(x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  return options.approximate === 'tanh'
    ? composite('gelu', 'tanh', [x], geluByTanh)
    : composite('gelu', 'erf', [x], geluByErf)
}
function geluByTanh(x: Tensor): Tensor {
  // (1 + tanh(u)) / 2 is sigmoid(2 u): one exponential, and no difference of near numbers far below 0. Beyond 9.98, where the exponential would
  // leave the range in which it is fast, it is 0 and 1: torch's form is so from 9 on, and the cube of a large x would not be finite
  const vanishes = lt(x, k(-9.98))
  const raised = where(vanishes, k(-9.98), x)
  const near = where(gt(raised, k(9.98)), k(9.98), raised)
  const slope = 2 * Math.sqrt(2 / Math.PI)
  const inner = mul(near, add(mul(mul(near, near), k(0.044715 * slope)), k(slope)))
  return mul(x, where(vanishes, k(0), sigmoid(inner)))
}
const geluByErf = (x: Tensor): Tensor => mul(mul(x, k(0.5)), add(erf(mul(x, k(Math.SQRT1_2))), k(1)))
/** log(1 + exp(x)), linear above 20 as in torch. */
export function softplus(x: Tensor): Tensor {
  const linear = gt(x, k(20))
  return where(linear, x, log1p(exp(where(linear, k(0), x))))
}
/** x above 0, alpha * (exp(x) - 1) below. */
export function elu(x: Tensor, alpha = 1): Tensor {
  const linear = gt(x, k(0))
  return where(linear, x, mul(expm1(where(linear, k(0), x)), alpha))
}
/** x above 0, slope * x below. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => where(gt(x, k(0)), x, mul(x, slope))
/** x * tanh(softplus(x)) */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)))
/** clamp(x + 3, 0, 6) / 6; flat at both ends, limits included. */
export const hardsigmoid = (x: Tensor): Tensor =>
  where(le(x, k(-3)), k(0), where(ge(x, k(3)), k(1), mul(add(x, k(3)), k(1 / 6))))
/** x * hardsigmoid(x) */
export const hardswish = (x: Tensor): Tensor => mul(x, hardsigmoid(x))
/** log(sigmoid(x)), stable. */
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)))
