// Special functions. Each names the formula that it follows; derivatives are their own, so they stay exact where the formula is pieced together.
// Sources: Abramowitz and Stegun 1964, chapters 4, 6 and 7; Giles 2010 for the inverse of erf; polynomials fitted to 1e-9 or better by Chebyshev interpolation.

import { isFloat } from '../dtype.ts'
import { CairnError } from '../errors.ts'
import { apply, type Tensor } from '../tensor.ts'
import { broadcast, pair, toFloat } from './build.ts'
import { where } from './elementwise.ts'
import { type Constant, k, type Operand } from './operand.ts'
import { withDerivative } from './shortcut.ts'

type Slope = (x: Tensor, y: Tensor) => Tensor

/** A function of one floating-point tensor with its derivative. Halves go through f32: a formula of several steps would lose theirs. */
const special =
  (value: (x: Tensor) => Tensor, slope: Slope) =>
  (x: Tensor): Tensor => {
    const half = x.dtype === 'f16' || x.dtype === 'bf16'
    const wide = half ? x.to('f32') : toFloat(x)
    const out = withDerivative(
      [wide],
      () => value(wide),
      (g, [x], y) => [g.mul(slope(x, y))],
    )
    return half ? out.to(x.dtype) : out
  }

/** coefficients from the constant on */
const polynomial = (x: Tensor, coefficients: readonly number[]): Tensor =>
  coefficients
    .slice(0, -2)
    .reduceRight((sum, c) => sum.mul(x).add(k(c)), x.mul(k(coefficients.at(-1)!)).add(k(coefficients.at(-2)!)))

const select = (condition: Tensor, a: Tensor | Constant, b: Tensor | Constant): Tensor => where(condition, a, b)
/** `f` of |x| with the sign of x. */
const odd = (x: Tensor, f: (a: Tensor) => Tensor): Tensor => {
  const y = f(x.abs())
  return select(x.lt(k(0)), y.neg(), y)
}

// --- trigonometric and hyperbolic ---

const legs = (x: Tensor): Tensor => x.mul(x).neg().add(k(1))
/** The angle in [-pi/2, pi/2] whose sine is x; NaN outside of [-1, 1]. */
export const asin = special(
  x => x.atan2(root(x)),
  x => legs(x).rsqrt(),
)
function root(x: Tensor): Tensor {
  return x
    .neg()
    .add(k(1))
    .mul(x.add(k(1)))
    .sqrt()
}
/** The angle in [0, pi] whose cosine is x; NaN outside of [-1, 1]. */
export const acos = special(
  x => root(x).atan2(x),
  x => legs(x).rsqrt().neg(),
)
/** The angle in (-pi/2, pi/2) whose tangent is x. */
export const atan = special(
  x => x.atan2(k(1)),
  x => x.mul(x).add(k(1)).reciprocal(),
)
/** exp overflows before sinh and cosh do: from 9 on half of the exponent is squared. */
const large = (a: Tensor): Tensor => {
  const half = a.mul(k(0.5)).exp()
  return half.mul(k(0.5)).mul(half)
}
export const sinh = special(
  x =>
    odd(x, a => {
      const e = a.expm1()
      return select(a.gt(k(9)), large(a), e.add(e.div(e.add(k(1)))).mul(k(0.5)))
    }),
  x => cosh(x),
)
export const cosh: (x: Tensor) => Tensor = special(
  x => {
    const a = x.abs()
    return select(a.gt(k(9)), large(a), a.exp().add(a.neg().exp()).mul(k(0.5)))
  },
  x => sinh(x),
)
export const asinh = special(
  x =>
    odd(x, a => {
      const s = a.mul(a)
      const near = a.add(s.div(s.add(k(1)).sqrt().add(k(1)))).log1p()
      return select(a.gt(k(1e8)), a.log().add(k(Math.LN2)), near)
    }),
  x => x.mul(x).add(k(1)).rsqrt(),
)
/** NaN below 1. */
export const acosh = special(
  x => {
    const t = x.sub(k(1))
    const near = t.add(t.mul(t.add(k(2))).sqrt()).log1p()
    return select(x.lt(k(1)), k(Number.NaN), select(x.gt(k(1e8)), x.log().add(k(Math.LN2)), near))
  },
  x =>
    x
      .sub(k(1))
      .mul(x.add(k(1)))
      .rsqrt(),
)
/** NaN outside of [-1, 1]. */
export const atanh = special(
  x =>
    odd(x, a =>
      a
        .mul(k(2))
        .div(a.neg().add(k(1)))
        .log1p()
        .mul(k(0.5)),
    ),
  x => legs(x).reciprocal(),
)

// --- exponentials and logarithms ---

const two = (x: Tensor): Tensor => x.onesLike().mul(k(2))
/** 2 ** x, exact for whole x. */
export const exp2 = special(
  x => two(x).pow(x),
  (_, y) => y.mul(k(Math.LN2)),
)

