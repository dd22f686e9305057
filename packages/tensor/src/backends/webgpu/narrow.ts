// Products with one row or a few (decoding one token after the other): bound by reading the larger operand once, so what counts is that all of the GPU
// reads, in vectors of four, and that nothing is read twice. Below, `long` is the axis of the larger operand (its rows where it is
// contiguous along k, its columns otherwise) and `short` the other one.

import type { Axis, Index } from '../../kernel/index-expr.ts'
import type { MatmulKernel } from '../../kernel/ir.ts'
import { contiguous, depthOf, inFours } from './matmul.ts'
import type { Shader } from './print.ts'
import type { ThreadLimits } from './strategy.ts'
import { tiled } from './tiles.ts'
import { Uniforms } from './uniforms.ts'
import { type How, Writer } from './writer.ts'

/** Defines `name`, where an operand's index begins, and `name_deep`, its stride along k. @returns its stride along `axis` */
function linear(writer: Writer, { terms }: Index, axis: Axis, k: Axis, name: string): string {
  const along = (of: Axis): string =>
    terms
      .filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === of.id)
      .map(t => writer.uniforms.dim(t.coef))
      .join(' + ') || '0i'
  const rest = terms.filter(t => t.atom?.kind !== 'axis' || (t.atom.axis.id !== axis.id && t.atom.axis.id !== k.id))
  writer.line(`let ${name} = ${writer.index({ terms: rest })};`)
  writer.line(`let ${name}_deep = ${along(k)};`)
  return `(${along(axis)})`
}

export interface Narrow {
  /** threads of a workgroup */
  readonly threads: number
  /** threads that share the sums of an entry of `long`; a power of two that divides `threads` */
  readonly lanes: number
  /** entries of `long` (fours of them, along columns) that a thread works on at once */
  readonly each: number
  /** entries of `short` at once */
  readonly short: number
  /** neighbouring lanes that exchange values directly, a power of two; 1: none */
  readonly subgroup: number
}

/** How the operands of a narrow product lie. */
export interface Sides {
  readonly long: Axis
  readonly short: Axis
  /** the larger operand is contiguous along k */
  readonly alongDepth: boolean
  /** the larger operand is read in vectors of four, along k (then the other one is, too) or along `long` */
  readonly wide: boolean
}

export function sidesOf(kernel: MatmulKernel, alias: readonly number[]): Sides {
  const { a, b, m, n, k } = kernel
  const swap = n.size.sample < m.size.sample
  const [long, short] = swap ? [m, n] : [n, m]
  const [matrix, other] = swap ? [a, b] : [b, a]
  const alongDepth = contiguous(matrix.index, k) && !contiguous(matrix.index, long)
  const otherAlong = contiguous(other.index, k) && inFours(kernel, other, short, alias)
  const wide = inFours(kernel, matrix, long, alias) && (!alongDepth || otherAlong)
  return { long, short, alongDepth, wide }
}

const bytesOf = ({ threads, lanes, each, short, subgroup }: Narrow, { alongDepth, wide }: Sides): number =>
  4 * each * short * (alongDepth ? threads / Math.min(lanes, subgroup) : threads * (wide ? 4 : 1))

export const fitsNarrow = (narrow: Narrow, sides: Sides, limits: ThreadLimits): boolean =>
  narrow.threads <= limits.threads &&
  narrow.lanes <= narrow.threads &&
  narrow.subgroup <= limits.subgroup &&
  bytesOf(narrow, sides) <= limits.workgroupBytes

