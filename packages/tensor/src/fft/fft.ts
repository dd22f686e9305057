// torch.fft's functions. Complex values are real tensors with a last axis of 2 (complex.ts); axes are counted without it.

import { type TensorOptions, tensor } from '../creation.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { roll } from '../ops/arrange.ts'
import { cat } from '../ops/movement.ts'
import { normalizeAxes, normalizeAxis } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { checkComplex, complex, conj, real } from './complex.ts'
import { transform } from './transform.ts'

/** Where 1 / n goes: to the inverse ('backward', the default), in equal shares to both ('ortho'), to the forward transform. */
export type FftNorm = 'backward' | 'ortho' | 'forward'

export interface FftOptions {
  /** the length: the axis is cut or padded with zeros; for irfft and hfft the length of the result */
  readonly n?: number
  /** default -1 */
  readonly axis?: number
  readonly norm?: FftNorm
}
export interface FftnOptions {
  /** lengths of the axes */
  readonly shape?: readonly number[]
  /** default: all, or the last ones for which there is a length */
  readonly axes?: readonly number[]
  readonly norm?: FftNorm
}

function checkReal(op: string, x: Tensor): Tensor {
  if (!isFloat(x.dtype)) throw new DTypeError(op, `needs floating point, not ${x.dtype}; convert with .to('f32')`)
  return x
}
function checkLength(op: string, n: number): number {
  if (!Number.isInteger(n) || n < 1) throw new ShapeError(op, `the length must be an integer of at least 1, not ${n}`)
  return n
}

const scaleOf = (n: number, sign: -1 | 1, norm: FftNorm = 'backward'): number =>
  norm === 'ortho' ? 1 / Math.sqrt(n) : (norm === 'backward') === (sign === 1) ? 1 / n : 1

/** An axis cut or padded to n. */
function fitted(x: Tensor, d: number, n: number): Tensor {
  const size = x.shape[d]
  if (size === n) return x
  return size > n ? x.narrow(d, 0, n) : x.pad(x.shape.map((_, i) => [0, i === d ? n - size : 0]))
}

function along(op: string, x: Tensor, axis: number, n: number | undefined, sign: -1 | 1, norm?: FftNorm): Tensor {
  const d = normalizeAxis(op, axis, x.ndim - 1)
  const length = checkLength(op, n ?? x.shape[d])
  const moved = fitted(x, d, length).movedim(d, -2)
  const rows = moved.shape.slice(0, -2)
  const out = transform(moved.reshape([rows.reduce((a, b) => a * b, 1), length, 2]), sign)
  const scale = scaleOf(length, sign, norm)
  return (scale === 1 ? out : out.mul(scale)).reshape([...rows, length, 2]).movedim(-2, d)
}

/** torch.fft.fft of complex values. @param x [..., n, 2] */
export const fft = (x: Tensor, options: FftOptions = {}): Tensor =>
  along('fft', checkComplex('fft', x), options.axis ?? -1, options.n, -1, options.norm)
/** torch.fft.ifft. @param x [..., n, 2] */
export const ifft = (x: Tensor, options: FftOptions = {}): Tensor =>
  along('ifft', checkComplex('ifft', x), options.axis ?? -1, options.n, 1, options.norm)

/** torch.fft.rfft: real values to the half of their spectrum that is not redundant. @param x [..., n] @returns [..., n / 2 + 1, 2] */
export function rfft(x: Tensor, options: FftOptions = {}): Tensor {
  checkReal('rfft', x)
  const d = normalizeAxis('rfft', options.axis ?? -1, x.ndim)
  const n = checkLength('rfft', options.n ?? x.shape[d])
  const whole = along('rfft', complex(fitted(x, d, n)), d, n, -1, options.norm)
  return whole.narrow(d, 0, Math.floor(n / 2) + 1)
}

/** torch.fft.irfft: from half a spectrum to the real values. @param x [..., n / 2 + 1, 2] @param options.n default 2 (size - 1) */
export function irfft(x: Tensor, options: FftOptions = {}): Tensor {
  checkComplex('irfft', x)
  const d = normalizeAxis('irfft', options.axis ?? -1, x.ndim - 1)
  const n = checkLength('irfft', options.n ?? 2 * (x.shape[d] - 1))
  const size = Math.floor(n / 2) + 1
  const half = fitted(x, d, size)
  const rest = n - size
  const whole = rest === 0 ? half : cat([half, conj(half.narrow(d, 1, rest)).flip(d)], d)
  return real(along('irfft', whole, d, n, 1, options.norm))
}

const swapped = (norm: FftNorm = 'backward'): FftNorm =>
  norm === 'ortho' ? norm : norm === 'backward' ? 'forward' : 'backward'

