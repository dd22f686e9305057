// BLEU (Papineni et al. 2002) with the tokens, smoothing and reference lengths of sacreBLEU (Post 2018):
// nrefs:*|case:mixed|eff:no|tok:13a|smooth:exp.
import { checkPairs, ngramCounts, sharedCount } from './counts.ts'

export interface BleuOptions {
  /** `13a` is the tokenization of WMT's mteval-v13a; `none` splits at white space. Default `13a`. */
  tokenize?: '13a' | 'none' | ((text: string) => string[])
  lowercase?: boolean
  /** What an order without any match counts as: `exp` halves it each time, `none` makes the score 0. Default `exp`. */
  smooth?: 'exp' | 'none'
  /** Counts only orders that the hypotheses are long enough for, as one does with single sentences. Default false. */
  effectiveOrder?: boolean
  /** Longest n-grams. Default 4. */
  order?: number
}

export interface BleuScore {
  /** 0 to 100. */
  score: number
  /** Per order, 0 to 100. */
  precisions: number[]
  brevityPenalty: number
  hypothesisLength: number
  referenceLength: number
}

const entities: readonly (readonly [string, string])[] = [
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
]

/** The tokens of mteval-v13a. */
export function tokenize13a(text: string): string[] {
  let line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  for (const [entity, character] of entities) line = line.replaceAll(entity, character)
  return ` ${line} `
    .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ')
    .split(/\s+/)
    .filter(token => token !== '')
}

const tokenizers = { '13a': tokenize13a, none: (text: string) => text.split(/\s+/).filter(token => token !== '') }

/**
 * Corpus BLEU.
 * @param references for each hypothesis, one or more references
 */
export function bleu(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  { tokenize = '13a', lowercase = false, smooth = 'exp', effectiveOrder = false, order = 4 }: BleuOptions = {},
): BleuScore {
  checkPairs('bleu', hypotheses, references)
  const split = typeof tokenize === 'function' ? tokenize : tokenizers[tokenize]
  const tokens = (text: string) => split((lowercase ? text.toLowerCase() : text).trimEnd())
  const matches = new Array<number>(order).fill(0)
  const totals = new Array<number>(order).fill(0)
  let hypothesisLength = 0
  let referenceLength = 0
  hypotheses.forEach((hypothesis, i) => {
    const ours = tokens(hypothesis)
    const theirs = references[i]!.map(tokens)
    hypothesisLength += ours.length
    referenceLength += closest(
      theirs.map(reference => reference.length),
      ours.length,
    )
    for (let n = 1; n <= order; n++) {
      const most = new Map<string, number>()
      for (const reference of theirs)
        for (const [gram, count] of ngramCounts(reference, n)) most.set(gram, Math.max(count, most.get(gram) ?? 0))
      matches[n - 1]! += sharedCount(ngramCounts(ours, n), most)
      totals[n - 1]! += Math.max(0, ours.length - n + 1)
    }
  })
  const brevityPenalty = hypothesisLength < referenceLength ? Math.exp(1 - referenceLength / hypothesisLength) : 1
  const precisions = new Array<number>(order).fill(0)
  const lengths = { brevityPenalty: hypothesisLength ? brevityPenalty : 0, hypothesisLength, referenceLength }
  if (matches.every(count => count === 0)) return { score: 0, precisions, ...lengths }
  let unmatched = 1
  let orders = order
  for (let n = 0; n < order; n++) {
    if (totals[n] === 0) break
    if (effectiveOrder) orders = n + 1
    if (matches[n]) precisions[n] = (100 * matches[n]!) / totals[n]!
    else if (smooth === 'exp') {
      unmatched *= 2
      precisions[n] = 100 / (unmatched * totals[n]!)
    }
  }
  const logs = precisions.slice(0, orders).reduce((sum, p) => sum + Math.log(p), 0)
  return { score: lengths.brevityPenalty * Math.exp(logs / orders), precisions, ...lengths }
}

/** The reference length nearest to the hypothesis', the shorter of two. */
function closest(lengths: readonly number[], to: number): number {
  return lengths.reduce((best, length) => {
    const difference = Math.abs(length - to) - Math.abs(best - to)
    return difference < 0 || (difference === 0 && length < best) ? length : best
  })
}
