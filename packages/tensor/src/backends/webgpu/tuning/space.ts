// What the tuner may choose from, as tables: tiles and pieces of the sum for products, threads for narrow ones and for loops, matrix units where the card
// has them. Small enough that a class of kernels is measured in a second or two.

import type { Kernel, LoopKernel, MatmulKernel } from '../../../kernel/ir.ts'
import { type Choice, chooseProduct, partsOf } from '../choose.ts'
import { few, fits, type Tile } from '../matmul.ts'
import { fitsNarrow, type Narrow, sidesOf } from '../narrow.ts'
import { chooseStrategy, longestLoop, type Strategy, shareableBy, type ThreadLimits } from '../strategy.ts'
import { fitsMatrix, type MatrixConfig, type MatrixTile } from '../subgroup-matrix.ts'

/** Of the printers and of these tables: choices that were kept by another one are measured again. */
export const version = 1

export interface TuningLimits extends ThreadLimits {
  /** what the matrix units multiply; none: there are none, or subgroups are not all of one size */
  readonly matrices: readonly MatrixConfig[]
}

//      rows  columns  depth  blockRows  blockColumns
const tileTable = [
  [128, 128, 8, 8, 8],
  [128, 128, 16, 8, 8],
  [128, 64, 8, 8, 8],
  [64, 128, 8, 8, 8],
  [128, 64, 16, 8, 4],
  [64, 64, 8, 8, 4],
  [64, 64, 16, 4, 4],
  [64, 64, 32, 4, 4],
  [32, 64, 16, 4, 4],
  [32, 32, 16, 4, 4],
  [32, 32, 32, 4, 4],
  [8, 64, 16, 4, 4],
] as const

//      down  across  blockRows  blockColumns  steps of k in workgroup memory
const matrixTable = [
  [2, 2, 2, 2, 2],
  [2, 2, 4, 2, 2],
  [2, 2, 2, 4, 2],
  [2, 2, 4, 4, 2],
  [4, 2, 2, 4, 2],
  [2, 4, 4, 2, 2],
  [2, 1, 2, 2, 4],
  [1, 2, 1, 2, 4],
] as const

const narrowTable = { threads: [64, 256], lanes: [2, 8, 32, 128], each: [1, 2] }
const lanesTable = [1, 8, 32, 128, 512, 1024]
const threadsTable = [64, 128, 256]

const sample = (kernel: MatmulKernel | LoopKernel): number =>
  (kernel.kind === 'matmul' ? kernel.batch : kernel.parallel).reduce((n, axis) => n * axis.size.sample, 1)

/** All there is to choose from for a kernel on a device, the untuned choice first; one entry: nothing to choose. */
export function candidates(kernel: Kernel, alias: readonly number[], limits: TuningLimits): Choice[] {
  const all: Choice[] =
    kernel.kind === 'matmul'
      ? [chooseProduct(kernel, alias, limits), ...products(kernel, alias, limits)]
      : kernel.kind === 'loop'
        ? [{ kind: 'strategy', strategy: chooseStrategy(kernel, limits) }, ...loops(kernel, limits)]
        : []
  return [...new Map(all.map(choice => [JSON.stringify(choice), choice])).values()]
}

function products(kernel: MatmulKernel, alias: readonly number[], limits: TuningLimits): Choice[] {
  const [m, n] = [kernel.m.size.sample, kernel.n.size.sample]
  const parts = partsOf(kernel, limits)
  const short = Math.min(m, n)
  const out: Choice[] = []
  // a tile has no use for rows that are not there
  if (short > few / 2)
    for (const [rows, columns, depth, blockRows, blockColumns] of tileTable) {
      if ((rows >= 4 * m && rows > 8) || columns >= 4 * n) continue
      for (const double of [false, true]) {
        const tile: Tile = { rows, columns, depth, blockRows, blockColumns, ...(double && { double }) }
        // what a thread would fetch ahead stays in registers: little enough
        const fetched = ((rows + columns) * depth) / 4 / ((rows / blockRows) * (columns / blockColumns))
        if (fits(tile, limits) && !(double && fetched > 8))
          out.push(...parts.map((p): Choice => ({ kind: 'tile', tile, parts: p })))
      }
    }
  if (short <= 4 * few) {
    const sides = sidesOf(kernel, alias)
    const subgroups = sides.alongDepth ? [...new Set([1, limits.subgroup])] : [1]
    const rows = short > 2 ? 4 : Math.max(1, short)
    for (const threads of narrowTable.threads)
      for (const lanes of narrowTable.lanes)
        for (const each of narrowTable.each)
          for (const subgroup of subgroups) {
            const narrow: Narrow = { threads, lanes, each, short: rows, subgroup }
            if (lanes <= threads && threads / lanes <= 128 && fitsNarrow(narrow, sides, limits))
              out.push(...parts.map((p): Choice => ({ kind: 'narrow', narrow, parts: p })))
          }
    out.push({ kind: 'loops' })
  }
  for (const config of limits.matrices)
    for (const [down, across, blockRows, blockColumns, steps] of matrixTable) {
      const depth = Math.max(4, steps * config.k)
      const matrix: MatrixTile = { config, subgroup: limits.subgroup, down, across, blockRows, blockColumns, depth }
      if (fitsMatrix(matrix, kernel, limits) && short > few)
        out.push(...parts.map((p): Choice => ({ kind: 'matrix', matrix, parts: p })))
    }
  return out
}

function loops(kernel: LoopKernel, limits: TuningLimits): Choice[] {
  const most = Math.min(shareableBy(kernel, limits), longestLoop(kernel))
  const items = sample(kernel)
  const out: Strategy[] = []
  for (const threads of threadsTable) {
    if (threads > limits.threads) continue
    for (const lanes of lanesTable) {
      if (lanes > most || (lanes > 1 && lanes * items > 1 << 24)) continue
      const all = Math.max(threads, lanes)
      if (all > limits.threads || all / lanes > 256 || (lanes > 1 && all > shareableBy(kernel, limits))) continue
      if (lanes === 1) out.push({ threads: all, lanes })
      else for (const subgroup of new Set([1, limits.subgroup])) out.push({ threads: all, lanes, subgroup })
    }
  }
  return out.map(strategy => ({ kind: 'strategy', strategy }))
}
