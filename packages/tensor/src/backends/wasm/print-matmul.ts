// MatmulKernel to the GEMM template, where its layouts fit: f32 operands that are linear with one contiguous axis.
// A body that only stores the product to a row-major place lets the template store; any other body is printed as a
// function over finished strips of the product, while they are in cache.

import { type Func, type FuncBuilder, type Local, ModuleBuilder } from '@cairn/wasm'
import { load } from '../../kernel/build.ts'
import { changes } from '../../kernel/depends.ts'
import { type Dim, dimKey, evaluateDim, isConstant, isDim } from '../../kernel/dim.ts'
import { type Axis, axisIndex, type Index } from '../../kernel/index-expr.ts'
import type { Expr, MatmulKernel, Stmt } from '../../kernel/ir.ts'
import { paramLayout } from '../../kernel/params.ts'
import { rewriter } from '../../kernel/rewrite.ts'
import { emitGemmKernel, type GemmPlan, planGemm, stripParams } from './gemm.ts'
import { importMemory, type PrintOptions } from './print.ts'
import { BodyPrinter } from './print-body.ts'
import { Code } from './print-code.ts'
import { Helpers } from './print-helpers.ts'
import { laneCost } from './print-lanes.ts'
import { callsOf, prepareBody } from './print-prepare.ts'

interface Operand {
  readonly buffer: number
  readonly index: Index
  /** the contiguous axis is the first of the two */
  readonly transposed: boolean
  /** elements from one line to the next */
  readonly leading: Dim
}

interface Fit {
  readonly a: Operand
  readonly b: Operand
  /** where the template itself stores */
  readonly c: Operand | null
}

/** The coefficient of an axis in a linear index; null when it is not there. Undefined: not linear, or a sum. */
function coefficient(index: Index, axis: Axis): Dim | null | undefined {
  const found = index.terms.filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
  return found.length === 0 ? null : found.length === 1 ? found[0].coef : undefined
}

/** Rows x columns of an operand with one contiguous axis. */
function operand(buffer: number, index: Index, rows: Axis, columns: Axis): Operand | null {
  if (!index.terms.every(t => !t.atom || t.atom.kind === 'axis')) return null
  const [r, c] = [coefficient(index, rows), coefficient(index, columns)]
  if (r === undefined || c === undefined) return null
  // an axis of size 1 has no coefficient, and no axis of another size lacks one
  if ((r === null && !isDim(rows.size, 1)) || (c === null && !isDim(columns.size, 1))) return null
  if (c === null || isDim(c, 1)) return { buffer, index, transposed: false, leading: r ?? columns.size }
  if (r === null || isDim(r, 1)) return { buffer, index, transposed: true, leading: c }
  return null
}

function fit(kernel: MatmulKernel): Fit | null {
  const { a, b, m, n, k, buffers } = kernel
  if (buffers[a.buffer].dtype !== 'f32' || buffers[b.buffer].dtype !== 'f32') return null
  const left = operand(a.buffer, a.index, m, k)
  const right = operand(b.buffer, b.index, k, n)
  if (!left || !right) return null
  return { a: left, b: right, c: plainStore(kernel) }
}

function plainStore({ body, m, n, buffers }: MatmulKernel): Operand | null {
  const [s] = body
  if (body.length !== 1 || s.kind !== 'store' || s.mode !== 'set' || s.valid || s.value.op !== 'acc') return null
  if (buffers[s.buffer].dtype !== 'f32') return null
  const place = operand(s.buffer, s.index, m, n)
  return place && !place.transposed ? place : null
}

export interface PrintedMatmul {
  readonly code: Uint8Array<ArrayBuffer>
  /** word of the parameter block that says how items are cut */
  readonly partitionWord: number
  plan(symbols: ArrayLike<number>, threads: number): GemmPlan
}

