// Linear maps along one axis with few weights a result: interpolation, adaptive means. A map is a table of (source, weight) for each result;
// the transposed table is its derivative, so both directions read and neither scatters.

import { hostTensor } from '../ops/build.ts'
import { withDerivative } from '../ops/shortcut.ts'
import { normalizeAxis } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** For each result the elements it is made of, and their weights. */
export type Taps = readonly (readonly (readonly [source: number, weight: number])[])[]

interface Table {
  readonly width: number
  readonly sources: Int32Array
  readonly weights: Float64Array
}

export interface AxisMap {
  readonly forward: Table
  readonly transposed: Table
}

function tableOf(taps: Taps): Table {
  const width = taps.reduce((n, row) => Math.max(n, row.length), 1)
  const sources = new Int32Array(taps.length * width)
  const weights = new Float64Array(taps.length * width)
  taps.forEach((row, i) => {
    row.forEach(([source, weight], j) => {
      sources[i * width + j] = source
      weights[i * width + j] = weight
    })
  })
  return { width, sources, weights }
}

/** @param size elements of the axis that is read */
export function axisMap(taps: Taps, size: number): AxisMap {
  const merged = taps.map(row => {
    const sums = new Map<number, number>()
    for (const [source, weight] of row) sums.set(source, (sums.get(source) ?? 0) + weight)
    return [...sums]
  })
  const back: [number, number][][] = Array.from({ length: size }, () => [])
  merged.forEach((row, i) => {
    for (const [source, weight] of row) back[source].push([i, weight])
  })
  return { forward: tableOf(merged), transposed: tableOf(back) }
}

/** Applies a map to one axis of x. */
export function resample(x: Tensor, axis: number, map: AxisMap): Tensor {
  const d = normalizeAxis('resample', axis, x.ndim)
  return withDerivative(
    [x],
    () => weighted(x, d, map.forward),
    g => [resample(g, d, { forward: map.transposed, transposed: map.forward })],
  )
}

function weighted(x: Tensor, d: number, { width, sources, weights }: Table): Tensor {
  const count = sources.length / width
  const picks = hostTensor(sources, [count, width], 'i32', x)
  if (width === 1 && weights.every(w => w === 1)) return x.indexSelect(d, picks.reshape([count]))
  const scale = hostTensor(weights, [count, width], x.dtype, x)
  const along = [...new Array<number>(d).fill(1), count, width, ...new Array<number>(x.ndim - d - 1).fill(1)]
  return x
    .indexSelect(d, picks)
    .mul(scale.reshape(along))
    .sum(d + 1)
}
