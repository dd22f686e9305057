// Index arithmetic: every address in a kernel is a sum of `coefficient * atom`. Atoms are loop axes, loaded integers
// (gather), or a quotient or remainder that could not be simplified. Keeping the sum explicit lets printers read
// strides straight off it: a coefficient of 1 on the vector axis is a contiguous load, an absent axis is a splat.

import { type Dim, dim, dimKey, divideDim, isConstant, isDim, mulDim, one, sameDim, sameSymbols } from './dim.ts'
import type { Expr } from './ir.ts'

export interface Axis {
  readonly id: number
  readonly size: Dim
}

export type Atom =
  | { readonly kind: 'axis'; readonly axis: Axis; readonly key: string }
  /** floor(of / by); `of` is never negative */
  | { readonly kind: 'div'; readonly of: Index; readonly by: Dim; readonly key: string }
  | { readonly kind: 'mod'; readonly of: Index; readonly by: Dim; readonly key: string }
  /** an i32 value computed by the kernel, e.g. a loaded index */
  | { readonly kind: 'value'; readonly value: Expr; readonly key: string }

export interface Term {
  /** null: a constant term */
  readonly atom: Atom | null
  readonly coef: Dim
}

/** A sum of terms; at most one term for a pair of atom and symbol set; no zero coefficients. */
export interface Index {
  readonly terms: readonly Term[]
}

export const zeroIndex: Index = { terms: [] }
export const axisIndex = (axis: Axis): Index =>
  isDim(axis.size, 1) ? zeroIndex : { terms: [{ atom: { kind: 'axis', axis, key: `a${axis.id}` }, coef: one }] }
export const dimIndex = (value: Dim): Index => (isDim(value, 0) ? zeroIndex : { terms: [{ atom: null, coef: value }] })

let valueKeys = 0
const keysOfValues = new WeakMap<Expr, string>()
export function valueIndex(value: Expr): Index {
  let key = keysOfValues.get(value)
  if (!key) keysOfValues.set(value, (key = `v${valueKeys++}`))
  return { terms: [{ atom: { kind: 'value', value, key }, coef: one }] }
}

export function addIndex(a: Index, b: Index): Index {
  if (a.terms.length === 0) return b
  if (b.terms.length === 0) return a
  const terms = a.terms.slice()
  for (const term of b.terms) addTerm(terms, term)
  return rejoin(terms)
}

function addTerm(terms: Term[], term: Term): void {
  const at = terms.findIndex(t => t.atom?.key === term.atom?.key && sameSymbols(t.coef, term.coef))
  if (at < 0) {
    terms.push(term)
    return
  }
  const factor = terms[at].coef.factor + term.coef.factor
  if (factor === 0) terms.splice(at, 1)
  else {
    const sample = terms[at].coef.sample + term.coef.sample
    terms[at] = { atom: term.atom, coef: { factor, symbols: term.coef.symbols, sample } }
  }
}

/** c * by * (of / by) + c * (of mod by) = c * of: what a split and a join of the same axis leave behind. */
function rejoin(terms: Term[]): Index {
  for (let i = 0; i < terms.length; i++) {
    const low = terms[i].atom
    if (low?.kind !== 'mod') continue
    // the quotient in its simplest form: (q / a) / b is q / ab
    const high = divIndex(low.of, low.by)
    if (high.terms.length !== 1 || !isDim(high.terms[0].coef, 1)) continue
    const wanted = mulDim(terms[i].coef, low.by)
    const at = terms.findIndex(
      t => t.atom !== null && t.atom.key === high.terms[0].atom?.key && sameDim(t.coef, wanted),
    )
    if (at < 0) continue
    const whole = scaleIndex(low.of, terms[i].coef)
    const rest = terms.filter((_, n) => n !== i && n !== at)
    return addIndex({ terms: rest }, whole)
  }
  return { terms }
}

export function scaleIndex(a: Index, by: Dim): Index {
  if (isDim(by, 1)) return a
  if (isDim(by, 0)) return zeroIndex
  return { terms: a.terms.map(t => ({ atom: t.atom, coef: mulDim(t.coef, by) })) }
}

export const indexKey = (index: Index): string =>
  index.terms
    .map(t => `${dimKey(t.coef)}${t.atom ? `.${t.atom.key}` : ''}`)
    .sort()
    .join('+')

