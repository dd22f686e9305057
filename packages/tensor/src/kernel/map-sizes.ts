// A kernel as a form and its sizes: two kernels of one form are the same text with other numbers in it. `mapSizes` walks every size of a
// kernel in one fixed order, so that the sizes of one can be put in the places of another's.

import { type Dim, dimKey, isConstant } from './dim.ts'
import { type Atom, type Axis, type Index, indexKey, valueIndex } from './index-expr.ts'
import type { Expr, LoopKernel, Stmt } from './ir.ts'
import { withOperands } from './rewrite.ts'

/** What a size may be replaced by: only sizes above 1, since 0 and 1 decide what a kernel looks like. */
export type SizeRule = (size: Dim) => Dim

const signed = (value: number): string | number => (Object.is(value, -0) ? '-0' : value)

/** The kernel with each size replaced, and its form: equal for kernels that differ in constant sizes above 1 and in their names alone. */
export function mapSizes(kernel: LoopKernel, rule: SizeRule): { readonly kernel: LoopKernel; readonly form: string } {
  const form: (string | number)[] = []
  const note = (...parts: (string | number)[]): void => {
    form.push(...parts)
  }
  const axes = new Map<number, { readonly number: number; readonly axis: Axis }>()
  const accumulators = new Map<number, number>()
  const exprs = new Map<Expr, { readonly number: number; readonly expr: Expr }>()

  const size = (d: Dim): Dim => {
    if (!isConstant(d) || Math.abs(d.factor) < 2) {
      note(dimKey(d))
      return d
    }
    note(d.factor < 0 ? '-#' : '#')
    if (d.factor > 0) return rule(d)
    const positive = rule({ factor: -d.factor, symbols: d.symbols, sample: -d.sample })
    return { factor: -positive.factor, symbols: positive.symbols, sample: -positive.sample }
  }
  const accumulator = (id: number): number => {
    let found = accumulators.get(id)
    if (found === undefined) accumulators.set(id, (found = accumulators.size))
    return found
  }
  const axisOf = (axis: Axis): Axis => {
    const known = axes.get(axis.id)
    if (known) {
      note('a', known.number)
      return known.axis
    }
    note('axis')
    const mapped = { number: axes.size, axis: { id: axis.id, size: size(axis.size) } }
    axes.set(axis.id, mapped)
    return mapped.axis
  }
  const atomOf = (atom: Atom): Atom => {
    note(atom.kind)
    switch (atom.kind) {
      case 'axis':
        return { ...atom, axis: axisOf(atom.axis) }
      case 'div':
      case 'mod': {
        const of = indexOf(atom.of)
        const by = size(atom.by)
        return { kind: atom.kind, of, by, key: `(${indexKey(of)})${atom.kind === 'div' ? '/' : '%'}${dimKey(by)}` }
      }
      case 'value': {
        const value = exprOf(atom.value)
        return valueIndex(value).terms[0].atom!
      }
      default:
        return atom satisfies never
    }
  }
  const indexOf = (index: Index): Index => {
    note('(')
    const terms = index.terms.map(({ atom, coef }) => {
      const scale = size(coef)
      return { atom: atom && atomOf(atom), coef: scale }
    })
    note(')')
    return { terms }
  }
  /** What an expression is besides its operands and sizes. */
  const ownOf = (e: Expr): (string | number)[] => {
    switch (e.op) {
      case 'const':
        return [signed(e.value)]
      case 'scalar':
        return [e.slot]
      case 'acc':
        return [accumulator(e.id)]
      case 'load':
        return [e.buffer]
      case 'roundTo':
        return [e.to]
      case 'bounded':
        return [e.by, e.axis]
      default:
        return []
    }
  }
  const exprOf = (e: Expr): Expr => {
    const known = exprs.get(e)
    if (known) {
      note('e', known.number)
      return known.expr
    }
    note(e.op, e.dtype, ...ownOf(e))
    const expr = withOperands(e.op === 'bounded' ? { ...e, size: size(e.size) } : e, { expr: exprOf, index: indexOf })
    note(';')
    exprs.set(e, { number: exprs.size, expr })
    return expr
  }
  const statement = (s: Stmt): Stmt => {
    note(s.kind)
    switch (s.kind) {
      case 'loop': {
        const axis = axisOf(s.axis)
        const end = s.end && indexOf(s.end)
        note(s.reduces.map(accumulator).join(), Number(s.ordered), '{')
        const body = s.body.map(statement)
        note('}')
        return { ...s, axis, end, body }
      }
      case 'declare':
        note(accumulator(s.acc), s.dtype, signed(s.init))
        return s
      case 'update':
        note(accumulator(s.acc), s.op)
        return { ...s, value: exprOf(s.value) }
      case 'store':
        note(s.buffer, s.mode)
        return { ...s, index: indexOf(s.index), value: exprOf(s.value), valid: s.valid && exprOf(s.valid) }
      default:
        return s satisfies never
    }
  }
  const buffers = kernel.buffers.map(b => {
    note(b.dtype, b.access)
    return { ...b, size: size(b.size) }
  })
  note(kernel.scalars.join(), Number(kernel.vector), '|')
  const parallel = kernel.parallel.map(axisOf)
  const scratch = kernel.scratch.map(row => {
    note(row.dtype)
    return { ...row, size: size(row.size) }
  })
  note('|')
  const body = kernel.body.map(statement)
  return { kernel: { ...kernel, buffers, parallel, scratch, body }, form: form.join(' ') }
}
