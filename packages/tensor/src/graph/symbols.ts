// Which sizes of a graph are constants and which vary. From the size vectors that one structure came back with: a
// position that never changed is a constant; positions that changed together are one symbol; a size that was always a constant
// multiple of symbols is that product. It is a guess from samples, so every hit is checked (`matches`), and a miss refines it.

import { type Dim, dim, evaluateDim, mulDim, symbol } from '../kernel/dim.ts'

export interface SizeModel {
  /** a Dim for each position */
  readonly dims: readonly Dim[]
  /** for each symbol, a position that holds it alone */
  readonly positions: readonly number[]
}

export function modelOf(samples: readonly (readonly number[])[]): SizeModel {
  const [first] = samples
  if (samples.length === 1) return { dims: first.map(dim), positions: [] }
  const known = new Map<string, Dim>()
  const bases: Base[] = []
  const positions: number[] = []
  const dims = new Array<Dim>(first.length)
  const order = first.map((_, i) => i).sort((a, b) => first[a] - first[b])
  for (const at of order) {
    const column = samples.map(s => s[at])
    if (column.every(n => n === column[0])) {
      dims[at] = dim(column[0])
      continue
    }
    const key = column.join()
    let found = known.get(key) ?? multipleOf(column, bases)
    if (!found) {
      found = symbol(bases.length, column[0])
      bases.push({ column, dim: found })
      positions.push(at)
    }
    known.set(key, found)
    dims[at] = found
  }
  return { dims, positions }
}

interface Base {
  readonly column: readonly number[]
  readonly dim: Dim
}

const products = (left: readonly Base[], right: readonly Base[]): Base[] =>
  left.flatMap(a => right.map(b => ({ column: a.column.map((n, i) => n * b.column[i]), dim: mulDim(a.dim, b.dim) })))

/** column = c * base, c * base * base or c * base * base * base (a batch of images) for one integer c, in every sample. */
function multipleOf(column: readonly number[], bases: readonly Base[]): Dim | undefined {
  const ratio = (divisor: readonly number[]): number => {
    const c = column[0] / divisor[0]
    return Number.isInteger(c) && c > 0 && column.every((n, i) => n === c * divisor[i]) ? c : 0
  }
  for (const a of bases) {
    const c = ratio(a.column)
    if (c) return mulDim(dim(c), a.dim)
  }
  const pairs = products(bases, bases)
  for (const factors of [pairs, products(pairs, bases)])
    for (const p of factors) {
      const c = ratio(p.column)
      if (c) return mulDim(dim(c), p.dim)
    }
  return undefined
}

export const symbolsOf = (model: SizeModel, sizes: readonly number[]): number[] => model.positions.map(at => sizes[at])

export function matches(model: SizeModel, sizes: readonly number[], symbols: readonly number[]): boolean {
  for (let i = 0; i < sizes.length; i++) {
    const dim = model.dims[i]
    if ((dim.symbols.length === 0 ? dim.factor : evaluateDim(dim, symbols)) !== sizes[i]) return false
  }
  return true
}
