// A rough count of the operations of a launch, to cut long programs into submits. Only ratios matter.

import { inOrder, roots } from '../../kernel/depends.ts'
import type { Dim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { Expr, Kernel, Stmt } from '../../kernel/ir.ts'

/** A sum of `operations * product of sizes`. */
export type Work = readonly { readonly operations: number; readonly sizes: readonly Dim[] }[]

export function workOf(kernel: Kernel): Work {
  // what a user's text does for an item is not known: as much as an expression of some length
  if (kernel.kind === 'custom') return [{ operations: 100, sizes: kernel.items }]
  const terms: { operations: number; sizes: Dim[] }[] = []
  const visit = (body: readonly Stmt[], sizes: Dim[]): void => {
    const seen = new Set<Expr>()
    const count = (root: Expr): void => {
      if (!seen.has(root)) for (const e of inOrder(root, x => seen.has(x))) seen.add(e)
    }
    for (const s of body) {
      roots(s).forEach(count)
      if (s.kind === 'loop') visit(s.body, [...sizes, s.axis.size])
    }
    terms.push({ operations: body.length + seen.size, sizes })
  }
  if (kernel.kind === 'attention') {
    const { key, width, out, ...rows } = kernel.axes
    const sizes = [...Object.values(rows), key].map(axis => axis.size)
    return [width, out].map(axis => ({ operations: 2, sizes: [...sizes, axis.size] }))
  }
  const axes: readonly Axis[] = kernel.kind === 'loop' ? kernel.parallel : [...kernel.batch, kernel.m, kernel.n]
  const sizes = axes.map(axis => axis.size)
  visit(kernel.body, sizes)
  if (kernel.kind === 'matmul') terms.push({ operations: 1, sizes: [...sizes, kernel.k.size] })
  return terms
}

export const evaluateWork = (work: Work, size: (d: Dim) => number): number =>
  work.reduce((sum, { operations, sizes }) => sum + sizes.reduce((n, d) => n * size(d), operations), 0)