/** log(x) / log(base), exact at whole powers of the base from `least` on: a power below has lost digits in f32, so that another number is its neighbour. */
const logarithm = (base: number, least: number): ((x: Tensor) => Tensor) =>
  special(
    x => {
      const y = x.log().mul(k(1 / Math.log(base)))
      const whole = y.round()
      const power = x.onesLike().mul(k(base)).pow(whole)
      return select(
        power
          .eq(x)
          .and(whole.ge(k(least)))
          .and(whole.eq(y).not()),
        whole,
        y,
      )
    },
    x => x.mul(k(Math.log(base))).reciprocal(),
  )
export const log2 = logarithm(2, -149)
export const log10 = logarithm(10, -37)

/** log(exp(a) + exp(b)), without the overflow. */
export function logaddexp(a: Tensor, b: Operand): Tensor {
  const [x, y] = floats('logaddexp', a, b)
  const equal = x.eq(y)
  const apart = select(equal, k(0), x.sub(y))
  return x.maximum(y).add(apart.abs().neg().exp().log1p())
}
/** log2(2 ** a + 2 ** b). */
export function logaddexp2(a: Tensor, b: Operand): Tensor {
  const [x, y] = floats('logaddexp2', a, b)
  return logaddexp(x.mul(k(Math.LN2)), y.mul(k(Math.LN2))).mul(k(Math.LOG2E))
}
/** x log(y), 0 where x is 0 (unless y is NaN). */
export function xlogy(a: Tensor, b: Operand): Tensor {
  return timesLog(
    'xlogy',
    a,
    b,
    y => y.log(),
    y => y,
  )
}
/** x log(1 + y), 0 where x is 0 (unless y is NaN). */
export function xlog1py(a: Tensor, b: Operand): Tensor {
  return timesLog(
    'xlog1py',
    a,
    b,
    y => y.log1p(),
    y => y.add(k(1)),
  )
}
function timesLog(op: string, a: Tensor, b: Operand, log: (y: Tensor) => Tensor, inner: (y: Tensor) => Tensor): Tensor {
  const [x, y] = floats(op, a, b)
  const zero = x.eq(k(0))
  return withDerivative(
    [x, y],
    () => select(zero.and(y.isnan().not()), k(0), x.mul(log(y))),
    (g, [x, y]) => [g.mul(select(x.eq(k(0)).and(inner(y).le(k(0))), k(0), log(y))), g.mul(x).div(inner(y))],
  )
}
/** Both as floating point of one dtype and shape. */
function floats(op: string, a: Tensor, b: Operand): [Tensor, Tensor] {
  const [x, y] = pair(op, isFloat(a.dtype) || typeof b !== 'number' ? a : toFloat(a), b)
  const [p, q] = broadcast(op, [toFloat(x), toFloat(y)])
  const shape = p.ndim >= q.ndim ? p : q
  return [p.expandAs(shape), q.expandAs(shape)]
}
/** The log-odds log(p / (1 - p)); with eps, p is limited to [eps, 1 - eps] first. */
export function logit(x: Tensor, eps?: number): Tensor {
  const p = eps === undefined ? toFloat(x) : toFloat(x).clamp(eps, 1 - eps)
  return p.div(p.neg().add(k(1))).log()
}
/** -x log(x), 0 at 0, -Infinity below. */
export function entr(x: Tensor): Tensor {
  const float = toFloat(x)
  return select(float.lt(k(0)), k(-Infinity), xlogy(float, float).neg())
}

// --- the error function's family ---

