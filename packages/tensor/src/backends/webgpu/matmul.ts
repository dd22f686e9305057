// MatmulKernel -> WGSL. Tiles of a and b pass through workgroup memory in vectors of four, every thread keeps a block of the product in
// registers, and the epilogue is printed once, in a loop over that block. Which tile is for which product: choose.ts.

import { computeType } from '../../dtype.ts'
import type { Dim } from '../../kernel/dim.ts'
import { type Axis, axisIndex, type Index, strideOf } from '../../kernel/index-expr.ts'
import type { LoopKernel, MatmulKernel } from '../../kernel/ir.ts'
import { matmulAsLoops } from '../../kernel/matmul-loops.ts'
import { castText } from './operations.ts'
import type { Shader } from './print.ts'
import type { ThreadLimits } from './strategy.ts'
import { tiled } from './tiles.ts'
import { Uniforms } from './uniforms.ts'
import { type How, Writer } from './writer.ts'

/** A tile of the product of a workgroup, and the block of it that one thread keeps; all sides of both in fours. */
export interface Tile {
  readonly rows: number
  readonly columns: number
  /** the part of k that is in workgroup memory at a time */
  readonly depth: number
  readonly blockRows: number
  readonly blockColumns: number
  /** the next part is fetched while one is multiplied: twice the memory, half the barriers */
  readonly double?: boolean
}

export const tiles: readonly Tile[] = [
  { rows: 128, columns: 128, depth: 8, blockRows: 8, blockColumns: 8 },
  { rows: 64, columns: 64, depth: 16, blockRows: 4, blockColumns: 4 },
  { rows: 32, columns: 32, depth: 16, blockRows: 4, blockColumns: 4 },
  { rows: 8, columns: 64, depth: 16, blockRows: 4, blockColumns: 4 },
]

export const threadsOf = (t: Tile): number => (t.rows / t.blockRows) * (t.columns / t.blockColumns)
const bytesOf = (t: Tile): number => (t.rows + t.columns) * t.depth * 4 * (t.double ? 2 : 1)
export const fits = (t: Tile, limits: ThreadLimits): boolean =>
  threadsOf(t) <= limits.threads && bytesOf(t) <= limits.workgroupBytes

/** @param part an axis outside of the batch, for a piece of k each (split.ts) */
export function printMatmul(
  kernel: MatmulKernel,
  tile: Tile,
  alias: readonly number[],
  how: How = {},
  part: Axis | null = null,
): Shader {
  // sizes are parameters: compiling a tile takes long, and every layer of a model has its own shape
  const { m, n, k, batch } = kernel
  const isWide = (of: MatmulKernel['a'], axis: Axis): boolean => inFours(kernel, of, axis, alias)
  const wide = new Set<number>()
  for (const [of, axis] of [
    [kernel.a, m],
    [kernel.b, n],
  ] as const)
    if (isWide(of, axis)) wide.add(alias[of.buffer])
  const writer = new Writer(kernel.buffers, alias, { ...how, uniforms: new Uniforms(false), wide })
  const { rows, columns, depth, blockRows, blockColumns, double = false } = tile
  const threads = threadsOf(tile)
  const across = columns / blockColumns
  const down = rows / blockRows
  const quads = blockColumns / 4
  const [M, N, K] = [m, n, k].map(axis => writer.uniforms.dim(axis.size))
  const finish = tiled(
    writer,
    { axis: n, length: columns, from: 'from_column' },
    { axis: m, length: rows, from: 'from_row' },
    part ? [part, ...batch] : batch,
  )
  const [begin, end] = depthOf(writer, K, part, depth)
  writer.line(`let tx = i32(thread % ${across}u);`)
  writer.line(`let ty = i32(thread / ${across}u);`)
  for (let i = 0; i < blockRows; i++) for (let q = 0; q < quads; q++) writer.line(`var c${i}_${q} = vec4f();`)

  const fills = [
    new Fill(writer, kernel, tile, isWide(kernel.a, m), {
      of: kernel.a,
      axis: m,
      size: M,
      limit: end,
      extent: rows,
      from: 'from_row',
      memory: 'wa',
    }),
    new Fill(writer, kernel, tile, isWide(kernel.b, n), {
      of: kernel.b,
      axis: n,
      size: N,
      limit: end,
      extent: columns,
      from: 'from_column',
      memory: 'wb',
    }),
  ]
  const half = (extent: number): string => (double ? `half * ${(extent / 4) * depth} + ` : '')
  const fetch = (from: string): void => {
    for (const f of fills) f.fetch(from)
  }
  const put = (): void => {
    for (const f of fills) f.put(half(f.extent))
  }
  const multiply = (): void =>
    writer.block(`for (var z = 0i; z < ${depth}; z++)`, () => {
      // neighbouring threads take neighbouring columns: no bank conflicts, and stores that coalesce
      for (let q = 0; q < quads; q++)
        writer.line(`let b${q} = wb[${half(columns)}z * ${columns / 4} + tx + ${q * across}];`)
      for (let r = 0; r < blockRows / 4; r++)
        writer.line(`let a${r} = wa[${half(rows)}z * ${rows / 4} + ty + ${r * down}];`)
      for (let i = 0; i < blockRows; i++)
        for (let q = 0; q < quads; q++) writer.line(`c${i}_${q} += a${i >> 2}[${i % 4}] * b${q};`)
    })
  const steps = `for (var from_depth = ${begin}; from_depth < ${end}; from_depth += ${depth})`
  if (double) {
    writer.line('var half = 0i;')
    writer.block('', () => {
      fetch(begin)
      put()
    })
    writer.line('workgroupBarrier();')
    writer.block(steps, () => {
      writer.line(`let from_next = from_depth + ${depth};`)
      fetch('from_next')
      multiply()
      // what the other half held was read before the barrier that ended the step before
      writer.line('half = 1 - half;')
      put()
      writer.line('workgroupBarrier();')
    })
  } else
    writer.block(steps, () => {
      for (const f of fills) f.copy('from_depth')
      writer.line('workgroupBarrier();')
      multiply()
      writer.line('workgroupBarrier();')
    })

  const all = Array.from({ length: blockRows * quads }, (_, i) => `c${Math.floor(i / quads)}_${i % quads}`)
  writer.line(`var block = array<vec4f, ${all.length}>(${all.join(', ')});`)
  writer.block(`for (var i = 0i; i < ${blockRows}; i++)`, () => {
    writer.line(`let row = from_row + (ty + i / 4 * ${down}) * 4 + i % 4;`)
    writer.nameAxis(m, 'row')
    writer.block(`for (var j = 0i; j < ${blockColumns}; j++)`, () => {
      writer.line(`let column = from_column + (tx + j / 4 * ${across}) * 4 + j % 4;`)
      writer.nameAxis(n, 'column')
      writer.block(`if (row < ${M} && column < ${N})`, () => {
        writer.line(`let product = block[i * ${quads} + j / 4][j % 4];`)
        writer.accumulators.set(0, { name: 'product', dtype: 'f32' })
        for (const s of kernel.body) if (s.kind === 'store') writer.store(s)
      })
    })
  })

  const memory = fills
    .map(f => `var<workgroup> ${f.memory}: array<vec4f, ${(f.extent / 4) * depth * (double ? 2 : 1)}>;\n`)
    .join('')
  return finish(threads, memory, alias)
}

