// Spectra of windows that slide along a signal, and back: torch.stft and torch.istft.

import { vjp } from '../autograd/grad.ts'
import { type TensorOptions, tensor } from '../creation.ts'
import { CairnError, ShapeError } from '../errors.ts'
import type { PadMode } from '../ops/arrange.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'
import { checkComplex, complex, real } from './complex.ts'
import { fft, ifft, irfft, rfft } from './fft.ts'

export interface WindowOptions extends TensorOptions {
  /** default true: the window of a periodic signal; false: symmetric */
  readonly periodic?: boolean
}

function cosines(
  op: string,
  n: number,
  weights: readonly number[],
  { periodic = true, ...options }: WindowOptions,
): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new ShapeError(op, `the length must be a non-negative integer, not ${n}`)
  const span = periodic ? n : n - 1
  const values = Float64Array.from({ length: n }, (_, i) =>
    n === 1 ? 1 : weights.reduce((sum, w, j) => sum + (j % 2 ? -w : w) * Math.cos((2 * Math.PI * i * j) / span), 0),
  )
  return tensor(values, { dtype: 'f32', ...options })
}
export const hannWindow = (n: number, options: WindowOptions = {}): Tensor =>
  cosines('hannWindow', n, [0.5, 0.5], options)
export const hammingWindow = (n: number, options: WindowOptions = {}): Tensor => cosines('hammingWindow', n, [0.54, 0.46], options) // biome-ignore format: like its neighbours
export const blackmanWindow = (n: number, options: WindowOptions = {}): Tensor => cosines('blackmanWindow', n, [0.42, 0.5, 0.08], options) // biome-ignore format: like its neighbours

export interface StftOptions {
  /** samples of a transform */
  readonly nFft: number
  /** samples from window to window; default nFft / 4 */
  readonly hopLength?: number
  /** default nFft; a shorter window is padded with zeros on both sides */
  readonly winLength?: number
  /** [winLength]; default ones */
  readonly window?: Tensor
  /** default true: window t is centred at t * hopLength, and the signal padded for it */
  readonly center?: boolean
  /** default 'reflect' */
  readonly padMode?: PadMode
  /** divides by sqrt(nFft) */
  readonly normalized?: boolean
  /** default true: only the half of the spectrum of a real signal that is not redundant */
  readonly onesided?: boolean
}

interface Settings {
  readonly hop: number
  readonly window: Tensor
  readonly half: number
}

function settings(op: string, like: Tensor, o: StftOptions): Settings {
  const { nFft, hopLength = Math.floor(nFft / 4), winLength = nFft } = o
  for (const [name, n] of Object.entries({ nFft, hopLength, winLength }))
    if (!Number.isInteger(n) || n < 1) throw new ShapeError(op, `${name} must be an integer of at least 1, not ${n}`)
  if (winLength > nFft) throw new ShapeError(op, `a window of ${winLength} does not fit a transform of ${nFft}`)
  const own = o.window ?? like.flatten().narrow(0, 0, 1).onesLike().expand([winLength])
  if (own.ndim !== 1 || own.size !== winLength)
    throw new ShapeError(op, `the window must have ${winLength} samples`, { shape: [...own.shape] })
  const before = Math.floor((nFft - winLength) / 2)
  return { hop: hopLength, window: own.pad([[before, nFft - winLength - before]]), half: Math.floor(nFft / 2) }
}

/**
 * torch.stft of real signals, as complex values. @param x [samples] or [batch, samples]
 * @returns [..., frequencies, frames, 2]
 */
export function stft(x: Tensor, options: StftOptions): Tensor {
  if (x.ndim < 1 || x.ndim > 2 || x.size === 0)
    throw new ShapeError('stft', 'needs [samples] or [batch, samples]', { shape: [...x.shape] })
  const { hop, window, half } = settings('stft', x, options)
  const { nFft, center = true, padMode = 'reflect', normalized, onesided = true } = options
  const signal = center ? x.padLast([half, half], padMode) : x
  if (signal.shape[signal.ndim - 1] < nFft)
    throw new ShapeError(
      'stft',
      `a signal of ${signal.shape[signal.ndim - 1]} samples is shorter than one transform of ${nFft}`,
    )
  const frames = signal.unfold(-1, nFft, hop).mul(window)
  const norm = normalized ? 'ortho' : 'backward'
  const spectra = onesided ? rfft(frames, { norm }) : fft(complex(frames), { norm })
  return spectra.transpose(-3, -2)
}

export interface IstftOptions extends Omit<StftOptions, 'padMode'> {
  /** samples of the result; default: all that the windows reach */
  readonly length?: number
}

/**
 * torch.istft: the signal whose spectra come nearest to these, by overlapping windows. @param x [..., frequencies, frames, 2]   @returns [..., samples]
 * Samples that no window sees are 0.
 */
export function istft(x: Tensor, options: IstftOptions): Tensor {
  checkComplex('istft', x)
  if (x.ndim < 3 || x.ndim > 4)
    throw new ShapeError('istft', 'needs [frequencies, frames, 2] or a batch of them', { shape: [...x.shape] })
  const { hop, window, half } = settings('istft', x, options)
  const { nFft, center = true, normalized, onesided = true, length } = options
  const bins = x.shape[x.ndim - 3]
  const wanted = onesided ? half + 1 : nFft
  if (bins !== wanted) throw new ShapeError('istft', `a transform of ${nFft} has ${wanted} frequencies, not ${bins}`)
  if (hop > nFft) throw new CairnError('istft', `windows of ${nFft} that are ${hop} apart leave gaps`)
  const norm = normalized ? 'ortho' : 'backward'
  const rows = x.transpose(-3, -2)
  const frames = (onesided ? irfft(rows, { n: nFft, norm }) : real(ifft(rows, { norm }))).mul(window)
  const count = x.shape[x.ndim - 2]
  const total = nFft + hop * (count - 1)
  // overlapping and adding is the adjoint of cutting into windows
  const added = (parts: Tensor): Tensor => {
    const nothing = parts
      .select(-1, 0)
      .select(-1, 0)
      .zerosLike()
      .unsqueeze(-1)
      .expand([...parts.shape.slice(0, -2), total])
    return vjp((signal: Tensor) => signal.unfold(-1, nFft, hop), nothing)[1](parts)[0]
  }
  const weight = added(window.square().unsqueeze(0).expand([count, nFft]))
  const signal = added(frames).div(weight.where(weight.gt(k(1e-11)), k(1)))
  const start = center ? half : 0
  const most = total - start
  const size = length ?? (center ? total - 2 * half : total)
  const cut = signal.narrow(-1, start, Math.min(size, most))
  return size > most ? cut.padLast([0, size - most]) : cut
}
