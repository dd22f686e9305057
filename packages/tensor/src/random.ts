// Random numbers are a key and a counter. The counter is taken when the node is made, so computing a value again gives the same
// bits (a checkpointed dropout keeps its mask), and bits are equal on every device.

import { type DefaultOptions, placed } from './creation-options.ts'
import { type DType, isFloat } from './dtype.ts'
import { CairnError, DTypeError } from './errors.ts'
import type { Engine } from './graph/engine.ts'
import { state } from './graph/scope.ts'
import { threefry } from './kernel/threefry.ts'
import { checkDType, constantOf, scalarOf } from './ops/build.ts'
import { k } from './ops/operand.ts'
import { checkOptions } from './options.ts'
import { checkShape, type Shape } from './shape.ts'
import { apply, type Tensor } from './tensor.ts'

export interface RandomOptions extends DefaultOptions {
  readonly dtype?: DType
  readonly requiresGrad?: boolean
  /** draws from this generator instead of the global one */
  readonly generator?: Generator
}
interface UniformOptions extends RandomOptions {
  readonly low?: number
  readonly high?: number
}
const randomOptions = { device: 0, dtype: 0, requiresGrad: 0, generator: 0, low: 0, high: 0 }

/** A stream of random draws: a 64-bit key and the number of draws so far. Save `state` in a checkpoint. */
export class Generator {
  #low: number
  #high: number
  #draws = 0
  constructor(seed: number) {
    this.#low = seed >>> 0
    this.#high = Math.floor(seed / 2 ** 32) >>> 0
  }
  get state(): readonly [number, number, number] {
    return [this.#low, this.#high, this.#draws]
  }
  set state([low, high, draws]: readonly [number, number, number]) {
    state.trace?.refuse('seed')
    this.#low = low
    this.#high = high
    this.#draws = draws
  }
  /** Key and counter of the next draw, for the library. */
  next(): readonly [number, number, number] {
    return [this.#low, this.#high, this.#draws++]
  }
  /** A uniform number in [0, 1) on the host. */
  uniform(): number {
    state.trace?.refuse('host')
    const [low, high, draw] = this.next()
    return threefry(low, high, 0, draw >>> 0) / 2 ** 32
  }
  /** A uniform integer in [0, n) on the host. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }
  /** A generator with a key of its own, derived from this one. */
  split(): Generator {
    state.trace?.refuse('host')
    const [low, high, draw] = this.next()
    const child = new Generator(0)
    child.state = [threefry(low, high, 1, draw >>> 0), threefry(low, high, 2, draw >>> 0), 0]
    return child
  }
}

let global = new Generator(0x5eed)
/** Restarts the global generator from a seed. */
export function manualSeed(seed: number): void {
  if (!Number.isFinite(seed)) throw new CairnError('manualSeed', `the seed must be a finite number, not ${seed}`)
  state.trace?.refuse('seed')
  global = new Generator(seed)
}
/** The generator that ops without one draw from; its `state` belongs in checkpoints. */
export const defaultGenerator = (): Generator => global

/** Key and counter of a draw as numbers of the graph. */
function draw(generator: Generator | undefined, device: Engine): Tensor[] {
  const entry = state.trace?.draw(generator ?? null)
  return drawWords(generator).map((word, part) => {
    const leaf = scalarOf(word, 'u32', device)
    if (entry !== undefined) leaf.node.leaf!.origin = { entry, part }
    return leaf
  })
}
/** Key and counter of the next draw of a generator or of the global one, as 32-bit words. */
export const drawWords = (generator: Generator | undefined): number[] =>
  (generator ?? global).next().map(word => word >>> 0)

/** 32 random bits an element, u32. */
export const randomBits = (shape: Shape, options: RandomOptions = {}): Tensor => bitsOf('randomBits', shape, options)

function bitsOf(op: string, shape: Shape, options: UniformOptions): Tensor {
  checkShape(op, shape)
  checkOptions(op, options, randomOptions)
  const device: Engine = placed(options)
  const words = draw(options.generator, device)
  return apply('randomBits', words, undefined, shape, device)
}

const finish = (x: Tensor, options: RandomOptions): Tensor => {
  const out = options.dtype ? x.to(options.dtype) : x
  if (options.requiresGrad) out.requiresGrad = true
  return out
}

function checkFloat(op: string, dtype: DType | undefined): void {
  if (dtype && !isFloat(checkDType(op, dtype)))
    throw new DTypeError(op, `needs floating point, not ${dtype}; use randint for integers`)
}

function checkProbability(op: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new CairnError(op, `a probability lies between 0 and 1, not at ${p}`)
}

/** 24 random bits as a multiple of 2^-24 in [0, 1). */
const unit = (op: string, shape: Shape, options: UniformOptions): Tensor => {
  const bits = bitsOf(op, shape, options)
  return bits
    .shiftRight(k(8))
    .to('f32')
    .mul(k(2 ** -24))
}

/** Uniform in [low, high); where low + u * (high - low) rounds up to it, high itself. */
export function rand(shape: Shape, options: UniformOptions = {}): Tensor {
  checkFloat('rand', options.dtype)
  const u = unit('rand', shape, options)
  const { low = 0, high = 1 } = options
  return finish(low === 0 && high === 1 ? u : u.mul(high - low).add(low), options)
}
export const uniform = (shape: Shape, low: number, high: number, options: RandomOptions = {}): Tensor =>
  rand(shape, { ...options, low, high })

/** Standard normal, by the Box-Muller transform of two uniforms. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  checkFloat('randn', options.dtype)
  const radius = unit('randn', shape, options).neg().log1p().mul(k(-2)).sqrt()
  const angle = unit('randn', shape, options).mul(k(2 * Math.PI))
  return finish(radius.mul(angle.cos()), options)
}
export const normal = (shape: Shape, mean: number, std: number, options: RandomOptions = {}): Tensor =>
  finish(
    randn(shape, { ...options, requiresGrad: false })
      .mul(std)
      .add(mean),
    options,
  )

/** true with probability p. */
export function bernoulli(shape: Shape, p: number, options: RandomOptions = {}): Tensor {
  checkProbability('bernoulli', p)
  return finish(unit('bernoulli', shape, options).lt(p), options)
}

/** Integers in [low, high), i32; each as likely as the others to within 2^-32 of all. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!Number.isInteger(low) || !Number.isInteger(high) || low >= high || low < -(2 ** 31) || high > 2 ** 31)
    throw new CairnError('randint', `needs integers low < high of 32 bits, got ${low} and ${high}`)
  return finish(
    scaledBits(bitsOf('randint', shape, options), high - low)
      .bitcast('i32')
      .add(low),
    options,
  )
}

/** The upper half of the 64-bit product bits * n, in 16-bit digits: an integer in [0, n) without any rounding. */
function scaledBits(bits: Tensor, n: number): Tensor {
  const upper = bits.shiftRight(k(16))
  const lower = bits.and(k(0xffff))
  const [nUpper, nLower] = [Math.floor(n / 65536), n % 65536]
  const carry = lower.mul(nLower).shiftRight(k(16))
  const left = upper.mul(nLower).add(carry)
  const right = lower.mul(nUpper).add(left.and(k(0xffff)))
  return upper
    .mul(nUpper)
    .add(left.shiftRight(k(16)))
    .add(right.shiftRight(k(16)))
}

/** 0 .. n-1 in random order, on the host (Fisher-Yates). */
export function permutation(n: number, generator: Generator = global): Int32Array {
  checkShape('permutation', [n])
  const out = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = generator.integer(i + 1)
    const held = out[i]
    out[i] = out[j]
    out[j] = held
  }
  return out
}

/** Zeroes elements with probability p and scales the rest by 1 / (1 - p). */
export function dropout(x: Tensor, p: number, options: { generator?: Generator } = {}): Tensor {
  checkProbability('dropout', p)
  if (!isFloat(x.dtype))
    throw new DTypeError('dropout', `needs floating point, not ${x.dtype}; convert with .to('f32')`)
  if (p === 0) return x
  const device = x.engine
  const words = draw(options.generator, device)
  const bits = apply('randomBits', words, undefined, x.shape, device)
  const keep = bits.ge(scalarOf(Math.min(2 ** 32 - 1, Math.round(p * 2 ** 32)), 'u32', device))
  return x.mul(p >= 1 ? 0 : 1 / (1 - p)).where(keep, constantOf(0, x.dtype, device))
}
