// Transcendental functions that are methods; torch.special's further ones are in special/. Each names the formula that it follows; derivatives are
// their own, so they stay exact where the formula is pieced together. Source: Abramowitz and Stegun 1964, chapter 4.

import type { Tensor } from '../tensor.ts'
import { toFloat } from './build.ts'
import { k, type Operand } from './operand.ts'
import { floats, odd, polynomial, select, special, timesLog } from './pieces.ts'
import { withDerivative } from './shortcut.ts'

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
/** The log-odds log(p / (1 - p)); with eps, p is limited to [eps, 1 - eps] first. */
export function logit(x: Tensor, eps?: number): Tensor {
  const p = eps === undefined ? toFloat(x) : toFloat(x).clamp(eps, 1 - eps)
  return p.div(p.neg().add(k(1))).log()
}
// --- others ---

/** 1, -1/3!, 1/5! ... 1/13!: the series of sin(a) / a in powers of a^2; for a < 1/2 what follows is below 1e-16. */
const sincSeries = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800]

/** sin(pi x) / (pi x), 1 at 0. Near 0 by its series: the derivative of the quotient there is a difference of nearly equal numbers. */
export function sinc(x: Tensor): Tensor {
  const angle = toFloat(x).mul(k(Math.PI))
  const near = angle.abs().lt(k(0.5))
  const square = select(near, angle, k(0)).square()
  const far = select(near, k(1), angle)
  return select(near, polynomial(square, sincSeries), far.sin().div(far))
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