/** The largest value an atom takes, when it is known to be a constant bound; else null. */
function atomBound(atom: Atom): number | null {
  switch (atom.kind) {
    case 'axis':
      return isConstant(atom.axis.size) ? atom.axis.size.factor - 1 : null
    case 'mod':
      return isConstant(atom.by) ? atom.by.factor - 1 : null
    case 'div': {
      const top = indexBound(atom.of)
      return top === null || !isConstant(atom.by) ? null : Math.floor(top / atom.by.factor)
    }
    case 'value':
      return null
    default:
      return atom satisfies never
  }
}

/** The largest value of an index with non-negative constant coefficients; null when unknown. */
export function indexBound(index: Index): number | null {
  let sum = 0
  for (const { atom, coef } of index.terms) {
    if (!isConstant(coef) || coef.factor < 0) return null
    const top = atom ? atomBound(atom) : 1
    if (top === null) return null
    sum += coef.factor * top
  }
  return sum
}

/** True when 0 <= index < by for every value of the atoms (constants, or a single axis of exactly that size). */
function below(index: Index, by: Dim): boolean {
  if (isConstant(by)) {
    const top = indexBound(index)
    if (top !== null) return top < by.factor
  }
  const span = spanOf(index)
  const quotient = span && divideDim(by, span)
  return quotient !== null && quotient.factor >= 1
}

/** A size that an index stays below: of mixed-radix sums, where each atom * coefficient reaches exactly the next coefficient. */
function spanOf(index: Index): Dim | null {
  let span: Dim = one
  const rest = index.terms.slice()
  while (rest.length) {
    const at = rest.findIndex(
      t => t.atom !== null && divideDim(t.coef, span) !== null && isDim(divideDim(t.coef, span)!, 1),
    )
    if (at < 0) return null
    const size = sizeOfAtom(rest[at].atom!)
    if (!size) return null
    span = mulDim(rest[at].coef, size)
    rest.splice(at, 1)
  }
  return span
}

function sizeOfAtom(atom: Atom): Dim | null {
  switch (atom.kind) {
    case 'axis':
      return atom.axis.size
    case 'mod':
      return atom.by
    case 'div': {
      const whole = spanOf(atom.of)
      return whole && divideDim(whole, atom.by)
    }
    case 'value':
      return null
    default:
      return atom satisfies never
  }
}

/** floor(index / by), simplified: terms that `by` divides leave the quotient, a rest below `by` vanishes. */
export function divIndex(index: Index, by: Dim): Index {
  if (isDim(by, 1)) return index
  const [whole, rest] = splitBy(index, by)
  if (rest.terms.length === 0 || below(rest, by)) return whole
  const [more, less] = splitCoefficients(rest, by)
  if (less && below(less, by)) return addIndex(whole, more)
  const only = rest.terms.length === 1 && isDim(rest.terms[0].coef, 1) ? rest.terms[0].atom : null
  if (only?.kind === 'div') return addIndex(whole, divIndex(only.of, mulDim(only.by, by)))
  if (only?.kind === 'mod' && divideDim(only.by, by)) {
    // (q mod ab) / b = (q / b) mod a
    return addIndex(whole, modIndex(divIndex(only.of, by), divideDim(only.by, by)!))
  }
  const joint = splitCommon(rest, by)
  if (joint) return addIndex(whole, divIndex(joint.high, joint.by))
  const key = `(${indexKey(rest)})/${dimKey(by)}`
  return addIndex(whole, { terms: [{ atom: { kind: 'div', of: rest, by, key }, coef: one }] })
}

/** index mod by, simplified in the same way. */
export function modIndex(index: Index, by: Dim): Index {
  if (isDim(by, 1)) return zeroIndex
  const [, rest] = splitBy(index, by)
  if (rest.terms.length === 0 || below(rest, by)) return rest
  const [, less] = splitCoefficients(rest, by)
  if (less && below(less, by)) return less
  const only = rest.terms.length === 1 && isDim(rest.terms[0].coef, 1) ? rest.terms[0].atom : null
  // (q mod ab) mod b = q mod b
  if (only?.kind === 'mod' && divideDim(only.by, by)) return modIndex(only.of, by)
  const joint = splitCommon(rest, by)
  if (joint) return addIndex(scaleIndex(modIndex(joint.high, joint.by), joint.factor), joint.low)
  const key = `(${indexKey(rest)})%${dimKey(by)}`
  return { terms: [{ atom: { kind: 'mod', of: rest, by, key }, coef: one }] }
}

/**
 * index = whole * by + rest, where every term of `rest` is one that `by` does not divide. The rest is never negative where the index is not: 2 a + b - 3
 * by 2 is (a - 2, b + 1), since printers divide without a sign.
 */
