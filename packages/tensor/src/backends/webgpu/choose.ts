// Which template a product gets, and how much of the sum over k goes to workgroups of their own: for a device that was never measured, from the sample
// sizes. What was measured on the device comes before it (tuning/).

import type { MatmulKernel } from '../../kernel/ir.ts'
import { few, fits, type Tile, tiles } from './matmul.ts'
import { fitsNarrow, type Narrow, sidesOf } from './narrow.ts'
import { canSplit } from './split.ts'
import { floorPower, type Strategy, type ThreadLimits } from './strategy.ts'
import type { MatrixTile } from './subgroup-matrix.ts'

/** How a product is made. `parts` more than 1: so many workgroups share the sum of one tile (split.ts). */
export type ProductChoice =
  | { readonly kind: 'tile'; readonly tile: Tile; readonly parts: number }
  | { readonly kind: 'narrow'; readonly narrow: Narrow; readonly parts: number }
  | { readonly kind: 'matrix'; readonly matrix: MatrixTile; readonly parts: number }
  /** as a reduction; its strategy is chosen as for any other where none is given */
  | { readonly kind: 'loops'; readonly strategy?: Strategy }

export type Choice = ProductChoice | { readonly kind: 'strategy'; readonly strategy: Strategy }

/** Tiles that keep a large GPU busy. */
const manyTiles = 96
/** Threads that do: for reading memory. */
const manyThreads = 1 << 16
/** The shortest piece of a sum. */
export const shortestPiece = 128
/** Multiply-adds that take as long as writing and reading one number of a part. */
const costOfPart = 80
/** Scratch memory of one product, in elements. */
const mostScratch = 1 << 24

/** Pieces of the sum that are worth trying. */
export function partsOf(kernel: MatmulKernel, { buffersPerKernel = Infinity }: ThreadLimits, most = 32): number[] {
  const { m, n, k, batch } = kernel
  const results = [...batch, m, n].reduce((product, axis) => product * axis.size.sample, 1)
  const counts = [1]
  if (canSplit(kernel) && kernel.buffers.length < buffersPerKernel)
    for (let p = 2; p <= most && k.size.sample / p >= shortestPiece && p * results <= mostScratch; p *= 2)
      counts.push(p)
  return counts
}

export function chooseProduct(kernel: MatmulKernel, alias: readonly number[], limits: ThreadLimits): ProductChoice {
  const [m, n] = [kernel.m.size.sample, kernel.n.size.sample]
  const choice = m <= few || n <= few ? chooseNarrow(kernel, alias, limits) : chooseTile(kernel, limits)
  return choice ?? { kind: 'loops' }
}

/** The tile for the sample sizes; null where none fits the device. */
function chooseTile(kernel: MatmulKernel, limits: ThreadLimits): ProductChoice | null {
  const [m, n] = [kernel.m.size.sample, kernel.n.size.sample]
  const batch = kernel.batch.reduce((product, axis) => product * axis.size.sample, 1)
  const many = limits.software ? 2 : manyTiles
  let best: ProductChoice | null = null
  let least = Number.POSITIVE_INFINITY
  for (const tile of tiles) {
    if (!fits(tile, limits)) continue
    const count = batch * Math.ceil(m / tile.rows) * Math.ceil(n / tile.columns)
    // a multiply-add loads 1/columns + 1/rows of a number; idle processors cost as much as padding
    const reuse = (tile.blockRows * tile.blockColumns) / (tile.blockRows + tile.blockColumns)
    for (const parts of limits.software ? [1] : partsOf(kernel, limits)) {
      const depth = kernel.k.size.sample / parts
      const turns = Math.max(count * parts, many) * tile.rows * tile.columns
      const joining = parts > 1 ? parts * batch * m * n * costOfPart : 0
      const cost = (turns * Math.max(1, depth)) / Math.sqrt(reuse) + joining
      if (cost < least) [best, least] = [{ kind: 'tile', tile, parts }, cost]
    }
  }
  return best
}

function chooseNarrow(kernel: MatmulKernel, alias: readonly number[], limits: ThreadLimits): ProductChoice | null {
  if (limits.software) return null
  const sides = sidesOf(kernel, alias)
  const { long, short, alongDepth, wide } = sides
  const depth = kernel.k.size.sample
  const items = kernel.batch.reduce((product, axis) => product * axis.size.sample, long.size.sample)
  const rows = short.size.sample > 2 ? 4 : Math.max(1, short.size.sample)
  const threads = Math.min(256, floorPower(limits.threads))
  const vectors = wide ? Math.ceil(depth / 4) : depth
  const narrow: Narrow = alongDepth
    ? {
        threads,
        // a subgroup a row at the least, more where rows are few
        lanes: Math.min(threads, floorPower(Math.max(1, vectors / 2)), floorPower(Math.max(32, manyThreads / items))),
        each: 1,
        short: rows,
        subgroup: limits.subgroup,
      }
    : { threads, lanes: Math.max(1, threads / 32), each: 1, short: rows, subgroup: 1 }
  if (!fitsNarrow(narrow, sides, limits)) return null
  const entries = alongDepth || !wide ? items : items / 4
  const turns = (alongDepth ? vectors : depth) / narrow.lanes
  const parts = partsOf(kernel, limits).findLast(
    p => p === 1 || (entries * narrow.lanes * p <= manyThreads && turns / p >= 8),
  )!
  return { kind: 'narrow', narrow, parts }
}
