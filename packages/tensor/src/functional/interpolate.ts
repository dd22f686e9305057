// torch.nn.functional.interpolate: resizing along each spatial axis in turn, since every mode is a product of maps of single axes.
// Cubic: Keys 1981 with a = -0.75 (-0.5 with antialias), as in torch; antialias widens the filter by the scale, as Pillow does.

import { isFloat } from '../dtype.ts'
import { CairnError, DTypeError, ShapeError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { type PerAxis, perAxis } from './conv.ts'
import { type AxisMap, axisMap, resample, type Taps } from './resample.ts'

export type InterpolateMode = 'nearest' | 'nearestExact' | 'linear' | 'bilinear' | 'trilinear' | 'bicubic' | 'area'

export interface InterpolateOptions {
  /** sizes of the spatial axes of the result; or give `scaleFactor` */
  readonly size?: PerAxis
  /** result sizes are floor(size * scaleFactor), and positions are scaled by just this factor */
  readonly scaleFactor?: number | readonly number[]
  readonly mode?: InterpolateMode
  /** the corner elements keep their place (linear and cubic) */
  readonly alignCorners?: boolean
  /** average over what a result covers when it shrinks (bilinear and bicubic) */
  readonly antialias?: boolean
}

interface Place {
  readonly from: number
  readonly to: number
  /** source elements for each element of the result */
  readonly scale: number
  readonly alignCorners: boolean
}

const cubic = (t: number, a: number): number => {
  const x = Math.abs(t)
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}
const triangle = (t: number): number => Math.max(0, 1 - Math.abs(t))

const rows = (count: number, row: (i: number) => [number, number][]): Taps =>
  Array.from({ length: count }, (_, i) => row(i))
const inside = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1)

/** torch computes these positions in single precision, and so do we: they decide which element is nearest. */
const nearest = ({ from, to, scale }: Place, shift: number): Taps =>
  rows(to, i => [[inside(Math.floor(Math.fround(Math.fround(i + shift) * Math.fround(scale))), from), 1]])

const centre = ({ scale, alignCorners }: Place, i: number): number =>
  alignCorners ? i * scale : (i + 0.5) * scale - 0.5

function linear(place: Place): Taps {
  return rows(place.to, i => {
    const at = Math.max(0, centre(place, i))
    const low = inside(Math.floor(at), place.from)
    const share = low === place.from - 1 ? 0 : at - low
    return share === 0
      ? [[low, 1]]
      : [
          [low, 1 - share],
          [low + 1, share],
        ]
  })
}

function bicubic(place: Place): Taps {
  return rows(place.to, i => {
    const at = centre(place, i)
    const low = Math.floor(at)
    return [-1, 0, 1, 2].map(k => [inside(low + k, place.from), cubic(at - low - k, -0.75)] as [number, number])
  })
}

function filtered({ from, to, scale }: Place, radius: number, filter: (t: number) => number): Taps {
  const widen = Math.max(scale, 1)
  const reach = radius * widen
  return rows(to, i => {
    const at = scale * (i + 0.5)
    const first = Math.max(Math.trunc(at - reach + 0.5), 0)
    const last = Math.min(Math.trunc(at + reach + 0.5), from)
    const weights = Array.from({ length: last - first }, (_, j) => filter((j + first - at + 0.5) / widen))
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((w, j) => [first + j, total === 0 ? 0 : w / total] as [number, number])
  })
}

/** Means over [floor(i from / to), ceil((i + 1) from / to)): torch's adaptive average. */
export const meanTaps = (from: number, to: number): Taps =>
  rows(to, i => {
    const first = Math.floor((i * from) / to)
    const last = Math.ceil(((i + 1) * from) / to)
    return Array.from({ length: last - first }, (_, j) => [first + j, 1 / (last - first)] as [number, number])
  })

