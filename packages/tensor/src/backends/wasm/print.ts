// LoopKernel to a WebAssembly module that exports kernel(params, begin, end, scratch). The items [begin, end) are decoded once
// at the start and then counted on; the last parallel axis of a `vector` kernel runs in lanes, row segment by segment.

import { type FuncBuilder, type Local, ModuleBuilder } from '@cairn/wasm'
import type { DType } from '../../dtype.ts'
import { changes } from '../../kernel/depends.ts'
import { evaluateDim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { LoopKernel, Stmt } from '../../kernel/ir.ts'
import { paramLayout } from '../../kernel/params.ts'
import { BodyPrinter } from './print-body.ts'
import { Code, type Node } from './print-code.ts'
import { columnBytes, columnsOf, printColumns } from './print-columns.ts'
import { Helpers } from './print-helpers.ts'
import { accumulatorTypes, laneCost } from './print-lanes.ts'
import { printParts } from './print-parts.ts'
import { callsOf, memoriesOf, prepareBody } from './print-prepare.ts'
import { storages } from './print-types.ts'

export interface PrintOptions {
  /** relaxed SIMD may be used */
  readonly relaxed: boolean
  /** whether the memory is shared */
  readonly shared: boolean
  /** the launch has parts: its parameters are a table of them (print-parts.ts) */
  readonly parts?: boolean
}

export const kernelParams = ['i32', 'i32', 'i32', 'i32'] as const

/** Marks values that read the first column of a row segment. */
const columnReads = 1 << 30

/** Scratch rows begin at multiples of this many bytes. */
const scratchAlignment = 64

export function importMemory(module: ModuleBuilder, shared: boolean): void {
  module.importMemory('env', 'memory', shared ? { min: 1, max: 65536, shared } : { min: 1 })
}

export function printLoopKernel(kernel: LoopKernel, options: PrintOptions): Uint8Array<ArrayBuffer> {
  const body = prepareBody(kernel.body, memoriesOf(kernel))
  const module = new ModuleBuilder()
  importMemory(module, options.shared)
  const { imports, helpers } = callsOf(body)
  const functions = new Helpers(module, imports, helpers)
  const own = options.parts ? { params: kernelParams } : { params: kernelParams, export: 'kernel' }
  const kernelOfPart = module.func(own, (f, params, begin, end, scratch) => {
    const code = new Code(f)
    const layout = paramLayout(kernel)
    const columns = columnsOf(kernel, body)
    const memories = [...memoriesOf(kernel).map(m => m.dtype), ...(columns?.totals.map(t => t.dtype as DType) ?? [])]
    const printer = new BodyPrinter(code, options, memories, layout, params, functions, body)
    placeScratch(kernel, printer, code.read(scratch))
    const across: Across = columns
      ? (counter, limit) => printColumns(printer, columns, counter, limit, kernel.buffers.length, code.read(scratch))
      : (counter, limit, axis) => printer.itemsInLanes(axis, counter, limit, body)
    printItems(kernel, body, printer, begin, end, across)
    code.finish()
  })
  if (options.parts) printParts(module, kernelOfPart)
  return module.build()
}

function placeScratch(kernel: LoopKernel, printer: BodyPrinter, scratch: Node): void {
  const { code } = printer
  let at = scratch
  kernel.scratch.forEach((row, i) => {
    printer.bases.set(kernel.buffers.length + i, at)
    const bytes = code.shl(printer.dim(row.size), storages[row.dtype].shift)
    const padded = code.op('i32_and', 'i32', [
      code.add(bytes, code.i32(scratchAlignment - 1)),
      code.i32(-scratchAlignment),
    ])
    at = code.add(at, padded)
  })
}

/** Scratch bytes of one thread. */
export function scratchBytes(kernel: LoopKernel, symbols: ArrayLike<number>): number {
  const own = columnBytes(kernel, symbols)
  return kernel.scratch.reduce((sum, { dtype, size }) => {
    const bytes = evaluateDim(size, symbols) << storages[dtype].shift
    return sum + Math.ceil(bytes / scratchAlignment) * scratchAlignment
  }, own)
}

/** Prints items along the last axis, in lanes, from what a counter holds to a limit. */
type Across = (counter: Local, limit: Node, axis: Axis) => void

function printItems(
  kernel: LoopKernel,
  body: readonly Stmt[],
  printer: BodyPrinter,
  begin: Local,
  end: Local,
  across: Across,
): void {
  const { code, f } = printer
  const types = accumulatorTypes(body)
  const last = kernel.parallel.at(-1)
  const lanes = kernel.vector && last !== undefined && laneCost(last, body, [], id => types.get(id)) !== null
  const limit = code.read(end)
  const writes = changes(body)
  const item = f.local('i32')
  code.set(item, code.read(begin))

  if (lanes && kernel.parallel.length === 1) {
    across(item, limit, last)
    return
  }
  const rows = lanes ? kernel.parallel.slice(0, -1) : kernel.parallel
  const counters = rows.map(() => f.local('i32'))
  const column = f.local('i32')

  const decode = (): void => {
    let rest = code.read(item, code.stack.at(-1)!)
    if (lanes) {
      const size = printer.dim(last.size)
      const row = code.div(rest, size)
      code.set(column, code.sub(rest, code.mul(row, size)))
      rest = row
    }
    for (let i = rows.length - 1; i >= 0; i--) {
      const size = printer.dim(rows[i].size)
      code.set(counters[i], i === 0 ? rest : code.mod(rest, size))
      if (i > 0) rest = code.div(rest, size)
    }
  }
  printer.counted(
    item,
    limit,
    lanes ? 0 : 1,
    writes,
    node => {
      const { scope } = code
      rows.forEach((axis, i) => {
        printer.axes.set(axis.id, code.read(counters[i], scope))
      })
      if (!lanes) {
        const more = code.op('i32_lt_s', 'i32', [code.add(node, code.i32(1)), limit])
        printer.item(body, rows.length === 1 ? { axis: rows[0], more } : null)
      } else {
        const from = code.readMutable(column, scope, columnReads)
        const room = code.sub(limit, node)
        const stop = code.min(printer.dim(last.size), code.add(from, room))
        const counter = f.local('i32')
        code.set(counter, from)
        across(counter, stop, last)
        code.set(item, code.add(node, code.sub(stop, code.readMutable(column, scope, columnReads))))
        code.set(column, code.i32(0))
      }
      advance(printer, rows, counters)
    },
    decode,
  )
}

/** Counts the outer axes on by one, the last fastest. */
function advance(printer: BodyPrinter, axes: readonly Axis[], counters: readonly Local[]): void {
  const sizes = axes.map(axis => printer.dim(axis.size))
  const step = (f: FuncBuilder, use: (node: Node) => void, i: number): void => {
    if (i < 0) return
    f.get(counters[i]).i32_const(1).i32_add()
    if (i === 0) {
      f.set(counters[i])
      return
    }
    f.tee(counters[i])
    use(sizes[i])
    f.i32_ge_s().if(() => {
      f.i32_const(0).set(counters[i])
      step(f, use, i - 1)
    })
  }
  printer.code.effect(sizes, (f, use) => step(f, use, axes.length - 1), true)
}
