// Rows of torch's elementwise ops beyond those of a language model: special functions, comparisons, bits, activations.
import { celu, glu, hardshrink, prelu, selu, softshrink, softsign } from '@cairn/nn'
import type { Tensor } from '@cairn/tensor'
import { digamma, entr, erfc, erfinv, lgamma, mvlgamma, ndtr, ndtri, polygamma, xlog1py } from '@cairn/tensor/special'
import type { Attributes, Row } from '../cases.ts'
import { axis, breadth, operands, pair, plain, x } from '../rows.ts'

const limits = (t: Tensor, attrs: Attributes): Tensor =>
  t.clamp(attrs.number(-1, 'min', 'min_val'), attrs.number(1, 'max', 'max_val'))

/** Two tensors, no number. */
const both = (f: (a: Tensor, b: Tensor) => Tensor): Row => breadth(inputs => f(...pair(inputs)))

export const elementwise: Readonly<Record<string, Row>> = {
  asin: plain(t => t.asin()),
  arcsin: plain(t => t.asin()),
  acos: plain(t => t.acos()),
  arccos: plain(t => t.acos()),
  atan: plain(t => t.atan()),
  arctan: plain(t => t.atan()),
  sinh: plain(t => t.sinh()),
  cosh: plain(t => t.cosh()),
  asinh: plain(t => t.asinh()),
  acosh: plain(t => t.acosh()),
  atanh: plain(t => t.atanh()),
  exp2: plain(t => t.exp2()),
  log2: plain(t => t.log2()),
  log10: plain(t => t.log10()),
  sinc: plain(t => t.sinc()),
  frac: plain(t => t.frac()),
  deg2rad: plain(t => t.deg2rad()),
  rad2deg: plain(t => t.rad2deg()),
  erfc: plain(t => erfc(t)),
  erfinv: plain(t => erfinv(t)),
  lgamma: plain(t => lgamma(t)),
  gammaln: plain(t => lgamma(t)),
  mvlgamma: plain((t, attrs) => mvlgamma(t, attrs.number(1, 'p'))),
  digamma: plain(t => digamma(t)),
  polygamma: plain((t, attrs) => polygamma(t, attrs.number(1, 'n'))),
  ndtr: plain(t => ndtr(t)),
  ndtri: plain(t => ndtri(t)),
  entr: plain(t => entr(t)),
  logit: plain((t, attrs) => t.logit(attrs.has('eps') ? attrs.number(0, 'eps') : undefined)),
  positive: plain(t => t.mul(1)),
  nan_to_num: plain((t, attrs) =>
    t.nanToNum({
      nan: attrs.number(0, 'nan'),
      posinf: attrs.has('posinf') ? attrs.number(0, 'posinf') : undefined,
      neginf: attrs.has('neginf') ? attrs.number(0, 'neginf') : undefined,
    }),
  ),
  isnan: plain(t => t.isnan()),
  isinf: plain(t => t.isinf()),
  isfinite: plain(t => t.isfinite()),
  isposinf: plain(t => t.isposinf()),
  isneginf: plain(t => t.isneginf()),
  signbit: plain(t => t.signbit()),
  logical_not: plain(t => t.logicalNot()),
  bitwise_not: plain(t => t.bitwiseNot()),

  copysign: operands((a, b) => a.copysign(b)),
  floor_divide: operands((a, b) => a.floorDivide(b)),
  remainder: operands((a, b) => a.remainder(b)),
  hypot: operands((a, b) => a.hypot(b)),
  logaddexp: operands((a, b) => a.logaddexp(b)),
  logaddexp2: operands((a, b) => a.logaddexp2(b)),
  xlogy: operands((a, b) => a.xlogy(b)),
  xlog1py: operands((a, b) => xlog1py(a, b)),
  fmax: operands((a, b) => a.fmax(b)),
  fmin: operands((a, b) => a.fmin(b)),
  heaviside: operands((a, b) => a.heaviside(b)),
  nextafter: both((a, b) => a.nextafter(b)),
  eq: operands((a, b) => a.eq(b)),
  ne: operands((a, b) => a.ne(b)),
  lt: operands((a, b) => a.lt(b)),
  le: operands((a, b) => a.le(b)),
  gt: operands((a, b) => a.gt(b)),
  ge: operands((a, b) => a.ge(b)),
  isclose: breadth((inputs, attrs) => {
    const [a, b] = pair(inputs)
    return a.isclose(b, { rtol: attrs.number(1e-5, 'rtol'), atol: attrs.number(1e-8, 'atol') })
  }),
  logical_and: both((a, b) => a.logicalAnd(b)),
  logical_or: both((a, b) => a.logicalOr(b)),
  logical_xor: both((a, b) => a.logicalXor(b)),
  bitwise_and: both((a, b) => a.bitwiseAnd(b)),
  bitwise_or: both((a, b) => a.bitwiseOr(b)),
  bitwise_xor: both((a, b) => a.bitwiseXor(b)),
  bitwise_left_shift: both((a, b) => a.bitwiseLeftShift(b)),
  bitwise_right_shift: both((a, b) => a.bitwiseRightShift(b)),
  gcd: both((a, b) => a.gcd(b)),
  lcm: both((a, b) => a.lcm(b)),
  lerp: breadth((inputs, attrs) => {
    const [a, b] = [inputs.a ?? inputs.x ?? inputs.input, inputs.b ?? inputs.y ?? inputs.end]
    return a.lerp(b, inputs.w ?? inputs.weight ?? attrs.number(0.5, 'weight', 'w'))
  }),
  addcmul: breadth(({ x: input, input: named, a, b, t1, t2, tensor1, tensor2 }, attrs) =>
    (input ?? named).addcmul(t1 ?? tensor1 ?? a, t2 ?? tensor2 ?? b, attrs.number(1, 'value')),
  ),
  addcdiv: breadth(({ x: input, input: named, a, b, t1, t2, tensor1, tensor2 }, attrs) =>
    (input ?? named).addcdiv(t1 ?? tensor1 ?? a, t2 ?? tensor2 ?? b, attrs.number(1, 'value')),
  ),

  // activations
  relu6: plain(t => t.clamp(0, 6)),
  hardtanh: plain(limits),
  selu: plain(t => selu(t)),
  celu: plain((t, attrs) => celu(t, attrs.number(1, 'alpha'))),
  softsign: plain(t => softsign(t)),
  softshrink: plain((t, attrs) => softshrink(t, attrs.number(0.5, 'lambd', 'lambda'))),
  hardshrink: plain((t, attrs) => hardshrink(t, attrs.number(0.5, 'lambd', 'lambda'))),
  tanhshrink: plain(t => t.sub(t.tanh())),
  threshold: plain((t, attrs) => t.where(t.gt(attrs.number(0, 'threshold')), attrs.number(0, 'value'))),
  prelu: breadth(inputs => prelu(x(inputs), inputs.w ?? inputs.weight)),
  glu: plain((t, attrs) => glu(t, axis(attrs))),
  softmin: plain((t, attrs) => t.neg().softmax(axis(attrs))),
}