const erfcPolynomial = [
  -0.67179408416, 0.672643220546, 0.0473433203674, -0.046895482161, -0.00987298045942, 0.00882355817741,
  0.00176133936545, -0.00233927772306, -0.000156134275943, 0.000657953845756, -7.11973080858e-5, -0.000154633788934,
  4.17958926692e-5, 2.07230702932e-5, -8.12125392613e-6,
]
/** t exp(-z^2 + P(2 t - 1)) with t = 1 / (1 + z / 2), z >= 0: relative error 3e-10. */
const upperTail = (z: Tensor): Tensor => {
  const t = z.mul(k(0.5)).add(k(1)).reciprocal()
  // exp(-z^2) of a z whose square is rounded loses its last digits: the square in two parts
  const high = z
    .mul(k(64))
    .round()
    .mul(k(1 / 64))
  const low = z.sub(high).mul(z.add(high))
  const cut = z.gt(k(30))
  const tail = t.mul(high.mul(high).neg().exp()).mul(
    polynomial(t.mul(k(2)).sub(k(1)), erfcPolynomial)
      .sub(low)
      .exp(),
  )
  return select(cut, k(0), tail)
}
const twoOverSqrtPi = 2 / Math.sqrt(Math.PI)
/** 1 - erf(x), without the cancellation. */
export const erfc = special(
  x => {
    const tail = upperTail(x.abs())
    const near = x.abs().lt(k(0.5))
    const far = select(x.lt(k(0)), tail.neg().add(k(2)), tail)
    return select(x.isnan(), x, select(near, x.erf().neg().add(k(1)), far))
  },
  x => x.mul(x).neg().exp().mul(k(-twoOverSqrtPi)),
)
const erfinvCentre = [
  1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6, 3.43273939e-7,
  2.81022636e-8,
]
const erfinvTail = [
  2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558,
  -0.000200214257,
]
/** The x with erf(x) = y; infinite at -1 and 1, NaN outside. Giles' approximation and a step of Newton's. */
export const erfinv: (x: Tensor) => Tensor = special(
  x =>
    odd(x, a => {
      const w = a
        .neg()
        .add(k(1))
        .mul(a.add(k(1)))
        .log()
        .neg()
      const centre = polynomial(w.sub(k(2.5)), erfinvCentre)
      const tail = polynomial(w.sqrt().sub(k(3)), erfinvTail)
      const first = select(w.lt(k(5)), centre, tail).mul(a)
      const off = select(a.lt(k(0.5)), first.erf().sub(a), a.neg().add(k(1)).sub(erfc(first)))
      const better = first.sub(off.mul(first.mul(first).exp()).mul(k(1 / twoOverSqrtPi)))
      return select(a.eq(k(1)), k(Infinity), better)
    }),
  (_, y) =>
    y
      .mul(y)
      .exp()
      .mul(k(1 / twoOverSqrtPi)),
)
/** The distribution function of the standard normal: the area below x. */
export const ndtr = (x: Tensor): Tensor => erfc(toFloat(x).mul(k(-Math.SQRT1_2))).mul(k(0.5))
/** The x below which the standard normal has the area p. */
export const ndtri = (p: Tensor): Tensor => erfinv(toFloat(p).mul(k(2)).sub(k(1))).mul(k(Math.SQRT2))

// --- the gamma function's family ---

/** lgamma(x) = (x - 1) (x - 2) R(x - 2) on [1, 3]: relative error 6e-12. */
const lgammaPolynomial = [
  0.422784335101, -0.100317301685, 0.0329650002534, -0.0123841915459, 0.00499865080343, -0.00210814204278,
  0.000915280124424, -0.000405619641523, 0.000183036157574, -8.34645431671e-5, 3.68272373207e-5, -1.67587588424e-5,
  1.0367231428e-5, -5.15463614841e-6, -1.15342973037e-7, 2.27817892047e-7, 1.24602253527e-6, -6.32274159955e-7,
]
/** f(x), pushed up to z >= 8 by its recurrence: what each step adds, and z. */
function pushUp(x: Tensor, start: Tensor, step: (sum: Tensor, z: Tensor) => Tensor): { z: Tensor; sum: Tensor } {
  let z = x
  let sum = start
  for (let i = 0; i < 8; i++) {
    const small = z.lt(k(8))
    sum = select(small, step(sum, z), sum)
    z = select(small, z.add(k(1)), z)
  }
  return { z, sum }
}
/** sum of c_i / z^(2 i) */
const inverseSquares = (z: Tensor, coefficients: readonly number[]): Tensor =>
  polynomial(z.mul(z).reciprocal(), coefficients)
/** pi times what x is beyond the nearest whole number, for the sine's size and the tangent: exact near the poles. */
const angleOf = (x: Tensor): Tensor => x.sub(x.round()).mul(k(Math.PI))

