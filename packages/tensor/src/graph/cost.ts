// What a launch costs at least, counted from its kernel: bytes that have to move and arithmetic that has to be done. A profile sets the time
// beside it. Each element of memory counts once for each kernel that touches it, however often its loops come back to it.

import { bytesOf } from '../dtype.ts'
import { evaluateDim } from '../kernel/dim.ts'
import type { Axis, Index } from '../kernel/index-expr.ts'
import type { Expr, Kernel, Stmt } from '../kernel/ir.ts'
import { type Launch, type Part, partsOf, symbolsOfPart } from '../kernel/launch.ts'

export interface Cost {
  readonly bytes: number
  /** additions, multiplications and other operations on numbers; a fused multiply-add is two */
  readonly flops: number
}

export function costOf(launch: Launch, symbols: ArrayLike<number>): Cost {
  const parts = partsOf(launch).map(part => costOfPart(launch.kernel, part, symbols))
  return { bytes: parts.reduce((n, c) => n + c.bytes, 0), flops: parts.reduce((n, c) => n + c.flops, 0) }
}

/** Operations that are no arithmetic: memory, constants, positions, the same bits under another name. */
const free: ReadonlySet<Expr['op']> = new Set([
  'const',
  'scalar',
  'load',
  'index',
  'acc',
  'bitcast',
  'cast',
  'roundTo',
  'bounded',
])

function costOfPart(kernel: Kernel, part: Part, symbols: ArrayLike<number>): Cost {
  const own = symbolsOfPart(part, symbols)
  if (kernel.kind === 'custom') {
    // a text of the user's: what it computes is not known
    const bytes = kernel.buffers.map(b => bytesOf(b.dtype) * evaluateDim(b.size, own))
    return { bytes: bytes.reduce((a, b) => a + b, 0), flops: 0 }
  }
  const sizeOf = (axis: Axis): number => evaluateDim(axis.size, own)
  const runs = (axes: Iterable<Axis>): number => [...axes].reduce((n, axis) => n * sizeOf(axis), 1)
  /** elements of each buffer loaded and stored, by the places that are met */
  const touched = kernel.buffers.map(() => ({ read: new Map<string, number>(), write: new Map<string, number>() }))
  let flops = 0

  const meet = (buffer: number, how: 'read' | 'write', index: Index): void => {
    // scratch rows are numbered after the buffers, and stay in the cache
    if (buffer >= touched.length) return
    const axes = new Map<number, Axis>()
    axesOf(index, axes)
    touched[buffer][how].set(JSON.stringify(index.terms.map(t => [t.coef.factor, t.atom?.key])), runs(axes.values()))
  }
  const see = (e: Expr, around: number, seen: Set<Expr>): void => {
    if (seen.has(e)) return
    seen.add(e)
    if (!free.has(e.op)) flops += around * (e.op === 'fma' ? 2 : 1)
    if (e.op === 'load') {
      meet(e.buffer, 'read', e.index)
      if (e.valid) see(e.valid, around, seen)
      eachValue(e.index, value => see(value, around, seen))
    } else if (e.op === 'index') eachValue(e.index, value => see(value, around, seen))
    else if ('args' in e) for (const arg of e.args) see(arg, around, seen)
  }
  const walk = (body: readonly Stmt[], around: number): void => {
    const seen = new Set<Expr>()
    for (const s of body) {
      if (s.kind === 'loop') walk(s.body, around * sizeOf(s.axis))
      else if (s.kind === 'update') {
        flops += around
        see(s.value, around, seen)
      } else if (s.kind === 'store') {
        see(s.value, around, seen)
        if (s.valid) see(s.valid, around, seen)
        eachValue(s.index, value => see(value, around, seen))
        meet(s.buffer, 'write', s.index)
        if (s.mode !== 'set') meet(s.buffer, 'read', s.index)
      }
    }
  }
  if (kernel.kind === 'matmul') {
    const products = runs([...kernel.batch, kernel.m, kernel.n])
    flops += 2 * products * sizeOf(kernel.k)
    meet(kernel.a.buffer, 'read', kernel.a.index)
    meet(kernel.b.buffer, 'read', kernel.b.index)
    walk(kernel.body, products)
  } else if (kernel.kind === 'attention') {
    // scores and their mix, counted in full where a mask would skip some; the gradients make five products of the two
    const { batch, head, group, query, key, width, out } = kernel.axes
    const pairs = runs([batch, head, group, query, key])
    const [w, o] = [sizeOf(width), sizeOf(out)]
    flops += 2 * pairs * (kernel.pass === 'forward' ? w + o : 3 * w + 2 * o)
    for (const place of Object.values(kernel.operands)) if (place) meet(place.buffer, 'read', place.index)
    for (const place of Object.values(kernel.results)) if (place) meet(place.buffer, 'write', place.index)
  } else walk(kernel.body, runs(kernel.parallel))

  let bytes = 0
  kernel.buffers.forEach(({ dtype, size }, i) => {
    const most = evaluateDim(size, own)
    for (const places of [touched[i].read, touched[i].write])
      bytes +=
        bytesOf(dtype) *
        Math.min(
          most,
          [...places.values()].reduce((a, b) => a + b, 0),
        )
  })
  return { bytes, flops }
}

/** The axes that an index goes along, also inside of indices that are loaded. Values are graphs (a binary search): each is seen once. */
function axesOf(index: Index, found: Map<number, Axis>, seen = new Set<Expr>()): void {
  for (const { atom } of index.terms) {
    if (atom?.kind === 'axis') found.set(atom.axis.id, atom.axis)
    else if (atom?.kind === 'div' || atom?.kind === 'mod') axesOf(atom.of, found, seen)
    else if (atom?.kind === 'value') axesIn(atom.value, found, seen)
  }
}
function axesIn(e: Expr, found: Map<number, Axis>, seen: Set<Expr>): void {
  if (seen.has(e)) return
  seen.add(e)
  if (e.op === 'load' || e.op === 'index') axesOf(e.index, found, seen)
  else if ('args' in e) for (const arg of e.args) axesIn(arg, found, seen)
}

function eachValue(index: Index, visit: (value: Expr) => void): void {
  for (const { atom } of index.terms) {
    if (atom?.kind === 'value') visit(atom.value)
    else if (atom?.kind === 'div' || atom?.kind === 'mod') eachValue(atom.of, visit)
  }
}
