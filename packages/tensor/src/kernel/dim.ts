// Sizes inside kernels. A Dim is a product of a constant and of runtime symbols, so that one compiled kernel
// serves every batch size or sequence length. Printers turn constants into literals and the rest into kernel
// parameters, which the host evaluates once per launch: no kernel ever multiplies symbols itself.

export interface Dim {
  readonly factor: number
  /** ids of runtime symbols, ascending, with repetition (a square holds its symbol twice) */
  readonly symbols: readonly number[]
  /** the value in the example the kernel was compiled from; used for decisions, never printed */
  readonly sample: number
}

const none: readonly number[] = []

export const dim = (value: number): Dim => ({ factor: value, symbols: none, sample: value })
export const symbol = (id: number, sample: number): Dim => ({ factor: 1, symbols: [id], sample })
export const zero: Dim = dim(0)
export const one: Dim = dim(1)

export const isConstant = (d: Dim): boolean => d.symbols.length === 0
/** True when the size is the constant `value` (never for a symbol that happens to have it). */
export const isDim = (d: Dim, value: number): boolean => d.symbols.length === 0 && d.factor === value

export function mulDim(a: Dim, b: Dim): Dim {
  const factor = a.factor * b.factor
  if (factor === 0) return zero
  const symbols =
    a.symbols.length === 0
      ? b.symbols
      : b.symbols.length === 0
        ? a.symbols
        : [...a.symbols, ...b.symbols].sort((x, y) => x - y)
  return { factor, symbols, sample: a.sample * b.sample }
}

export const negDim = (a: Dim): Dim => ({ factor: -a.factor, symbols: a.symbols, sample: -a.sample })

export const sameDim = (a: Dim, b: Dim): boolean => a.factor === b.factor && sameSymbols(a, b)

export const sameSymbols = (a: Dim, b: Dim): boolean =>
  a.symbols.length === b.symbols.length && a.symbols.every((s, i) => s === b.symbols[i])

/** a / b when it divides exactly for every value of the symbols, else null. */
export function divideDim(a: Dim, b: Dim): Dim | null {
  if (b.factor === 0 || a.factor % b.factor !== 0) return null
  const symbols = a.symbols.slice()
  for (const s of b.symbols) {
    const at = symbols.indexOf(s)
    if (at < 0) return null
    symbols.splice(at, 1)
  }
  return { factor: a.factor / b.factor, symbols, sample: b.sample === 0 ? 0 : a.sample / b.sample }
}

export const productDim = (dims: readonly Dim[]): Dim => dims.reduce(mulDim, one)

export const dimKey = (d: Dim): string => (d.symbols.length ? `${d.factor}*s${d.symbols.join('*s')}` : String(d.factor))

/** The value of a size for given symbol values. */
export function evaluateDim(d: Dim, symbols: ArrayLike<number>): number {
  let value = d.factor
  for (const s of d.symbols) value *= symbols[s]
  return value
}
