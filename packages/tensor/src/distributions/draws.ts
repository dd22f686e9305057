// Draws from distributions with tensors as parameters. Uniform bits are equal on every device; what is accepted or rejected is equal in distribution. A sampler by
// rejection makes a fixed number of proposals side by side and takes the first that is accepted, so that it is a graph like any other.

import { type DefaultOptions, placed } from '../creation-options.ts'
import type { DeviceName } from '../device.ts'
import { isFloat } from '../dtype.ts'
import { CairnError, DTypeError, ShapeError } from '../errors.ts'
import { cast, positions } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { withDerivative } from '../ops/shortcut.ts'
import { type Generator, rand, randn } from '../random.ts'
import { broadcastShapes, type Shape } from '../shape.ts'
import { lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import { gammaSlope } from './gamma-slope.ts'

export interface DrawOptions {
  readonly generator?: Generator
}

/** Uniform in (0, 1): never 0, whose logarithm is infinite, nor 1. */
export function open(shape: Shape, like: Tensor, { generator }: DrawOptions): Tensor {
  const u = rand(shape, { device: like.device as DeviceName, generator })
  return cast(u.add(k(2 ** -25)), like.dtype)
}
export function normals(shape: Shape, like: Tensor, { generator }: DrawOptions): Tensor {
  return cast(randn(shape, { device: like.device as DeviceName, generator }), like.dtype)
}

export function checkFloats(op: string, ...parameters: Tensor[]): void {
  for (const p of parameters)
    if (!isFloat(p.dtype)) throw new DTypeError(op, `needs floating point, not ${p.dtype}; convert with .to('f32')`)
}

/** -log of a uniform number, over the rate. */
export const drawExponential = (rate: Tensor, shape: Shape, o: DrawOptions = {}): Tensor =>
  open(shape, rate, o).log().neg().div(rate)
/** With location 0 and scale 1, by the inverse of the distribution function; so are the next two. */
export const standardGumbel = (shape: Shape, like: Tensor, o: DrawOptions): Tensor =>
  open(shape, like, o).log().neg().log().neg()
export const standardCauchy = (shape: Shape, like: Tensor, o: DrawOptions): Tensor =>
  open(shape, like, o).sub(k(0.5)).mul(k(Math.PI)).tan()
export function standardLaplace(shape: Shape, like: Tensor, o: DrawOptions): Tensor {
  const u = open(shape, like, o).sub(k(0.5))
  return u
    .sign()
    .mul(u.abs().mul(k(-2)).log1p())
    .neg()
}

/** Proposals of a rejection sampler: Marsaglia and Tsang accept at least 95 of 100, so all 8 fail once in 10^10. */
const proposals = 8

/**
 * Gamma with rate 1, by G. Marsaglia and W. Tsang, "A simple method for generating gamma variables" (2000); below 1 the concentration is raised by one
 * and the draw multiplied by u^(1 / concentration). Its derivative is implicit (gamma-slope.ts).
 */
export function drawGamma(concentration: Tensor, shape: Shape, o: DrawOptions = {}): Tensor {
  checkFloats('gamma', concentration)
  const alpha = concentration.expand(shape)
  return withDerivative(
    [alpha],
    () => standardGamma(alpha, shape, o),
    (g, [alpha], z) => [g.mul(gammaSlope(alpha, z))],
  )
}

function standardGamma(alpha: Tensor, shape: Shape, o: DrawOptions): Tensor {
  const small = alpha.lt(k(1))
  const raised = alpha.add(cast(small, alpha.dtype))
  const d = raised.sub(k(1 / 3))
  const c = d.mul(k(9)).rsqrt()
  const many = [proposals, ...shape]
  const [x, u] = [normals(many, alpha, o), open(many, alpha, o)]
  const v = x.mul(c).add(k(1)).pow(3)
  const positive = v.gt(k(0))
  const logV = v.where(positive, k(1)).log()
  const accepted = positive.and(
    u.log().lt(
      x
        .square()
        .mul(k(0.5))
        .add(d.mul(v.neg().add(k(1)).add(logV))),
    ),
  )
  let out = d
  for (let i = proposals - 1; i >= 0; i--) out = d.mul(v.select(0, i)).where(accepted.select(0, i), out)
  const boost = open(shape, alpha, o).pow(alpha.reciprocal())
  // a power of a small number underflows: the smallest normal number stands for it, as in torch
  return out.where(small.not(), out.mul(boost)).clamp(1.1754944e-38)
}

/** Counts: below a mean of 12 by the inverse of the distribution function, from there on by rejection (W. Hoermann, "PTRS", 1993). Without gradient. */
export function drawPoisson(rate: Tensor, shape: Shape, o: DrawOptions = {}): Tensor {
  checkFloats('poisson', rate)
  const mean = rate.detach().expand(shape)
  const few = mean.lt(k(12))
  return fewCounts(mean.where(few, k(1)), shape, o).where(few, manyCounts(mean.where(few.not(), k(100)), shape, o))
}

/** In 48 steps: beyond lies 10^-13. */
function fewCounts(mean: Tensor, shape: Shape, o: DrawOptions): Tensor {
  const steps = positions([49, ...shape], 0, mean.engine).to(mean.dtype)
  const logs = steps
    .mul(mean.log())
    .sub(mean)
    .sub(lgamma(steps.add(k(1))))
  const probabilities = logs.exp().where(mean.gt(k(0)), cast(steps.eq(k(0)), mean.dtype))
  return cast(open(shape, mean, o).gt(probabilities.cumsum(0)), mean.dtype).sum(0)
}

function manyCounts(lambda: Tensor, shape: Shape, o: DrawOptions): Tensor {
  const tries = 2 * proposals
  const b = lambda.sqrt().mul(k(2.53)).add(k(0.931))
  const a = b.mul(k(0.02483)).add(k(-0.059))
  const inverseAlpha = b.sub(k(3.4)).reciprocal().mul(k(1.1328)).add(k(1.1239))
  const vr = b.sub(k(2)).reciprocal().mul(k(-3.6224)).add(k(0.9277))
  const [u, v] = [open([tries, ...shape], lambda, o).sub(k(0.5)), open([tries, ...shape], lambda, o)]
  const us = u.abs().neg().add(k(0.5))
  const n = a.mul(k(2)).div(us).add(b).mul(u).add(lambda).add(k(0.43)).floor()
  const sure = us.ge(k(0.07)).and(v.le(vr))
  const never = n.lt(k(0)).or(us.lt(k(0.013)).and(v.gt(us)))
  const height = v.log().add(inverseAlpha.log()).sub(a.div(us.square()).add(b).log())
  const safe = n.clamp(0)
  const likely = height.le(
    safe
      .mul(lambda.log())
      .sub(lambda)
      .sub(lgamma(safe.add(k(1)))),
  )
  const accepted = sure.or(never.not().and(likely))
  let out = lambda.floor()
  for (let i = tries - 1; i >= 0; i--) out = n.select(0, i).where(accepted.select(0, i), out)
  return out
}

/** torch.multinomial: `count` indices for each row of weights, i32. Without replacement by the largest perturbed logarithms (Gumbel; Efraimidis and Spirakis 2006). */
export function multinomial(
  weights: Tensor,
  count: number,
  options: DrawOptions & { readonly replacement?: boolean } = {},
): Tensor {
  checkFloats('multinomial', weights)
  if (weights.ndim < 1 || weights.ndim > 2)
    throw new ShapeError('multinomial', 'needs weights [n] or [rows, n]', { shape: [...weights.shape] })
  const n = weights.shape[weights.ndim - 1]
  if (!Number.isInteger(count) || count < 1 || (!options.replacement && count > n))
    throw new CairnError(
      'multinomial',
      `cannot draw ${count} of ${n}${options.replacement ? '' : ' without replacement'}`,
    )
  const logits = weights.detach().log()
  const rows = weights.shape.slice(0, -1)
  if (!options.replacement) return logits.add(standardGumbel(logits.shape, logits, options)).topk(count, -1)[1]
  return drawCategorical(logits, [...rows, count], options, -2)
}

/** The index of the largest perturbed logit, i32 (the Gumbel trick); logits [..., n] broadcast against shape, or stand before its last axis with axis -2. */
export function drawCategorical(logits: Tensor, shape: Shape, o: DrawOptions = {}, axis?: -2): Tensor {
  const n = logits.shape[logits.ndim - 1]
  const noise = standardGumbel([...shape, n], logits, o)
  return (axis ? logits.unsqueeze(axis) : logits).add(noise).argmax(-1)
}

/** 0 .. n-1 in random order, i32, on the device: the order of random bits. Equal on every device. */
export function randperm(n: number, options: DrawOptions & DefaultOptions = {}): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new ShapeError('randperm', `needs a non-negative integer, not ${n}`)
  const device = placed(options)
  if (n < 2) return positions([n], 0, device)
  return rand([n], { device: device.name as DeviceName, generator: options.generator }).argsort(0)
}

export const sampleShape = (op: string, shape: Shape, ...parameters: Tensor[]): number[] => [
  ...shape,
  ...parameters.map(p => p.shape).reduce((a, b) => broadcastShapes(op, a, b)),
]