/** torch.fft.hfft: the real spectrum of values with Hermitian symmetry, of which one half is given. */
export const hfft = (x: Tensor, options: FftOptions = {}): Tensor =>
  irfft(conj(x), { ...options, norm: swapped(options.norm) })
/** torch.fft.ihfft: from a real spectrum to half of its values. */
export const ihfft = (x: Tensor, options: FftOptions = {}): Tensor =>
  conj(rfft(x, { ...options, norm: swapped(options.norm) }))

function axesOf(op: string, rank: number, { axes, shape }: FftnOptions): number[] {
  if (axes) {
    if (shape && shape.length !== axes.length)
      throw new ShapeError(op, `${shape.length} lengths for ${axes.length} axes`)
    return axes.map(a => normalizeAxis(op, a, rank))
  }
  const count = shape ? shape.length : rank
  if (count > rank) throw new ShapeError(op, `${count} lengths for ${rank} axes`)
  return Array.from({ length: count }, (_, i) => rank - count + i)
}

function over(op: string, x: Tensor, options: FftnOptions, sign: -1 | 1): Tensor {
  checkComplex(op, x)
  const axes = axesOf(op, x.ndim - 1, options)
  return axes.reduce((out, axis, i) => along(op, out, axis, options.shape?.[i], sign, options.norm), x)
}

/** torch.fft.fftn over several axes. */
export const fftn = (x: Tensor, options: FftnOptions = {}): Tensor => over('fftn', x, options, -1)
export const ifftn = (x: Tensor, options: FftnOptions = {}): Tensor => over('ifftn', x, options, 1)
/** torch.fft.fft2: over the last two axes. */
export const fft2 = (x: Tensor, options: FftnOptions = {}): Tensor => fftn(x, { axes: [-2, -1], ...options })
export const ifft2 = (x: Tensor, options: FftnOptions = {}): Tensor => ifftn(x, { axes: [-2, -1], ...options })

/** torch.fft.rfftn: the last axis by rfft, the others by fft. */
export function rfftn(x: Tensor, options: FftnOptions = {}): Tensor {
  const axes = axesOf('rfftn', x.ndim, options)
  if (axes.length === 0) throw new ShapeError('rfftn', 'needs at least one axis')
  const { norm, shape } = options
  const last = axes.length - 1
  const half = rfft(x, { axis: axes[last], n: shape?.[last], norm })
  return fftn(half, { axes: axes.slice(0, last), shape: shape?.slice(0, last), norm })
}
/** torch.fft.irfftn: the last axis by irfft, the others by ifft before it. */
export function irfftn(x: Tensor, options: FftnOptions = {}): Tensor {
  checkComplex('irfftn', x)
  const axes = axesOf('irfftn', x.ndim - 1, options)
  if (axes.length === 0) throw new ShapeError('irfftn', 'needs at least one axis')
  const { norm, shape } = options
  const last = axes.length - 1
  const others = ifftn(x, { axes: axes.slice(0, last), shape: shape?.slice(0, last), norm })
  return irfft(others, { axis: axes[last], n: shape?.[last], norm })
}
export const rfft2 = (x: Tensor, options: FftnOptions = {}): Tensor => rfftn(x, { axes: [-2, -1], ...options })
export const irfft2 = (x: Tensor, options: FftnOptions = {}): Tensor => irfftn(x, { axes: [-2, -1], ...options })

/** torch.fft.fftfreq: the frequencies of the places of a spectrum of n samples that lie d apart. */
export function fftfreq(n: number, d = 1, options: TensorOptions = {}): Tensor {
  checkLength('fftfreq', n)
  const values = Float64Array.from({ length: n }, (_, i) => (i < n / 2 ? i : i - n) / (n * d))
  return tensor(values, { dtype: 'f32', ...options })
}
/** torch.fft.rfftfreq: those of rfft. */
export function rfftfreq(n: number, d = 1, options: TensorOptions = {}): Tensor {
  checkLength('rfftfreq', n)
  const values = Float64Array.from({ length: Math.floor(n / 2) + 1 }, (_, i) => i / (n * d))
  return tensor(values, { dtype: 'f32', ...options })
}

/** torch.fft.fftshift: moves frequency 0 to the middle. Name the axes of complex values, their last axis is none. */
export function fftshift(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normalizeAxes('fftshift', axes, x.ndim)
  return roll(
    x,
    list.map(d => Math.floor(x.shape[d] / 2)),
    list,
  )
}
/** Undoes fftshift. */
export function ifftshift(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normalizeAxes('ifftshift', axes, x.ndim)
  return roll(
    x,
    list.map(d => -Math.floor(x.shape[d] / 2)),
    list,
  )
}