/** @param part an axis outside of the batch, for a piece of k each (split.ts) */
export function printNarrow(
  kernel: MatmulKernel,
  narrow: Narrow,
  alias: readonly number[],
  how: How = {},
  part: Axis | null = null,
): Shader {
  const { a, b, k, batch, m } = kernel
  const { threads, lanes, each, short: rows } = narrow
  const { long, short, alongDepth, wide } = sidesOf(kernel, alias)
  const [matrix, other] = long === m ? [a, b] : [b, a]
  // along columns the other operand is read in fours where that happens to be possible
  const otherWide = wide && contiguous(other.index, k) && inFours(kernel, other, short, alias)
  const bound = new Set<number>()
  if (wide) bound.add(alias[matrix.buffer])
  if (otherWide) bound.add(alias[other.buffer])
  const writer = new Writer(kernel.buffers, alias, { ...how, uniforms: new Uniforms(false), wide: bound })
  const [L, S, K] = [long, short, k].map(axis => writer.uniforms.dim(axis.size))
  const across = threads / lanes
  /** entries of `long` in one vector */
  const quad = !alongDepth && wide ? 4 : 1
  const span = across * each * quad
  const finish = tiled(
    writer,
    { axis: long, length: span, from: 'from_long' },
    { axis: short, length: rows, from: 'from_short' },
    part ? [part, ...batch] : batch,
  )
  const [begin, end] = depthOf(writer, K, part, 4)
  // neighbouring threads read neighbouring memory: along k they are lanes, along columns they are columns
  writer.line(`let lane = i32(thread ${alongDepth ? `% ${lanes}u` : `/ ${across}u`});`)
  writer.line(`let column = i32(thread ${alongDepth ? `/ ${lanes}u` : `% ${across}u`});`)
  const vector = wide ? 'vec4f' : 'f32'
  for (let r = 0; r < each; r++) {
    // entries past the end repeat the last one; they are not stored
    writer.line(`let long${r} = min(from_long + (column + ${r * across}) * ${quad}, ${L} - ${quad});`)
    for (let s = 0; s < rows; s++) writer.line(`var c${r}_${s} = ${vector}();`)
  }
  const strideOfLong = linear(writer, matrix.index, long, k, 'matrix')
  for (let r = 0; r < each; r++) writer.line(`let row${r} = matrix + long${r} * ${strideOfLong};`)
  const strideOfShort = linear(writer, other.index, short, k, 'other')
  for (let s = 0; s < rows; s++)
    writer.line(`let side${s} = other + min(from_short + ${s}, ${S} - 1) * ${strideOfShort};`)

  const readMatrix = (r: number, deep: string): string => {
    const at = `row${r} + ${deep} * matrix_deep`
    return wide ? writer.readFour(matrix.buffer, at) : writer.read(matrix.buffer, at)
  }
  const readOther = (s: number, deep: string, four: boolean): string => {
    const at = `side${s} + ${deep} * other_deep`
    return four ? writer.readFour(other.buffer, at) : writer.read(other.buffer, at)
  }
  const step = wide && (alongDepth || otherWide) ? 4 : 1
  writer.block(`for (var deep = ${begin} + lane * ${step}; deep < ${end}; deep += ${lanes * step})`, () => {
    for (let s = 0; s < rows; s++) writer.line(`let v${s} = ${readOther(s, 'deep', step === 4)};`)
    const inner = !alongDepth && step === 4 ? [0, 1, 2, 3] : [0]
    for (const j of inner)
      for (let r = 0; r < each; r++) {
        const deep = j === 0 ? 'deep' : `(deep + ${j})`
        writer.line(`let w${r}_${j} = ${readMatrix(r, deep)};`)
        for (let s = 0; s < rows; s++)
          writer.line(`c${r}_${s} += w${r}_${j} * v${s}${inner.length > 1 ? `[${j}]` : ''};`)
      }
  })

  // what the lanes have comes together in workgroup memory; then every thread finishes some entries
  const width = alongDepth ? Math.min(lanes, narrow.subgroup) : 1
  const kept = lanes / width
  const type = quad === 4 ? 'vec4f' : 'f32'
  if (width > 1) writer.enable('subgroups')
  const put = (r: number, s: number, value: string): void =>
    writer.line(`sums[${(r * rows + s) * kept * across} + (lane / ${width}) * ${across} + column] = ${value};`)
  for (let r = 0; r < each; r++)
    for (let s = 0; s < rows; s++) {
      const name = `c${r}_${s}`
      if (!alongDepth) {
        put(r, s, name)
        continue
      }
      const sum = `t${r}_${s}`
      writer.line(`var ${sum} = ${wide ? `dot(${name}, vec4f(1f))` : name};`)
      for (let bit = 1; bit < width; bit *= 2) writer.line(`${sum} += subgroupShuffleXor(${sum}, ${bit}u);`)
      if (width > 1) writer.block(`if (lane % ${width} == 0)`, () => put(r, s, sum))
      else put(r, s, sum)
    }
  writer.line('workgroupBarrier();')
  const entries = each * rows * across * quad
  writer.block(`for (var e = i32(thread); e < ${entries}; e += ${threads})`, () => {
    writer.line(`let along = e / ${quad} % ${across};`)
    writer.line(`let which = e / ${quad * across};`)
    writer.line(`let at_long = from_long + (along + which / ${rows} * ${across}) * ${quad} + e % ${quad};`)
    writer.line(`let at_short = from_short + which % ${rows};`)
    writer.line(`var sum = ${type}();`)
    writer.block(`for (var h = 0i; h < ${kept}; h++)`, () =>
      writer.line(`sum += sums[(which * ${kept} + h) * ${across} + along];`),
    )
    writer.block(`if (at_long < ${L} && at_short < ${S})`, () => {
      writer.nameAxis(long, 'at_long')
      writer.nameAxis(short, 'at_short')
      writer.line(`let product = sum${quad === 4 ? '[e % 4]' : ''};`)
      writer.accumulators.set(0, { name: 'product', dtype: 'f32' })
      for (const s of kernel.body) if (s.kind === 'store') writer.store(s)
    })
  })
  return finish(threads, `var<workgroup> sums: array<${type}, ${each * rows * kept * across}>;\n`, alias)
}
