// Einstein summation over any number of operands (numpy.einsum, torch.einsum): each pair is contracted as one batched matrix product, in an
// order that keeps the intermediate values small. Derivatives come with the views and products it is made of.

import { promote } from '../dtype.ts'
import { listed, ShapeError } from '../errors.ts'
import { normalizeAxis, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast } from './build.ts'
import { matmul } from './matmul.ts'

/** A tensor with a name for each of its axes; no name twice. */
interface Term {
  readonly names: readonly string[]
  readonly value: Tensor
}

/**
 * `einsum('bij,bjk->bik', a, b)`: axes with one name go together, and names that the result does not have are summed over. Without `->` the
 * result has the names that occur once, in alphabetical order. `...` stands for axes that broadcast; a name twice in an operand is its diagonal.
 * @returns the dtype that the operands promote to
 * @throws ShapeError for an equation that does not fit the operands
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const { inputs, output } = parse(equation, operands)
  const dtype = operands.map(x => x.dtype).reduce(promote)
  const sizes = sizesOf(equation, inputs, operands)
  for (const name of output)
    if (!sizes.has(name))
      throw new ShapeError('einsum', `no operand has the '${shown(name)}' of the result in '${equation}'`)
  let terms: Term[] = operands.map((x, i) => uniqueNames(cast(x, dtype), inputs[i]))
  const others = (...left: readonly Term[]): Set<string> =>
    new Set([...output, ...terms.filter(t => !left.includes(t)).flatMap(t => t.names)])
  terms = terms.map(t => summed(stretched(t, sizes), others(t)))
  while (terms.length > 1) {
    const [a, b] = cheapest(terms, others, sizes)
    const product = contract(a, b, others(a, b), sizes)
    terms = [...terms.filter(t => t !== a && t !== b), product]
  }
  const [{ names, value }] = terms
  return value.permute(output.map(name => names.indexOf(name)))
}

const shown = (name: string): string => (name.startsWith('.') ? '...' : name)

interface Equation {
  readonly inputs: readonly (readonly string[])[]
  readonly output: readonly string[]
}

/** Names of the axes of each operand; those that an ellipsis stands for are `.0` (the last), `.1` (the one before) ... */
function parse(equation: string, operands: readonly Tensor[]): Equation {
  const [left, right, ...more] = equation.replaceAll(/\s/g, '').split('->')
  const parts = left.split(',')
  if (more.length) throw new ShapeError('einsum', `'${equation}' has more than one '->'`)
  if (operands.length === 0 || parts.length !== operands.length)
    throw new ShapeError('einsum', `'${equation}' names ${parts.length} operands`, { operands: operands.length })
  let broadcast = 0
  const inputs = parts.map((part, i) => {
    const { before, after, ellipsis } = namesIn(equation, part)
    const rest = operands[i].ndim - before.length - after.length
    if (rest < 0 || (rest > 0 && !ellipsis))
      throw new ShapeError('einsum', `'${part}' does not name the axes of operand ${i}`, {
        shape: [...operands[i].shape],
      })
    broadcast = Math.max(broadcast, rest)
    return [...before, ...ellipsisNames(rest), ...after]
  })
  if (right === undefined) {
    const letters = inputs.flat().filter(name => !name.startsWith('.'))
    const once = letters.filter(name => letters.indexOf(name) === letters.lastIndexOf(name))
    return { inputs, output: [...ellipsisNames(broadcast), ...once.sort()] }
  }
  const { before, after, ellipsis } = namesIn(equation, right)
  const output = [...before, ...(ellipsis ? ellipsisNames(broadcast) : []), ...after]
  if (new Set(output).size < output.length)
    throw new ShapeError('einsum', `the result of '${equation}' has a name twice`)
  return { inputs, output }
}

const ellipsisNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `.${count - 1 - i}`)

function namesIn(equation: string, part: string): { before: string[]; after: string[]; ellipsis: boolean } {
  const [before, after, ...more] = part.split('...')
  if (more.length || !/^[A-Za-z]*$/.test(before + (after ?? '')))
    throw new ShapeError('einsum', `'${part}' in '${equation}' is not made of letters and at most one '...'`)
  return { before: [...before], after: [...(after ?? '')], ellipsis: after !== undefined }
}

function sizesOf(
  equation: string,
  inputs: readonly (readonly string[])[],
  operands: readonly Tensor[],
): Map<string, number> {
  const sizes = new Map<string, number>()
  inputs.forEach((names, i) => {
    names.forEach((name, d) => {
      const size = operands[i].shape[d]
      const known = sizes.get(name)
      // axes of size 1 stretch, as in torch
      if (known === undefined || known === 1) sizes.set(name, size)
      else if (size !== known && size !== 1)
        throw new ShapeError('einsum', `'${shown(name)}' of '${equation}' has two sizes`, { sizes: [known, size] })
    })
  })
  return sizes
}

/** A name twice is a diagonal. */
function uniqueNames(x: Tensor, given: readonly string[]): Term {
  let [value, names] = [x, given]
  for (;;) {
    const second = names.findIndex((name, d) => names.indexOf(name) < d)
    if (second < 0) return { names, value }
    const first = names.indexOf(names[second])
    const name = names[first]
    const size = Math.max(value.shape[first], value.shape[second])
    const square = value.expand(value.shape.map((n, d) => (d === first || d === second ? size : n)))
    value = square.diagonal(0, first, second)
    names = [...names.filter((_, d) => d !== first && d !== second), name]
  }
}

