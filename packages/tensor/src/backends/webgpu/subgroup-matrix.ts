// MatmulKernel -> WGSL for the matrix units of a card (tensor cores), through Dawn's experimental `chromium_experimental_subgroup_matrix`: a subgroup holds
// small matrices between its threads and multiplies them. Tiles of a and b pass through workgroup memory, the product goes back
// through it to the epilogue. Never a guess: a candidate of the tuner, where the adapter has a configuration for the operands' type.

import type { Axis } from '../../kernel/index-expr.ts'
import type { MatmulKernel } from '../../kernel/ir.ts'
import { contiguous, depthOf, inFours } from './matmul.ts'
import type { Shader } from './print.ts'
import type { ThreadLimits } from './strategy.ts'
import { tiled } from './tiles.ts'
import { Uniforms } from './uniforms.ts'
import { type How, Writer } from './writer.ts'

/** Sizes of the matrices that a card multiplies: [m, k] by [k, n], of one type, added in f32. */
export interface MatrixConfig {
  readonly type: 'f16' | 'f32'
  readonly m: number
  readonly n: number
  readonly k: number
}

export interface MatrixTile {
  readonly config: MatrixConfig
  /** threads of a subgroup */
  readonly subgroup: number
  /** subgroups of a workgroup */
  readonly down: number
  readonly across: number
  /** matrices of the product that one subgroup holds */
  readonly blockRows: number
  readonly blockColumns: number
  /** the part of k in workgroup memory, a multiple of the configuration's and of 4 */
  readonly depth: number
}

const rowsOf = (t: MatrixTile): number => t.down * t.blockRows * t.config.m
const columnsOf = (t: MatrixTile): number => t.across * t.blockColumns * t.config.n
const threadsOf = (t: MatrixTile): number => t.down * t.across * t.subgroup

function bytesOf(t: MatrixTile): number {
  const staged = (rowsOf(t) + columnsOf(t)) * t.depth * (t.config.type === 'f16' ? 2 : 4)
  return staged + t.down * t.config.m * columnsOf(t) * 4
}

/** Whether a tile is one for this product: f16 is multiplied as f16, f32 as f32, and nothing is rounded on the way. */
export function fitsMatrix(tile: MatrixTile, kernel: MatmulKernel, limits: ThreadLimits): boolean {
  const types = new Set([kernel.a, kernel.b].map(of => kernel.buffers[of.buffer].dtype))
  return (
    types.size === 1 &&
    types.has(tile.config.type) &&
    threadsOf(tile) <= limits.threads &&
    bytesOf(tile) <= limits.workgroupBytes &&
    tile.subgroup === limits.subgroup
  )
}

