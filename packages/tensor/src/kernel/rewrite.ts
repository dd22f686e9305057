// Rewrites the expressions of a kernel, bottom up, keeping what they share shared and what does not change identical.

import {
  addIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  substitute,
  valueIndex,
  zeroIndex,
} from './index-expr.ts'
import type { Expr, LoopKernel, MatmulKernel, Stmt } from './ir.ts'

export interface Rewriter {
  expr(e: Expr): Expr
  index(index: Index): Index
  body(body: readonly Stmt[]): readonly Stmt[]
}

/** Statements with their expressions and indices rewritten. */
function statements({ expr, index }: Pick<Rewriter, 'expr' | 'index'>): Rewriter['body'] {
  const statement = (s: Stmt): Stmt => {
    switch (s.kind) {
      case 'loop':
        return { ...s, end: s.end && index(s.end), body: s.body.map(statement) }
      case 'declare':
        return s
      case 'update':
        return { ...s, value: expr(s.value) }
      case 'store':
        return { ...s, index: index(s.index), value: expr(s.value), valid: s.valid && expr(s.valid) }
      default:
        return s satisfies never
    }
  }
  return body => body.map(statement)
}

/** e with other operands and, where it has one, another index; itself where they are its own. */
export function withOperands(e: Expr, { expr, index }: Pick<Rewriter, 'expr' | 'index'>): Expr {
  switch (e.op) {
    case 'const':
    case 'scalar':
    case 'acc':
      return e
    case 'load': {
      const at = index(e.index)
      const valid = e.valid && expr(e.valid)
      return at === e.index && valid === e.valid ? e : { ...e, index: at, valid }
    }
    case 'index': {
      const at = index(e.index)
      return at === e.index ? e : { ...e, index: at }
    }
    default: {
      const args = e.args.map(expr)
      return args.every((a, i) => a === e.args[i]) ? e : ({ ...e, args } as unknown as Expr)
    }
  }
}

/** `rule` sees each expression once, its operands already rewritten; `toIndex` makes an index, given what rewrites the values inside. */
function make(rule: (e: Expr) => Expr, toIndex: (at: Index, expr: Rewriter['expr']) => Index): Rewriter {
  const done = new Map<Expr, Expr>()
  const expr = (e: Expr): Expr => {
    let found = done.get(e)
    if (!found) done.set(e, (found = rule(withOperands(e, both))))
    return found
  }
  const both = { expr, index: (at: Index) => toIndex(at, expr) }
  return { ...both, body: statements(both) }
}

/** `rule` sees each expression once, its operands already rewritten. */
export const rewriter = (rule: (e: Expr) => Expr): Rewriter => make(rule, withValues)

function withValues(at: Index, expr: Rewriter['expr']): Index {
  if (!at.terms.some(t => t.atom !== null && t.atom.kind !== 'axis')) return at
  let changed = false
  let sum = zeroIndex
  for (const term of at.terms) {
    const { atom, coef } = term
    let part: Index = { terms: [term] }
    if (atom?.kind === 'value') {
      const value = expr(atom.value)
      if (value !== atom.value) {
        changed = true
        part = scaleIndex(valueIndex(value), coef)
      }
    } else if (atom?.kind === 'div' || atom?.kind === 'mod') {
      const of = withValues(atom.of, expr)
      if (of !== atom.of) {
        changed = true
        part = scaleIndex(atom.kind === 'div' ? divIndex(of, atom.by) : modIndex(of, atom.by), coef)
      }
    }
    sum = addIndex(sum, part)
  }
  return changed ? sum : at
}

/** Axes replaced by indices, in expressions and statements alike. @param see is given each index and what it became */
export const replacer = (axes: ReadonlyMap<number, Index>, see?: (before: Index, after: Index) => void): Rewriter =>
  make(
    e => e,
    (at, expr) => {
      const out = substitute(at, axes, expr)
      see?.(at, out)
      return out
    },
  )

export function rewriteKernel<K extends LoopKernel | MatmulKernel>(kernel: K, rule: (e: Expr) => Expr): K {
  return { ...kernel, body: rewriter(rule).body(kernel.body) }
}
