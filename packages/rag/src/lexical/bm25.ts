// BM25 in its five published variants, as one formula with four numbers. Names and formulas follow Kamphuis et al. (2020), "Which
// BM25 do you mean?", and Lù (2024), "BM25S"; BM25L is Lv and Zhai (SIGIR 2011), BM25+ Lv and Zhai (CIKM 2011).
//
// A term that occurs t times in a document scores  idf * (A * (T + d) / (T + d + k1) + e),  where T is t over the length
// normalization  1 - b + b * length / average.  With several fields T is the sum over fields of weight * t_f / normalization_f
// (BM25F, Robertson, Zaragoza and Taylor 2004), and everything else stays as it is.

export const bm25Variants = ['lucene', 'robertson', 'atire', 'bm25l', 'bm25+'] as const
export type Bm25Variant = (typeof bm25Variants)[number]

export interface Bm25Options {
  /** Default `lucene`: never negative, and what most engines mean by BM25. */
  variant?: Bm25Variant
  /** How fast repetitions of a term saturate. Default 1.2. */
  k1?: number
  /** How much length counts, 0 to 1. Default 0.75. */
  b?: number
  /** What BM25L (default 0.5) and BM25+ (default 1) add to a term that occurs. */
  delta?: number
  /**
   * What BM25L and BM25+ give for a term of the query that a document does not have: nothing (`none`, Lv and Zhai, the default)
   * or the value of their formula at no occurrence (`formula`, as BM25S reads it). It changes nothing in the other variants.
   */
  absent?: 'none' | 'formula'
}

interface Variant {
  /** Inverse document frequency of a term in n of N documents. */
  idf(n: number, N: number): number
  /** A of the formula above. */
  scale(k1: number): number
  /** d and e of the formula above. */
  inside: 0 | 1
  outside: 0 | 1
  delta: number
}

const variants: Record<Bm25Variant, Variant> = {
  lucene: { idf: (n, N) => Math.log(1 + (N - n + 0.5) / (n + 0.5)), scale: () => 1, inside: 0, outside: 0, delta: 0 },
  robertson: { idf: (n, N) => Math.log((N - n + 0.5) / (n + 0.5)), scale: () => 1, inside: 0, outside: 0, delta: 0 },
  atire: { idf: (n, N) => Math.log(N / n), scale: k1 => k1 + 1, inside: 0, outside: 0, delta: 0 },
  bm25l: { idf: (n, N) => Math.log((N + 1) / (n + 0.5)), scale: k1 => k1 + 1, inside: 1, outside: 0, delta: 0.5 },
  'bm25+': { idf: (n, N) => Math.log((N + 1) / n), scale: k1 => k1 + 1, inside: 0, outside: 1, delta: 1 },
}

/** The numbers of the formula for one variant. */
export interface Formula {
  k1: number
  b: number
  scale: number
  inside: number
  outside: number
  /** What is taken from a term that occurs and given to every document, so that absent terms count as the formula says. */
  atZero: number
  idf(n: number, N: number): number
}

export function formulaOf({
  variant = 'lucene',
  k1 = 1.2,
  b = 0.75,
  delta,
  absent = 'none',
}: Bm25Options = {}): Formula {
  const { idf, scale, inside, outside, delta: usual } = variants[variant]
  const d = delta ?? usual
  const A = scale(k1)
  const formula = { k1, b, scale: A, inside: inside * d, outside: outside * d, atZero: 0, idf }
  if (absent === 'formula') formula.atZero = (A * formula.inside) / (formula.inside + k1) + formula.outside
  return formula
}
