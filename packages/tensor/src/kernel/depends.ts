// What an expression is computed from, and what its value hangs on: loop axes, accumulators, buffers. Decides what a printer may keep in a
// variable past an update or a store, and what may move in front of a loop.

import type { Index } from './index-expr.ts'
import type { Expr, Stmt } from './ir.ts'

export interface Dependencies {
  readonly axes: ReadonlySet<number>
  readonly accumulators: ReadonlySet<number>
  readonly buffers: ReadonlySet<number>
}

const nothing: Dependencies = { axes: new Set(), accumulators: new Set(), buffers: new Set() }
const known = new WeakMap<Expr, Dependencies>()

export function dependencies(e: Expr): Dependencies {
  const before = known.get(e)
  if (before) return before
  for (const x of inOrder(e, child => known.has(child))) known.set(x, ownDependencies(x))
  return known.get(e)!
}

function ownDependencies(e: Expr): Dependencies {
  let found = nothing
  if (e.op === 'acc') found = { ...nothing, accumulators: new Set([e.id]) }
  if (e.op === 'load') found = { ...nothing, buffers: new Set([e.buffer]) }
  if (e.op === 'load' || e.op === 'index') found = both(found, indexDependencies(e.index))
  return children(e).reduce((sum, child) => both(sum, dependencies(child)), found)
}

/** Most expressions hang on what one operand hangs on, and share it. */
function both(a: Dependencies, b: Dependencies): Dependencies {
  if (a === nothing || a === b) return b
  if (b === nothing) return a
  return {
    axes: a.axes.union(b.axes),
    accumulators: a.accumulators.union(b.accumulators),
    buffers: a.buffers.union(b.buffers),
  }
}

/** `e` and what it is computed from, each once and after its own children; `done` ones and what is below them left out. */
export function inOrder(e: Expr, done: (e: Expr) => boolean): Expr[] {
  // no recursion: chains of thousands of operations are legal
  const order = new Set<Expr>()
  const opened = new Set<Expr>()
  const stack = [e]
  while (stack.length > 0) {
    const top = stack.at(-1)!
    if (opened.has(top)) {
      stack.pop()
      order.add(top)
      continue
    }
    opened.add(top)
    for (const child of children(top)) if (!opened.has(child) && !done(child)) stack.push(child)
  }
  return [...order]
}

export function indexDependencies(index: Index): Dependencies {
  let found = nothing
  for (const { atom } of index.terms) {
    if (atom?.kind === 'axis') found = both(found, { ...nothing, axes: new Set([atom.axis.id]) })
    else if (atom?.kind === 'value') found = both(found, dependencies(atom.value))
    else if (atom) found = both(found, indexDependencies(atom.of))
  }
  return found
}

/** The expressions that `e` is computed from, those inside its index included. */
export function children(e: Expr): readonly Expr[] {
  if (e.op !== 'load' && e.op !== 'index') return 'args' in e ? e.args : none
  const values = indexValues(e.index)
  return e.op === 'load' && e.valid ? [...values, e.valid] : values
}

const none: readonly Expr[] = []

export function indexValues(index: Index): readonly Expr[] {
  let found = none
  for (const { atom } of index.terms)
    if (atom && atom.kind !== 'axis') found = found.concat(atom.kind === 'value' ? [atom.value] : indexValues(atom.of))
  return found
}

/** The statements of a body at any depth, each before those inside of it. */
export function* statementsOf(body: readonly Stmt[]): Generator<Stmt> {
  for (const s of body) {
    yield s
    if (s.kind === 'loop') yield* statementsOf(s.body)
  }
}

/** What running `body` changes: axes it iterates, accumulators it declares or updates, buffers it stores to. */
export function changes(body: readonly Stmt[]): Dependencies {
  const [axes, accumulators, buffers] = [new Set<number>(), new Set<number>(), new Set<number>()]
  for (const s of statementsOf(body)) {
    if (s.kind === 'loop') axes.add(s.axis.id)
    else if (s.kind === 'store') buffers.add(s.buffer)
    else accumulators.add(s.acc)
  }
  return { axes, accumulators, buffers }
}

/** The buffers that running `body` reads. */
export function reads(body: readonly Stmt[]): Set<number> {
  const found = new Set<number>()
  const see = (e: Expr): void => dependencies(e).buffers.forEach(b => void found.add(b))
  for (const s of statementsOf(body)) {
    if (s.kind === 'store' && s.mode !== 'set') found.add(s.buffer)
    roots(s).forEach(see)
  }
  return found
}

/** The expressions that a statement evaluates itself, those of an inner body not included. */
export function roots(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case 'loop':
      return s.end ? indexValues(s.end) : none
    case 'declare':
      return none
    case 'update':
      return [s.value]
    case 'store':
      return [...indexValues(s.index), s.value, ...(s.valid ? [s.valid] : [])]
    default:
      return s satisfies never
  }
}

/** Calls `see` once for each expression of a body, operands first. */
export function eachExpr(body: readonly Stmt[], see: (e: Expr) => void): void {
  const seen = new Set<Expr>()
  const visit = (e: Expr): void => {
    if (seen.has(e)) return
    seen.add(e)
    for (const child of children(e)) visit(child)
    see(e)
  }
  for (const s of statementsOf(body)) roots(s).forEach(visit)
}

export const overlap = (a: Dependencies, b: Dependencies): boolean =>
  !(
    a.axes.isDisjointFrom(b.axes) &&
    a.accumulators.isDisjointFrom(b.accumulators) &&
    a.buffers.isDisjointFrom(b.buffers)
  )
