// MatmulKernel -> WGSL. Tiles of a and b pass through workgroup memory, every thread keeps a block of the product in
// registers, and the epilogue is printed once, in a loop over that block. Products with few rows or columns are bound by
// reading the larger operand once, which is what a reduction does: they are printed as a loop kernel.

import { computeType } from '../../dtype.ts'
import { productDim } from '../../kernel/dim.ts'
import { type Axis, type Index, strideOf } from '../../kernel/index-expr.ts'
import type { LoopKernel, MatmulKernel } from '../../kernel/ir.ts'
import { matmulAsLoops } from '../../kernel/matmul-loops.ts'
import { castText } from './operations.ts'
import { nameAxes, type Shader, workgroupNumber } from './print.ts'
import type { ThreadLimits } from './strategy.ts'
import { Uniforms } from './uniforms.ts'
import { Writer } from './writer.ts'

/** A tile of the product of a workgroup, and the block of it that one thread keeps; columns of a block in fours. */
export interface Tile {
  readonly rows: number
  readonly columns: number
  /** the part of k that is in workgroup memory at a time */
  readonly depth: number
  readonly blockRows: number
  readonly blockColumns: number
}

export const tiles: readonly Tile[] = [
  { rows: 128, columns: 128, depth: 8, blockRows: 8, blockColumns: 8 },
  { rows: 64, columns: 64, depth: 16, blockRows: 4, blockColumns: 4 },
  { rows: 32, columns: 32, depth: 16, blockRows: 4, blockColumns: 4 },
  { rows: 8, columns: 64, depth: 16, blockRows: 2, blockColumns: 4 },
]

const threadsOf = (t: Tile): number => (t.rows / t.blockRows) * (t.columns / t.blockColumns)
const bytesOf = (t: Tile): number => (t.rows + t.columns) * t.depth * 4

/** Tiles that keep a large GPU busy. */
const manyTiles = 96
/** Rows or columns up to which a product is printed as a reduction. */
const few = 4

/** The tile for the sample sizes; null: print as a reduction. */
export function chooseTile(kernel: MatmulKernel, limits: ThreadLimits): Tile | null {
  const [m, n] = [kernel.m.size.sample, kernel.n.size.sample]
  if (m <= few || n <= few) return null
  const batch = kernel.batch.reduce((product, axis) => product * axis.size.sample, 1)
  let best: Tile | null = null
  let least = Number.POSITIVE_INFINITY
  for (const tile of tiles) {
    if (threadsOf(tile) > limits.threads || bytesOf(tile) > limits.workgroupBytes) continue
    const count = batch * Math.ceil(m / tile.rows) * Math.ceil(n / tile.columns)
    // a multiply-add loads 1/columns + 1/rows of a number; idle processors cost as much as padding
    const reuse = (tile.blockRows * tile.blockColumns) / (tile.blockRows + tile.blockColumns)
    const cost = (Math.max(count, limits.software ? 2 : manyTiles) * tile.rows * tile.columns) / Math.sqrt(reuse)
    if (cost < least) [best, least] = [tile, cost]
  }
  return best
}