function splitBy(index: Index, by: Dim): [Index, Index] {
  const whole: Term[] = []
  const rest: Term[] = []
  for (const term of index.terms) {
    const { atom, coef } = term
    const q = divideDim(coef, by)
    if (q) whole.push({ atom, coef: q })
    else if (coef.factor < 0 && isConstant(coef) && isConstant(by)) {
      const times = Math.floor(coef.factor / by.factor)
      whole.push({ atom, coef: dim(times) })
      rest.push({ atom, coef: dim(coef.factor - times * by.factor) })
    } else rest.push(term)
  }
  if (whole.length && rest.some(t => t.coef.factor < 0)) return [zeroIndex, index]
  return [{ terms: whole }, { terms: rest }]
}

/** 4 a = 3 a + a: the quotient by 3 is a when a < 3. The steps of a diagonal, which would otherwise stay quotients. */
function splitCoefficients({ terms }: Index, by: Dim): [whole: Index, rest: Index | null] {
  if (!isConstant(by) || terms.some(t => !isConstant(t.coef) || t.coef.factor < 0)) return [zeroIndex, null]
  const parts = terms.map(({ atom, coef }) => ({ atom, times: Math.floor(coef.factor / by.factor), coef }))
  if (parts.every(p => p.times === 0)) return [zeroIndex, null]
  const some = (factor: (p: (typeof parts)[number]) => number): Index => ({
    terms: parts.flatMap(p => (factor(p) === 0 ? [] : [{ atom: p.atom, coef: dim(factor(p)) }])),
  })
  return [some(p => p.times), some(p => p.coef.factor - p.times * by.factor)]
}

/**
 * index = factor * high + low and by = factor * (another by), where low is below the factor: it has no part in the quotient, and stays whole in the
 * remainder. The rows and columns of a product whose rows are split again would else be neighbours nowhere.
 */
function splitCommon(index: Index, by: Dim): { high: Index; low: Index; factor: Dim; by: Dim } | null {
  // every number divides 0
  if (isDim(by, 0)) return null
  for (const { coef: factor } of index.terms) {
    // A sign is no factor: it would be taken out again and again.
    const left = factor.factor < 1 || isDim(factor, 1) ? null : divideDim(by, factor)
    if (!left) continue
    const [high, low]: [Term[], Term[]] = [[], []]
    for (const term of index.terms) {
      const coef = divideDim(term.coef, factor)
      if (coef) high.push({ atom: term.atom, coef })
      else low.push(term)
    }
    if (low.length === 0 || below({ terms: low }, factor))
      return { high: { terms: high }, low: { terms: low }, factor, by: left }
  }
  return null
}

/** The coefficient of an axis when the index is linear in it (zero if absent); null when it sits inside a quotient, remainder or value. */
export function strideOf(index: Index, axis: Axis, dependsOn: (value: Expr, axis: Axis) => boolean): Dim[] | null {
  const coefs: Dim[] = []
  for (const { atom, coef } of index.terms) {
    if (!atom) continue
    if (atom.kind === 'axis') {
      if (atom.axis.id === axis.id) coefs.push(coef)
    } else if (atomDepends(atom, axis, dependsOn)) return null
  }
  return coefs
}

export function indexDepends(index: Index, axis: Axis, dependsOn: (value: Expr, axis: Axis) => boolean): boolean {
  return index.terms.some(t => t.atom !== null && atomDepends(t.atom, axis, dependsOn))
}

function atomDepends(atom: Atom, axis: Axis, dependsOn: (value: Expr, axis: Axis) => boolean): boolean {
  switch (atom.kind) {
    case 'axis':
      return atom.axis.id === axis.id
    case 'div':
    case 'mod':
      return indexDepends(atom.of, axis, dependsOn)
    case 'value':
      return dependsOn(atom.value, axis)
    default:
      return atom satisfies never
  }
}

/** Replaces axes by other indices, rebuilding quotients and remainders so that they simplify again. */
export function substitute(index: Index, axes: ReadonlyMap<number, Index>, inValue: (value: Expr) => Expr): Index {
  let out = zeroIndex
  for (const { atom, coef } of index.terms) {
    let part: Index
    if (!atom) part = { terms: [{ atom: null, coef: one }] }
    else if (atom.kind === 'axis') part = axes.get(atom.axis.id) ?? { terms: [{ atom, coef: one }] }
    else if (atom.kind === 'div') part = divIndex(substitute(atom.of, axes, inValue), atom.by)
    else if (atom.kind === 'mod') part = modIndex(substitute(atom.of, axes, inValue), atom.by)
    else part = valueIndex(inValue(atom.value))
    out = addIndex(out, scaleIndex(part, coef))
  }
  return out
}