/** Null where the template does not fit. */
export function printMatmul(kernel: MatmulKernel, options: PrintOptions): PrintedMatmul | null {
  const shapes = fit(kernel)
  if (!shapes) return null
  const { a, b, c } = shapes
  const { m, n, k, batch } = kernel
  const layout = paramLayout(kernel)
  const partitionWord = layout.words
  const module = new ModuleBuilder()
  importMemory(module, options.shared)
  const body = c ? [] : stripBody(kernel)
  const { imports, helpers } = callsOf(body)
  const functions = new Helpers(module, imports, helpers)
  const strip = c ? undefined : printStrip(module, kernel, body, options, functions)

  const value = (f: FuncBuilder, params: Local, d: Dim): FuncBuilder =>
    isConstant(d) ? f.i32_const(d.factor) : f.get(params).i32_load(4 * layout.dimWord.get(dimKey(d))!)

  /** Address of the element where an operand begins in batch `batch`. */
  const address = (
    f: FuncBuilder,
    params: Local,
    { buffer, index }: Operand,
    axes: ReadonlyMap<number, Local>,
  ): void => {
    f.get(params).i32_load(4 * buffer)
    for (const { atom, coef } of index.terms) {
      const local = atom?.kind === 'axis' ? axes.get(atom.axis.id) : undefined
      if (atom && !local) continue
      value(f, params, coef)
      if (local) f.get(local).i32_mul()
      f.i32_const(2).i32_shl().i32_add()
    }
  }

  emitGemmKernel(module, {
    transposeA: a.transposed,
    transposeB: b.transposed,
    fused: options.relaxed,
    strip,
    shape: (f, params, shape) => {
      value(f, params, m.size).set(shape.m)
      value(f, params, n.size).set(shape.n)
      value(f, params, k.size).set(shape.k)
      value(f, params, a.leading).set(shape.lda)
      value(f, params, b.leading).set(shape.ldb)
      if (c) value(f, params, c.leading).set(shape.ldc)
      f.get(params)
        .i32_load(4 * partitionWord)
        .set(shape.byRows)
    },
    operands: (f, params, operands) => {
      const axes = new Map<number, Local>()
      const rest = f.local('i32')
      f.get(operands.batch).set(rest)
      for (const axis of batch.toReversed()) {
        const local = f.local('i32')
        axes.set(axis.id, local)
        f.get(rest)
        value(f, params, axis.size).i32_rem_u().set(local).get(rest)
        value(f, params, axis.size).i32_div_u().set(rest)
      }
      address(f, params, a, axes)
      f.set(operands.a)
      address(f, params, b, axes)
      f.set(operands.b)
      if (c) {
        address(f, params, c, axes)
        f.set(operands.c)
      }
    },
  })

  const spec = { transposeA: a.transposed, transposeB: b.transposed, strip }
  return {
    code: module.build(),
    partitionWord,
    plan: (symbols, threads) => {
      const at = (d: Dim): number => evaluateDim(d, symbols)
      const batches = batch.reduce((p, axis) => p * at(axis.size), 1)
      return planGemm(spec, { batch: batches, m: at(m.size), n: at(n.size), k: at(k.size) }, threads)
    },
  }
}

/** The body with the product read from strip memory, a buffer numbered after those of the kernel. */
function stripBody(kernel: MatmulKernel): readonly Stmt[] {
  const memories = [...kernel.buffers, { dtype: 'f32' as const }]
  const element = load('f32', kernel.buffers.length, axisIndex(kernel.n))
  const rule = (e: Expr): Expr => (e.op === 'acc' && e.id === 0 ? element : e)
  return prepareBody(rewriter(rule).body(kernel.body), memories)
}

function printStrip(
  module: ModuleBuilder,
  kernel: MatmulKernel,
  body: readonly Stmt[],
  options: PrintOptions,
  functions: Helpers,
): Func {
  const { batch, m, n } = kernel
  return module.func({ params: stripParams, name: 'strip' }, (f, params, pointer, ld, m0, rows, n0, n1, extra) => {
    const code = new Code(f)
    const layout = paramLayout(kernel)
    const memories = [...kernel.buffers.map(b => b.dtype), 'f32' as const]
    const printer = new BodyPrinter(code, options, memories, layout, params, functions, body)
    let rest = code.read(extra)
    for (let i = batch.length - 1; i >= 0; i--) {
      const size = printer.dim(batch[i].size)
      printer.axes.set(batch[i].id, i === 0 ? rest : code.mod(rest, size))
      if (i > 0) rest = code.div(rest, size)
    }
    const writes = changes(body)
    const row = f.local('i32')
    code.set(row, code.i32(0))
    // the strip is in a cache, what else its rows read is not
    printer.bases.set(kernel.buffers.length, code.read(pointer))
    printer.axes.set(n.id, code.read(n0))
    const loads = printer.loadsAlong(n, body)
    if (loads.length > 0) {
      const ahead = f.local('i32')
      code.set(ahead, code.i32(0))
      printer.counted(ahead, code.read(rows), 1, changes([]), r => {
        printer.axes.set(m.id, code.add(code.read(m0), r))
        printer.rowAhead(loads, code.sub(code.read(n1), code.read(n0)))
      })
    }
    printer.counted(row, code.read(rows), 1, writes, r => {
      printer.axes.set(m.id, code.add(code.read(m0), r))
      // element n of the strip's row lies n - n0 floats behind its start
      const start = code.sub(code.mul(r, code.read(ld)), code.read(n0))
      printer.bases.set(kernel.buffers.length, code.add(code.read(pointer), code.shl(start, 2)))
      const column = f.local('i32')
      code.set(column, code.read(n0))
      const limit = code.read(n1)
      if (laneCost(n, body, [], () => undefined) !== null) printer.inLanes(n, column, limit, body, [], null)
      else
        printer.counted(column, limit, 1, writes, at => {
          printer.axes.set(n.id, at)
          printer.body(body)
        })
    })
    code.finish()
  })
}