export function printMatmul(kernel: MatmulKernel, tile: Tile, alias: readonly number[], checked = false): Shader {
  // sizes are parameters: compiling a tile takes long, and every layer of a model has its own shape
  const writer = new Writer(kernel.buffers, alias, new Uniforms(false), checked)
  const { m, n, k, batch } = kernel
  const { rows, columns, depth, blockRows, blockColumns } = tile
  const threads = threadsOf(tile)
  const across = columns / blockColumns
  const quads = blockColumns / 4
  const [M, N, K] = [m, n, k].map(axis => writer.uniforms.dim(axis.size))
  const count = (size: string, by: number): string => `(u32(${size}) + ${by - 1}u) / ${by}u`

  writer.line(`let across = ${count(N, columns)};`)
  writer.line(`let down = ${count(M, rows)};`)
  writer.line(`let number = ${workgroupNumber};`)
  writer.line(
    `if (number >= across * down * ${writer.uniforms.unsigned(productDim(batch.map(a => a.size)))}) { return; }`,
  )
  writer.line(`let from_row = i32(number / across % down * ${rows}u);`)
  writer.line(`let from_column = i32(number % across * ${columns}u);`)
  writer.line('let item = number / across / down;')
  nameAxes(writer, batch, 'item')
  writer.line(`let tx = i32(thread % ${across}u);`)
  writer.line(`let ty = i32(thread / ${across}u) * ${blockRows};`)
  for (let i = 0; i < blockRows; i++) for (let q = 0; q < quads; q++) writer.line(`var c${i}_${q} = vec4f();`)

  writer.block(`for (var from_depth = 0i; from_depth < ${K}; from_depth += ${depth})`, () => {
    fill(writer, kernel, tile, {
      of: kernel.a,
      axis: m,
      size: M,
      limit: K,
      extent: rows,
      from: 'from_row',
      memory: 'wa',
    })
    fill(writer, kernel, tile, {
      of: kernel.b,
      axis: n,
      size: N,
      limit: K,
      extent: columns,
      from: 'from_column',
      memory: 'wb',
    })
    writer.line('workgroupBarrier();')
    writer.block(`for (var z = 0i; z < ${depth}; z++)`, () => {
      // neighbouring threads take neighbouring columns: no bank conflicts, and stores that coalesce
      for (let q = 0; q < quads; q++) {
        const parts = [0, 1, 2, 3].map(j => `wb[z * ${columns} + tx + ${(q * 4 + j) * across}]`)
        writer.line(`let b${q} = vec4f(${parts.join(', ')});`)
      }
      for (let i = 0; i < blockRows; i++) {
        writer.line(`let a${i} = wa[z * ${rows} + ty + ${i}];`)
        for (let q = 0; q < quads; q++) writer.line(`c${i}_${q} += a${i} * b${q};`)
      }
    })
    writer.line('workgroupBarrier();')
  })

  const all = Array.from({ length: blockRows * quads }, (_, i) => `c${Math.floor(i / quads)}_${i % quads}`)
  writer.line(`var block = array<vec4f, ${all.length}>(${all.join(', ')});`)
  writer.block(`for (var i = 0i; i < ${blockRows}; i++)`, () => {
    writer.line('let row = from_row + ty + i;')
    writer.nameAxis(m, 'row')
    writer.block(`for (var j = 0i; j < ${blockColumns}; j++)`, () => {
      writer.line(`let column = from_column + tx + j * ${across};`)
      writer.nameAxis(n, 'column')
      writer.block(`if (row < ${M} && column < ${N})`, () => {
        writer.line(`let product = block[i * ${quads} + j / 4][j % 4];`)
        writer.accumulators.set(0, { name: 'product', dtype: 'f32' })
        for (const s of kernel.body) if (s.kind === 'store') writer.store(s)
      })
    })
  })

  const memory = `var<workgroup> wa: array<f32, ${rows * depth}>;\nvar<workgroup> wb: array<f32, ${columns * depth}>;\n`
  return {
    code: writer.shader(threads, memory),
    bindings: new Set(alias).size,
    fields: writer.uniforms.fields,
    checks: writer.checks,
    workgroups: size =>
      Math.ceil(size(m.size) / rows) *
      Math.ceil(size(n.size) / columns) *
      batch.reduce((product, axis) => product * size(axis.size), 1),
  }
}

interface Operand {
  readonly of: MatmulKernel['a']
  /** m or n */
  readonly axis: Axis
  readonly size: string
  /** k's size */
  readonly limit: string
  readonly extent: number
  readonly from: string
  readonly memory: string
}

/** Copies a tile of an operand to workgroup memory, zeros outside of it; threads follow the axis that is contiguous. */
function fill(writer: Writer, kernel: MatmulKernel, tile: Tile, operand: Operand): void {
  const { of, axis, size, limit, extent, from, memory } = operand
  const alongDepth = contiguous(of.index, kernel.k) && !contiguous(of.index, axis)
  const [inner, outer] = alongDepth ? [tile.depth, extent] : [extent, tile.depth]
  writer.block(`for (var e = i32(thread); e < ${inner * outer}; e += ${threadsOf(tile)})`, () => {
    const [at, z] = alongDepth ? [`e / ${inner}`, `e % ${inner}`] : [`e % ${inner}`, `e / ${inner}`]
    writer.line(`let at = ${at};`)
    writer.line(`let z = ${z};`)
    writer.line(`let along = ${from} + at;`)
    writer.line('let deep = from_depth + z;')
    writer.nameAxis(axis, 'along')
    writer.nameAxis(kernel.k, 'deep')
    writer.line('var x = 0f;')
    writer.block(`if (along < ${size} && deep < ${limit})`, () => {
      const dtype = computeType(kernel.buffers[of.buffer].dtype)
      writer.line(`x = ${castText(writer.read(of.buffer, writer.index(of.index)), dtype, 'f32', writer.use)};`)
    })
    writer.line(`${memory}[z * ${extent} + at] = x;`)
  })
}

/** Whether neighbours along an axis lie beside each other. */
function contiguous(index: Index, axis: Axis): boolean {
  const strides = strideOf(index, axis, () => false) ?? []
  return strides.length === 1 && strides[0].symbols.length === 0 && strides[0].factor === 1
}

/** The same product as a reduction over k; neighbouring items are rows where there are fewer columns. */
export function asLoops(kernel: MatmulKernel): LoopKernel {
  const { a, batch, m, n } = kernel
  const loops = matmulAsLoops(kernel)
  if (n.size.sample > few || n.size.sample >= m.size.sample) return loops
  return { ...loops, parallel: [...batch, n, m], vector: contiguous(a.index, m) }
}
