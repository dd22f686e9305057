// What an expression is computed from, and what its value hangs on: loop axes, accumulators, buffers. Decides what a printer may keep in a
// variable past an update or a store, and what may move in front of a loop.

import type { Index } from './index-expr.ts'
import type { Expr, Stmt } from './ir.ts'

export interface Dependencies {
  readonly axes: ReadonlySet<number>
  readonly accumulators: ReadonlySet<number>
  readonly buffers: ReadonlySet<number>
}

interface Growing {
  readonly axes: Set<number>
  readonly accumulators: Set<number>
  readonly buffers: Set<number>
}

const empty = (): Growing => ({ axes: new Set(), accumulators: new Set(), buffers: new Set() })
const known = new WeakMap<Expr, Dependencies>()

export function dependencies(e: Expr): Dependencies {
  const before = known.get(e)
  if (before) return before
  for (const x of inOrder(e, child => known.has(child))) known.set(x, ownDependencies(x))
  return known.get(e)!
}

function ownDependencies(e: Expr): Dependencies {
  const found = empty()
  if (e.op === 'acc') found.accumulators.add(e.id)
  if (e.op === 'load') found.buffers.add(e.buffer)
  if (e.op === 'load' || e.op === 'index') merge(found, indexDependencies(e.index))
  for (const child of children(e)) merge(found, dependencies(child))
  return found
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
  const found = empty()
  for (const { atom } of index.terms) {
    if (atom?.kind === 'axis') found.axes.add(atom.axis.id)
    else if (atom?.kind === 'value') merge(found, dependencies(atom.value))
    else if (atom) merge(found, indexDependencies(atom.of))
  }
  return found
}

/** The expressions that `e` is computed from, those inside its index included. */
export function children(e: Expr): readonly Expr[] {
  if (e.op === 'load') return e.valid ? [...indexValues(e.index), e.valid] : indexValues(e.index)
  if (e.op === 'index') return indexValues(e.index)
  return 'args' in e ? e.args : []
}

export function indexValues(index: Index): Expr[] {
  return index.terms.flatMap(({ atom }) =>
    atom?.kind === 'value' ? [atom.value] : atom?.kind === 'div' || atom?.kind === 'mod' ? indexValues(atom.of) : [],
  )
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
  const found = empty()
  for (const s of statementsOf(body)) {
    if (s.kind === 'loop') found.axes.add(s.axis.id)
    else if (s.kind === 'store') found.buffers.add(s.buffer)
    else found.accumulators.add(s.acc)
  }
  return found
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
export function roots(s: Stmt): Expr[] {
  switch (s.kind) {
    case 'loop':
      return s.end ? indexValues(s.end) : []
    case 'declare':
      return []
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
  for (const s of statementsOf(body))
    for (const root of roots(s))
      if (!seen.has(root))
        for (const e of inOrder(root, x => seen.has(x))) {
          seen.add(e)
          see(e)
        }
}

export const overlap = (a: Dependencies, b: Dependencies): boolean =>
  !(
    a.axes.isDisjointFrom(b.axes) &&
    a.accumulators.isDisjointFrom(b.accumulators) &&
    a.buffers.isDisjointFrom(b.buffers)
  )

function merge(into: Growing, from: Dependencies): void {
  from.axes.forEach(x => void into.axes.add(x))
  from.accumulators.forEach(x => void into.accumulators.add(x))
  from.buffers.forEach(x => void into.buffers.add(x))
}