/** Where the sum over k begins and ends: all of it, or the piece of a part, whose length is a multiple of `step`. */
export function depthOf(writer: Writer, K: string, part: Axis | null, step: number): [begin: string, end: string] {
  if (!part) return ['0i', K]
  const parts = writer.uniforms.dim(part.size)
  writer.line(`let piece = ((${K} + ${parts} - 1i) / ${parts} + ${step - 1}i) / ${step}i * ${step}i;`)
  writer.line(`let from_piece = min(${writer.index(axisIndex(part))} * piece, ${K});`)
  writer.line(`let to_piece = min(from_piece + piece, ${K});`)
  return ['from_piece', 'to_piece']
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

/**
 * Copies a tile of an operand to workgroup memory, zeros outside of it: fetched into registers, then put. Memory holds fours along m or n; threads
 * follow the axis that is contiguous, and read fours along it where the operand's rows begin at such.
 */
class Fill {
  readonly extent: number
  readonly memory: string
  private readonly entries: number
  private readonly writer: Writer
  private readonly kernel: MatmulKernel
  private readonly threads: number
  private readonly depth: number
  private readonly wide: boolean
  private readonly operand: Operand
  private readonly alongDepth: boolean

  constructor(writer: Writer, kernel: MatmulKernel, tile: Tile, wide: boolean, operand: Operand) {
    this.writer = writer
    this.kernel = kernel
    this.threads = threadsOf(tile)
    this.depth = tile.depth
    this.wide = wide
    this.operand = operand
    this.extent = operand.extent
    this.memory = operand.memory
    this.alongDepth = contiguous(operand.of.index, kernel.k) && !contiguous(operand.of.index, operand.axis)
    this.entries = ((this.extent / 4) * tile.depth) / (this.across ? 4 : 1)
  }

  /** Fours along k become fours along m or n. */
  private get across(): boolean {
    return this.wide && this.alongDepth
  }

  private get counts(): number[] {
    return Array.from({ length: Math.ceil(this.entries / this.threads) }, (_, i) => i)
  }

  /** Defines of entry `e` `quad`, a four of places along m or n, and `z`, the place along k (of the first of four). */
  private entry(): void {
    const { writer, alongDepth, across } = this
    const inner = alongDepth ? this.depth / (across ? 4 : 1) : this.extent / 4
    const [fast, slow] = [`e % ${inner}`, `e / ${inner}`]
    writer.line(`let quad = ${alongDepth ? slow : fast};`)
    writer.line(`let z = ${alongDepth ? `(${fast})${across ? ' * 4' : ''}` : slow};`)
  }

  /** Entries of a thread one after the other: nothing is kept in registers, and the text is short. */
  copy(from: string): void {
    const { writer, memory, entries, threads } = this
    writer.block(`for (var e = i32(thread); e < ${entries}; e += ${threads})`, () => {
      this.entry()
      writer.line(`var ${memory}_0 = ${this.type}();`)
      this.load(`${memory}_0`, from)
      this.store(`${memory}_0`, '')
    })
  }

  fetch(from: string): void {
    const { writer, memory } = this
    for (const i of this.counts) {
      writer.line(`var ${memory}_${i} = ${this.type}();`)
      writer.block('', () => {
        writer.line(`let e = i32(thread) + ${i * this.threads};`)
        this.entry()
        this.load(`${memory}_${i}`, from)
      })
    }
  }

  put(half: string): void {
    const { writer, memory, entries, threads } = this
    for (const i of this.counts)
      writer.block('', () => {
        writer.line(`let e = i32(thread) + ${i * threads};`)
        this.entry()
        const store = (): void => this.store(`${memory}_${i}`, half)
        if ((i + 1) * threads > entries) writer.block(`if (e < ${entries})`, store)
        else store()
      })
  }

  private get type(): string {
    return this.across ? 'mat4x4f' : 'vec4f'
  }

  private load(into: string, from: string): void {
    const { writer, operand, kernel, wide, across } = this
    const { of, axis, size, limit } = operand
    const dtype = computeType(kernel.buffers[of.buffer].dtype)
    writer.line(`let deep = ${from} + z;`)
    writer.nameAxis(kernel.k, 'deep')
    for (const j of wide && !across ? [0] : [0, 1, 2, 3])
      writer.block('', () => {
        writer.line(`let along = ${operand.from} + quad * 4 + ${j};`)
        writer.nameAxis(axis, 'along')
        writer.block(`if (along < ${size} && deep < ${limit})`, () => {
          const index = writer.index(of.index)
          const value = wide
            ? writer.readFour(of.buffer, index)
            : castText(writer.read(of.buffer, index), dtype, 'f32', writer.use)
          writer.line(`${into}${wide && !across ? '' : `[${j}]`} = ${value};`)
        })
      })
  }

  private store(from: string, half: string): void {
    const { writer, memory, across } = this
    const at = (z: string): string => `${memory}[${half}${z} * ${this.extent / 4} + quad]`
    if (!across) writer.line(`${at('z')} = ${from};`)
    else
      for (const j of [0, 1, 2, 3]) {
        const parts = [0, 1, 2, 3].map(row => `${from}[${row}][${j}]`)
        writer.line(`${at(`(z + ${j})`)} = vec4f(${parts.join(', ')});`)
      }
  }
}

/** Whether an operand can be read in fours along the axis that is contiguous: all of them begin at a multiple of four. */
export function inFours(kernel: MatmulKernel, of: MatmulKernel['a'], axis: Axis, alias: readonly number[]): boolean {
  const along = contiguous(of.index, axis) ? axis : contiguous(of.index, kernel.k) ? kernel.k : null
  const fours = (size: Dim): boolean => size.factor % 4 === 0
  if (!along || !fours(along.size)) return false
  const rest = of.index.terms.filter(t => t.atom?.kind !== 'axis' || t.atom.axis.id !== along.id)
  if (!rest.every(t => (t.atom === null || t.atom.kind === 'axis') && fours(t.coef))) return false
  return kernel.buffers.every(
    ({ dtype, access, size }, i) =>
      // what is a float in memory (stored.ts)
      alias[i] !== alias[of.buffer] || (computeType(dtype) === 'f32' && access === 'read' && fours(size)),
  )
}

/** Whether neighbours along an axis lie beside each other. */
export function contiguous(index: Index, axis: Axis): boolean {
  const strides = strideOf(index, axis, () => false) ?? []
  return strides.length === 1 && strides[0].symbols.length === 0 && strides[0].factor === 1
}

/** Rows or columns up to which a product is bound by reading the larger operand once. */
export const few = 4

/** The same product as a reduction over k; neighbouring items are rows where there are fewer columns. */
export function asLoops(kernel: MatmulKernel): LoopKernel {
  const { a, batch, m, n } = kernel
  const loops = matmulAsLoops(kernel)
  if (n.size.sample > few || n.size.sample >= m.size.sample) return loops
  return { ...loops, parallel: [...batch, n, m], vector: contiguous(a.index, m) }
}
