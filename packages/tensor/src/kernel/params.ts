// The parameter block of a launch: which runtime sizes and scalars a kernel needs, and where each lies.
// Printers and the launch code both derive it from the kernel here, so they cannot disagree.

import { bytesOf } from '../dtype.ts'
import { eachExpr, statementsOf } from './depends.ts'
import { type Dim, dimKey, isConstant } from './dim.ts'
import type { Axis, Index } from './index-expr.ts'
import { type Bounded, type Kernel, placesOf, type Stmt } from './ir.ts'

/** What a kernel's text mentions that it does not contain, once each, in a fixed order. */
interface Mentioned {
  readonly dims: readonly Dim[]
  readonly checks: readonly Bounded[]
}

function mentionedBy(kernel: Kernel): Mentioned {
  const found = new Map<string, Dim>()
  const checks = new Map<string, Bounded>()
  const see = (d: Dim) => {
    if (!isConstant(d)) found.set(dimKey(d), found.get(dimKey(d)) ?? d)
  }
  const seeAxis = (axis: Axis) => see(axis.size)
  const seeIndex = (index: Index) => {
    for (const { atom, coef } of index.terms) {
      see(coef)
      if (atom?.kind === 'div' || atom?.kind === 'mod') {
        see(atom.by)
        seeIndex(atom.of)
      }
    }
  }
  const seeBody = (body: readonly Stmt[]) => {
    for (const s of statementsOf(body)) {
      if (s.kind === 'loop') {
        seeAxis(s.axis)
        if (s.end) seeIndex(s.end)
      } else if (s.kind === 'store') seeIndex(s.index)
    }
    eachExpr(body, e => {
      if (e.op === 'load' || e.op === 'index') seeIndex(e.index)
      if (e.op !== 'bounded') return
      see(e.size)
      const key = checkKey(e)
      if (!checks.has(key)) checks.set(key, e)
    })
  }
  kernel.buffers.forEach(b => see(b.size))
  if (kernel.kind === 'loop') {
    kernel.parallel.forEach(seeAxis)
    kernel.scratch.forEach(s => see(s.size))
  } else if (kernel.kind === 'custom') {
    for (const { shape } of kernel.operands) shape.forEach(see)
    kernel.items.forEach(see)
    return { dims: [...found.values()], checks: [] }
  } else if (kernel.kind === 'matmul') {
    for (const axis of [...kernel.batch, kernel.m, kernel.n, kernel.k]) seeAxis(axis)
    seeIndex(kernel.a.index)
    seeIndex(kernel.b.index)
  } else {
    Object.values(kernel.axes).forEach(seeAxis)
    for (const { index } of placesOf(kernel)) seeIndex(index)
  }
  if (kernel.kind !== 'attention') seeBody(kernel.body)
  return { dims: [...found.values()], checks: [...checks.values()] }
}

/** Indices that are checked alike share a word. */
const checkKey = ({ by, axis, size }: Bounded): string => `${by} ${axis} ${dimKey(size)}`

/**
 * 4-byte words: buffers (WASM: addresses; unused words on WebGPU are simply not written), then dims (u32), then scalars (f64 and i64 take two
 * words), then what the kernel says of indices outside of their axis.
 */
export interface ParamLayout {
  readonly dims: readonly Dim[]
  /** word of a runtime dim, by `dimKey` */
  readonly dimWord: ReadonlyMap<string, number>
  readonly scalarWord: readonly number[]
  /** the word that becomes an index that is outside, for each kind of check */
  readonly checks: readonly { readonly check: Bounded; readonly word: number }[]
  readonly checkWord: (check: Bounded) => number
  readonly words: number
}

export function paramLayout(kernel: Kernel): ParamLayout {
  const { dims, checks: found } = mentionedBy(kernel)
  let word = kernel.buffers.length
  const dimWord = new Map(dims.map(d => [dimKey(d), word++] as const))
  const scalarWord = kernel.scalars.map(dtype => {
    const words = dtype === 'bool' ? 1 : bytesOf(dtype) / 4
    if (words === 2 && word % 2) word++
    const at = word
    word += words
    return at
  })
  const checks = found.map(check => ({ check, word: word++ }))
  const byKey = new Map(checks.map(({ check, word }) => [checkKey(check), word]))
  return { dims, dimWord, scalarWord, checks, checkWord: check => byKey.get(checkKey(check))!, words: word }
}