function lgammaAbove0(x: Tensor): Tensor {
  // below 1: lgamma(x) = lgamma(x + 1) - log(x)
  const low = x.lt(k(1))
  const middle = select(low, x.add(k(1)), select(x.gt(k(3)), k(2), x))
  const u = middle.sub(k(2))
  const near = u.add(k(1)).mul(u).mul(polynomial(u, lgammaPolynomial))
  const { z, sum } = pushUp(x, x.onesLike(), (product, z) => product.mul(z))
  const series = inverseSquares(z, [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188]).div(z)
  const far = z
    .sub(k(0.5))
    .mul(z.log().sub(k(1)))
    .add(k(0.5 * Math.log(2 * Math.PI) - 0.5))
    .add(series)
    .sub(sum.log())
  return select(x.gt(k(3)), far, select(low, near.sub(x.log()), near))
}
/** log |gamma(x)|; infinite at 0 and the negative integers. */
export const lgamma = special(
  x => {
    const below = x.lt(k(0.5)).and(x.le(k(0)))
    const up = lgammaAbove0(select(below, x.neg().add(k(1)), x))
    // reflection: gamma(x) gamma(1 - x) = pi / sin(pi x)
    const mirrored = angleOf(x)
      .sin()
      .abs()
      .log()
      .neg()
      .add(k(Math.log(Math.PI)))
      .sub(up)
    const infinite = x.abs().eq(k(Infinity))
    return select(infinite, k(Infinity), select(below, mirrored, up))
  },
  x => digamma(x),
)
/** The derivative of lgamma; -Infinity at 0, NaN at the negative integers. */
export const digamma: (x: Tensor) => Tensor = special(
  x => {
    const below = x.lt(k(0))
    const { z, sum } = pushUp(select(below, x.neg().add(k(1)), x), x.zerosLike(), (sum, z) => sum.sub(z.reciprocal()))
    const series = inverseSquares(z, [-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132]).div(z.mul(z))
    const up = z
      .log()
      .sub(z.mul(k(2)).reciprocal())
      .add(series)
      .add(sum)
    const angle = angleOf(x)
    const pole = below.and(x.eq(x.floor()))
    return select(pole, k(Number.NaN), select(below, up.sub(angle.tan().reciprocal().mul(k(Math.PI))), up))
  },
  x => polygamma(x, 1),
)
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]
const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))
/**
 * The n-th derivative of digamma, n >= 0 (torch.polygamma with the arguments the other way round). From n = 2 on, x must be positive: NaN elsewhere.
 */
export function polygamma(x: Tensor, n: number): Tensor {
  if (!Number.isInteger(n) || n < 0)
    throw new CairnError('polygamma', `n must be a whole number of at least 0, not ${n}`)
  if (n === 0) return digamma(x)
  const sign = n % 2 === 1 ? 1 : -1
  const power = (z: Tensor, p: number): Tensor => Array.from({ length: p }, () => z).reduce((a, b) => a.mul(b))
  return special(
    x => {
      const below = n === 1 ? x.lt(k(0)) : x.le(k(0))
      const { z, sum } = pushUp(select(below, x.neg().add(k(1)), x), x.zerosLike(), (sum, z) =>
        sum.add(power(z, n + 1).reciprocal()),
      )
      const coefficients = bernoulli.map((b, i) => (b * factorial(2 * i + 1 + n)) / factorial(2 * i + 2))
      const series = inverseSquares(z, coefficients).div(power(z, n + 2))
      const up = power(z, n)
        .reciprocal()
        .mul(k(factorial(n - 1)))
        .add(
          power(z, n + 1)
            .reciprocal()
            .mul(k(factorial(n) / 2)),
        )
        .add(series)
        .add(sum.mul(k(factorial(n))))
      if (n > 1) return select(below, k(Number.NaN), up.mul(k(sign)))
      // trigamma(x) + trigamma(1 - x) = (pi / sin(pi x))^2
      const mirror = angleOf(x).sin().reciprocal().mul(k(Math.PI))
      return select(below, mirror.mul(mirror).sub(up), up)
    },
    x => polygamma(x, n + 1),
  )(x)
}
/** The logarithm of the multivariate gamma function of dimension p. */
export const mvlgamma = (x: Tensor, p: number): Tensor =>
  Array.from({ length: p }, (_, i) => lgamma(toFloat(x).sub(k(i / 2))))
    .reduce((a, b) => a.add(b))
    .add(k(((p * (p - 1)) / 4) * Math.log(Math.PI)))

// --- others ---

/** sin(pi x) / (pi x), 1 at 0. */
export function sinc(x: Tensor): Tensor {
  const float = toFloat(x)
  const zero = float.eq(k(0))
  const angle = select(zero, k(1), float).mul(k(Math.PI))
  return select(zero, k(1), angle.sin().div(angle))
}
/** sqrt(a^2 + b^2), without overflow of the squares. */
export function hypot(a: Tensor, b: Operand): Tensor {
  const [x, y] = floats('hypot', a, b)
  return withDerivative(
    [x, y],
    () => {
      const [p, q] = [x.abs(), y.abs()]
      const big = p.maximum(q)
      const none = big.eq(k(0))
      const ratio = p.minimum(q).div(select(none, k(1), big))
      const infinite = p.eq(k(Infinity)).or(q.eq(k(Infinity)))
      return select(infinite, k(Infinity), big.mul(ratio.mul(ratio).add(k(1)).sqrt()))
    },
    (g, [x, y], out) => {
      const none = out.eq(k(0))
      const share = g.div(select(none, k(1), out))
      return [share.mul(x), share.mul(y)]
    },
  )
}

/** What an op without history may use: the bits of a float as i32; f16 and bf16 widen first. */
export const isBitcastable = (x: Tensor): boolean => ['f32', 'f16', 'bf16'].includes(x.dtype)
/** i32 bits of x, which is f32 after widening. */
export const bitsOf = (x: Tensor): Tensor => apply('bitcast', [x.dtype === 'f32' ? x : x.to('f32')], { mode: 'i32' })
