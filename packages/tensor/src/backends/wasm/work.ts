// How much work an item of a kernel is, in units of about a nanosecond on one thread: decides how items are cut among
// threads. An estimate that is off by a factor of three still cuts well.

import { type Dim, evaluateDim } from '../../kernel/dim.ts'
import type { Expr, LoopKernel, Stmt } from '../../kernel/ir.ts'

/** Operations that stand for long sequences. */
const costs: Partial<Record<Expr['op'], number>> = {
  exp: 20,
  log: 25,
  log1p: 30,
  expm1: 25,
  sin: 30,
  cos: 30,
  tan: 40,
  tanh: 45,
  erf: 50,
  pow: 120,
  atan2: 45,
  div: 4,
  mod: 20,
  sqrt: 4,
  rsqrt: 8,
  reciprocal: 4,
}

interface Part {
  readonly cost: number
  readonly loops: readonly Dim[]
}

/** Parts of the cost of an item, each under its loops; found once, evaluated for the sizes of a launch. */
export function workOf(kernel: LoopKernel): (symbols: ArrayLike<number>) => number {
  const parts: Part[] = []
  const seen = new Set<Expr>()
  const visit = (e: Expr): number => {
    if (seen.has(e)) return 0
    seen.add(e)
    let cost = costs[e.op] ?? 1
    if (e.op === 'load') cost = 2 + (e.valid ? 2 + visit(e.valid) : 0)
    else if ('args' in e) for (const a of e.args) cost += visit(a)
    return cost
  }
  const see = (body: readonly Stmt[], loops: readonly Dim[]): void => {
    let cost = 1
    for (const s of body) {
      if (s.kind === 'loop') see(s.body, [...loops, s.axis.size])
      else if (s.kind === 'update') cost += 1 + visit(s.value)
      else if (s.kind === 'store') cost += 2 + visit(s.value) + (s.valid ? visit(s.valid) : 0)
    }
    parts.push({ cost, loops })
  }
  see(kernel.body, [])
  // four lanes and about three instructions a nanosecond
  return symbols =>
    parts.reduce((sum, { cost, loops }) => sum + loops.reduce((p, d) => p * evaluateDim(d, symbols), cost), 0) / 8
}

/** A chunk should be at least this long; waking another thread costs about half a microsecond. */
const chunkNanoseconds = 4000

/**
 * The fewest items worth a chunk. Chunks of a kernel that runs in lanes are multiples of 64 items, so that they begin at
 * cache lines and have no tails.
 */
export function grainOf(items: number, work: number, vector: boolean): number {
  const fewest = Math.max(1, Math.ceil(chunkNanoseconds / Math.max(work, 0.05)))
  const grain = vector ? Math.ceil(fewest / 64) * 64 : fewest
  return Math.max(1, Math.min(grain, items))
}