/** @param part an axis outside of the batch, for a piece of k each (split.ts) */
export function printSubgroupMatrix(
  kernel: MatmulKernel,
  tile: MatrixTile,
  alias: readonly number[],
  how: How = {},
  part: Axis | null = null,
): Shader {
  const { m, n, k, batch, a, b } = kernel
  const { config, subgroup, across, blockRows, blockColumns, depth } = tile
  const [rows, columns, threads] = [rowsOf(tile), columnsOf(tile), threadsOf(tile)]
  const wide = new Set<number>()
  for (const [of, axis] of [
    [a, m],
    [b, n],
  ] as const)
    if (inFours(kernel, of, axis, alias)) wide.add(alias[of.buffer])
  const writer = new Writer(kernel.buffers, alias, { ...how, uniforms: new Uniforms(false), wide })
  writer.enable('chromium_experimental_subgroup_matrix')
  if (config.type === 'f16') writer.enable('f16')
  const [M, N, K] = [m, n, k].map(axis => writer.uniforms.dim(axis.size))
  const finish = tiled(
    writer,
    { axis: n, length: columns, from: 'from_column' },
    { axis: m, length: rows, from: 'from_row' },
    part ? [part, ...batch] : batch,
  )
  const [begin, end] = depthOf(writer, K, part, Math.max(4, config.k))
  writer.line(`let unit = thread / ${subgroup}u;`)
  writer.line(`let unit_row = unit / ${across}u;`)
  writer.line(`let unit_column = unit % ${across}u;`)
  const all = Array.from({ length: blockRows * blockColumns }, (_, e) => [
    Math.floor(e / blockColumns),
    e % blockColumns,
  ])
  const [left, right, result] = [
    `subgroup_matrix_left<${config.type}, ${config.k}, ${config.m}>`,
    `subgroup_matrix_right<${config.type}, ${config.n}, ${config.k}>`,
    `subgroup_matrix_result<f32, ${config.n}, ${config.m}>`,
  ]
  for (const [i, j] of all) writer.line(`var c${i}_${j}: ${result};`)

  /** Brings a tile to workgroup memory: [rows, depth] of a, [depth, columns] of b; zeros outside. */
  const fill = (
    of: MatmulKernel['a'],
    axis: Axis,
    size: string,
    from: string,
    extent: number,
    memory: string,
  ): void => {
    const alongDepth = contiguous(of.index, k) && !contiguous(of.index, axis)
    const step = wide.has(alias[of.buffer]) ? 4 : 1
    const inner = (alongDepth ? depth : extent) / step
    writer.block(`for (var e = i32(thread); e < ${(extent * depth) / step}; e += ${threads})`, () => {
      writer.line(`let ${alongDepth ? 'z' : 'x'} = e % ${inner} * ${step};`)
      writer.line(`let ${alongDepth ? 'x' : 'z'} = e / ${inner};`)
      writer.line(`let along = ${from} + x;`)
      writer.line('let deep = from_depth + z;')
      const vector = step === 4 ? 'vec4f' : 'f32'
      writer.line(`var value = ${vector}();`)
      writer.nameAxis(axis, 'along')
      writer.nameAxis(k, 'deep')
      writer.block(`if (along < ${size} && deep < ${end})`, () => {
        const index = writer.index(of.index)
        writer.line(`value = ${step === 4 ? writer.readFour(of.buffer, index) : writer.read(of.buffer, index)};`)
      })
      for (let j = 0; j < step; j++) {
        const [x, z] = alongDepth ? ['x', `z + ${j}`] : [`x + ${j}`, 'z']
        const place = memory === 'wa' ? `(${x}) * ${depth} + ${z}` : `(${z}) * ${columns} + ${x}`
        writer.line(`${memory}[${place}] = ${config.type}(value${step === 4 ? `[${j}]` : ''});`)
      }
    })
  }
  writer.block(`for (var from_depth = ${begin}; from_depth < ${end}; from_depth += ${depth})`, () => {
    fill(a, m, M, 'from_row', rows, 'wa')
    fill(b, n, N, 'from_column', columns, 'wb')
    writer.line('workgroupBarrier();')
    writer.block(`for (var z = 0u; z < ${depth}u; z += ${config.k}u)`, () => {
      for (let j = 0; j < blockColumns; j++) {
        const at = `z * ${columns}u + (unit_column * ${blockColumns}u + ${j}u) * ${config.n}u`
        writer.line(`let right${j} = subgroupMatrixLoad<${right}, row_major>(&wb, ${at}, ${columns}u);`)
      }
      for (let i = 0; i < blockRows; i++) {
        const at = `(unit_row * ${blockRows}u + ${i}u) * ${config.m * depth}u + z`
        writer.line(`let left${i} = subgroupMatrixLoad<${left}, row_major>(&wa, ${at}, ${depth}u);`)
        for (let j = 0; j < blockColumns; j++)
          writer.line(`c${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, c${i}_${j});`)
      }
    })
    writer.line('workgroupBarrier();')
  })
  for (let i = 0; i < blockRows; i++) {
    for (let j = 0; j < blockColumns; j++) {
      const at = `unit_row * ${config.m * columns}u + (unit_column * ${blockColumns}u + ${j}u) * ${config.n}u`
      writer.line(`subgroupMatrixStore<row_major>(&wc, ${at}, c${i}_${j}, ${columns}u);`)
    }
    writer.line('workgroupBarrier();')
    writer.block(`for (var e = i32(thread); e < ${tile.down * config.m * columns}; e += ${threads})`, () => {
      writer.line(`let at_row = e / ${columns};`)
      const row = `at_row / ${config.m} * ${blockRows * config.m} + ${i * config.m} + at_row % ${config.m}`
      writer.line(`let row = from_row + ${row};`)
      writer.line(`let column = from_column + e % ${columns};`)
      writer.nameAxis(m, 'row')
      writer.nameAxis(n, 'column')
      writer.block(`if (row < ${M} && column < ${N})`, () => {
        writer.line('let product = wc[e];')
        writer.accumulators.set(0, { name: 'product', dtype: 'f32' })
        for (const s of kernel.body) if (s.kind === 'store') writer.store(s)
      })
    })
    if (i < blockRows - 1) writer.line('workgroupBarrier();')
  }
  const memory = [
    `var<workgroup> wa: array<${config.type}, ${rows * depth}>;\n`,
    `var<workgroup> wb: array<${config.type}, ${columns * depth}>;\n`,
    `var<workgroup> wc: array<f32, ${tile.down * config.m * columns}>;\n`,
  ]
  return finish(threads, memory.join(''), alias)
}