/** An axis of size 1 of a name that is longer elsewhere is left to broadcasting: it is dropped, since every place of it is the same. */
function stretched({ names, value }: Term, sizes: ReadonlyMap<string, number>): Term {
  const thin = names.flatMap((name, d) => (value.shape[d] === 1 && sizes.get(name) !== 1 ? [d] : []))
  if (thin.length === 0) return { names, value }
  return {
    names: names.filter((_, d) => !thin.includes(d)),
    value: value.reshape(value.shape.filter((_, d) => !thin.includes(d))),
  }
}

/** Sums over what nobody else has. */
function summed({ names, value }: Term, wanted: ReadonlySet<string>): Term {
  const over = names.flatMap((name, d) => (wanted.has(name) ? [] : [d]))
  return over.length === 0
    ? { names, value }
    : { names: names.filter(name => wanted.has(name)), value: value.sum(over) }
}

/** The pair whose product is smallest beside what it replaces; of equal ones that with the fewest multiplications. */
function cheapest(
  terms: readonly Term[],
  others: (...left: readonly Term[]) => ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): readonly [Term, Term] {
  const elements = (names: Iterable<string>): number => [...names].reduce((n, name) => n * sizes.get(name)!, 1)
  let best: readonly [Term, Term] | null = null
  let least: readonly [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  terms.forEach((a, i) => {
    for (const b of terms.slice(i + 1)) {
      const all = new Set([...a.names, ...b.names])
      const wanted = others(a, b)
      const grows = elements([...all].filter(name => wanted.has(name))) - elements(a.names) - elements(b.names)
      const cost = [grows, elements(all)] as const
      if (cost[0] < least[0] || (cost[0] === least[0] && cost[1] < least[1])) [best, least] = [[a, b], cost]
    }
  })
  return best!
}

/** Two terms as one: names in both are batches where they are wanted further on, and summed over where they are not. */
function contract(a: Term, b: Term, wanted: ReadonlySet<string>, sizes: ReadonlyMap<string, number>): Term {
  const shared = a.names.filter(name => b.names.includes(name))
  const batch = shared.filter(name => wanted.has(name))
  const inner = shared.filter(name => !wanted.has(name))
  const [rows, columns] = [a, b].map(t => t.names.filter(name => !shared.includes(name)))
  const names = [...batch, ...rows, ...columns]
  const shape = names.map(name => sizes.get(name)!)
  const lengths = (of: readonly string[]): number => sizeOf(of.map(name => sizes.get(name)!))
  const arranged = (t: Term, ...groups: (readonly string[])[]): Tensor =>
    t.value.permute(groups.flat().map(name => t.names.indexOf(name)))
  if (inner.length === 0) {
    // nothing is summed: an elementwise product, which fuses with what surrounds it
    const wide = (t: Term, own: readonly string[]): Tensor =>
      arranged(t, batch, own).reshape(
        names.map(name => (batch.includes(name) || own.includes(name) ? sizes.get(name)! : 1)),
      )
    return { names, value: wide(a, rows).mul(wide(b, columns)) }
  }
  const batches = batch.map(name => sizes.get(name)!)
  const left = arranged(a, batch, rows, inner).reshape([...batches, lengths(rows), lengths(inner)])
  const right = arranged(b, batch, inner, columns).reshape([...batches, lengths(inner), lengths(columns)])
  return { names, value: matmul(left, right).reshape(shape) }
}

/**
 * numpy.tensordot: sums over the last `axes` axes of a and the first of b, or over the axes that two lists name.
 * @returns the axes of a that are left, then those of b
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  if (typeof axes === 'number' && (!Number.isInteger(axes) || axes < 0 || axes > Math.min(a.ndim, b.ndim)))
    throw new ShapeError('tensordot', `cannot sum over ${axes} axes of ${listed(a.shape)} and ${listed(b.shape)}`)
  const [left, right] =
    typeof axes === 'number'
      ? [Array.from({ length: axes }, (_, i) => a.ndim - axes + i), Array.from({ length: axes }, (_, i) => i)]
      : [
          axes[0].map(d => normalizeAxis('tensordot', d, a.ndim)),
          axes[1].map(d => normalizeAxis('tensordot', d, b.ndim)),
        ]
  if (left.length !== right.length || left.some((d, i) => a.shape[d] !== b.shape[right[i]]))
    throw new ShapeError('tensordot', 'the axes that are summed over differ', {
      left: left.map(d => a.shape[d]),
      right: right.map(d => b.shape[d]),
    })
  const dtype = promote(a.dtype, b.dtype)
  const [freeA, freeB] = [free(a, left), free(b, right)]
  const inner = sizeOf(left.map(d => a.shape[d]))
  const [rows, columns] = [freeA.map(d => a.shape[d]), freeB.map(d => b.shape[d])]
  const x = cast(a, dtype)
    .permute([...freeA, ...left])
    .reshape([sizeOf(rows), inner])
  const y = cast(b, dtype)
    .permute([...right, ...freeB])
    .reshape([inner, sizeOf(columns)])
  return matmul(x, y).reshape([...rows, ...columns])
}
const free = (x: Tensor, taken: readonly number[]): number[] => x.shape.map((_, d) => d).filter(d => !taken.includes(d))