/** How many axes a mode resizes; null: any number. */
const ranks: Record<InterpolateMode, number | null> = {
  nearest: null,
  nearestExact: null,
  area: null,
  linear: 1,
  bilinear: 2,
  trilinear: 3,
  bicubic: 2,
}

function tapsOf(mode: InterpolateMode, place: Place, antialias: boolean): Taps {
  switch (mode) {
    case 'nearest':
      return nearest(place, 0)
    case 'nearestExact':
      return nearest(place, 0.5)
    case 'area':
      return meanTaps(place.from, place.to)
    case 'bicubic':
      return antialias ? filtered(place, 2, t => cubic(t, -0.5)) : bicubic(place)
    case 'linear':
    case 'bilinear':
    case 'trilinear':
      return antialias ? filtered(place, 1, triangle) : linear(place)
    default:
      throw new CairnError('interpolate', `there is no mode '${mode satisfies never}'`)
  }
}

/**
 * Resizes the axes after the first two.
 * @param x [N, C, ...spatial], floating point
 * @returns [N, C, ...size]
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { mode = 'nearest', alignCorners = false, antialias = false } = options
  if (!Object.hasOwn(ranks, mode))
    throw new CairnError('interpolate', `there is no mode '${mode}'; there are ${Object.keys(ranks).join(', ')}`)
  const rank = x.ndim - 2
  if (rank < 1) throw new ShapeError('interpolate', 'needs [batch, channels, ...]', { shape: [...x.shape] })
  if (!isFloat(x.dtype))
    throw new DTypeError('interpolate', `needs floating point, not ${x.dtype}; convert with .to('f32')`)
  if (ranks[mode] !== null && ranks[mode] !== rank)
    throw new ShapeError(
      'interpolate',
      `'${mode}' resizes ${ranks[mode]} axes, the tensor has ${rank} after the first two`,
    )
  const smooth = ranks[mode] !== null
  if (alignCorners && !smooth) throw new CairnError('interpolate', `'${mode}' has no corners to align`)
  if (antialias && mode !== 'bilinear' && mode !== 'bicubic')
    throw new CairnError('interpolate', `'${mode}' has no antialias; use 'bilinear' or 'bicubic'`)
  if ((options.size === undefined) === (options.scaleFactor === undefined))
    throw new CairnError('interpolate', 'needs either a size or a scaleFactor')
  const input = x.shape.slice(2)
  const factors = factorsOf(options.scaleFactor, rank)
  const size =
    options.size === undefined
      ? input.map((n, i) => Math.floor(n * factors![i]))
      : perAxis('interpolate', 'size', options.size, rank, 1)
  let out = x
  input.forEach((from, i) => {
    const to = size[i]
    if (from === 0 || to === 0) throw new ShapeError('interpolate', `cannot resize ${from} to ${to}`, { axis: i + 2 })
    const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : factors ? 1 / factors[i] : from / to
    if (from === to && scale === 1) return
    out = resample(out, i + 2, mapOf(mode, { from, to, scale, alignCorners }, antialias))
  })
  return out
}

function factorsOf(given: number | readonly number[] | undefined, rank: number): readonly number[] | null {
  if (given === undefined) return null
  const list = typeof given === 'number' ? new Array<number>(rank).fill(given) : given
  if (list.length !== rank || list.some(f => !(f > 0)))
    throw new ShapeError('interpolate', `scaleFactor needs ${rank} positive numbers`, { scaleFactor: [...list] })
  return list
}

const maps = new Map<string, AxisMap>()
/** Networks ask for the same few sizes again and again. */
function mapOf(mode: InterpolateMode, place: Place, antialias: boolean): AxisMap {
  const key = `${mode} ${place.from} ${place.to} ${place.scale} ${place.alignCorners} ${antialias}`
  let map = maps.get(key)
  if (!map) {
    if (maps.size >= 64) maps.clear()
    map = axisMap(tapsOf(mode, place, antialias), place.from)
    maps.set(key, map)
  }
  return map
}
