// Measures of one ranking, with the definitions of trec_eval 9: relevant is a grade of 1 or more, what is not judged is not
// relevant, gains are the grades themselves, and the discount of rank r is log2(r + 1).
import type { Judgements } from './order.ts'

const grade = (judged: Judgements, id: string): number => judged.get(id) ?? 0

function relevantAmong(ranked: readonly string[], judged: Judgements, k: number): number {
  let found = 0
  for (let i = 0; i < Math.min(k, ranked.length); i++) if (grade(judged, ranked[i]!) >= 1) found++
  return found
}

/** How many documents are judged relevant. */
export function relevantCount(judged: Judgements): number {
  let count = 0
  for (const value of judged.values()) if (value >= 1) count++
  return count
}

/** The share of the relevant documents that is among the first k (trec_eval's `recall_k`); 0 where none is relevant. */
export function recall(ranked: readonly string[], judged: Judgements, k = Number.POSITIVE_INFINITY): number {
  const relevant = relevantCount(judged)
  return relevant ? relevantAmong(ranked, judged, k) / relevant : 0
}

/** The relevant share of the first k, where a ranking shorter than k counts as filled up with others (`P_k`). */
export function precision(ranked: readonly string[], judged: Judgements, k = ranked.length): number {
  return k ? relevantAmong(ranked, judged, k) / k : 0
}

/** 1 where any of the first k is relevant, else 0 (`success_k`). */
export function success(ranked: readonly string[], judged: Judgements, k = Number.POSITIVE_INFINITY): number {
  return relevantAmong(ranked, judged, k) ? 1 : 0
}

/** Precision at the rank that is the number of relevant documents (`Rprec`). */
export function rPrecision(ranked: readonly string[], judged: Judgements): number {
  return precision(ranked, judged, relevantCount(judged))
}

/** 1 / the rank of the first relevant document, 0 without one among the first k (`recip_rank`). */
export function reciprocalRank(ranked: readonly string[], judged: Judgements, k = Number.POSITIVE_INFINITY): number {
  for (let i = 0; i < Math.min(k, ranked.length); i++) if (grade(judged, ranked[i]!) >= 1) return 1 / (i + 1)
  return 0
}

/** The mean over the relevant documents of the precision at their ranks, 0 for those not found (`map`, `map_cut_k`). */
export function averagePrecision(ranked: readonly string[], judged: Judgements, k = Number.POSITIVE_INFINITY): number {
  const relevant = relevantCount(judged)
  let found = 0
  let sum = 0
  for (let i = 0; i < Math.min(k, ranked.length); i++) if (grade(judged, ranked[i]!) >= 1) sum += ++found / (i + 1)
  return relevant ? sum / relevant : 0
}

/** Discounted cumulative gain of the first k by that of the best possible ranking (`ndcg`, `ndcg_cut_k`). */
export function ndcg(ranked: readonly string[], judged: Judgements, k = Number.POSITIVE_INFINITY): number {
  const gain = dcg(
    ranked.map(id => grade(judged, id)),
    k,
  )
  const best = dcg(
    [...judged.values()].sort((a, b) => b - a),
    k,
  )
  return best > 0 ? gain / best : 0
}

/** The sum of grade / log2(rank + 1) over the first k grades; grades below 0 count as 0. */
export function dcg(grades: readonly number[], k = Number.POSITIVE_INFINITY): number {
  let sum = 0
  for (let i = 0; i < Math.min(k, grades.length); i++) if (grades[i]! > 0) sum += grades[i]! / Math.log2(i + 2)
  return sum
}

/**
 * How often a judged other document stands before a relevant one, which does not punish what nobody judged
 * (`bpref`, Buckley and Voorhees 2004).
 */
export function bpref(ranked: readonly string[], judged: Judgements): number {
  const relevant = relevantCount(judged)
  const bounded = Math.min(relevant, judged.size - relevant)
  let others = 0
  let sum = 0
  for (const id of ranked) {
    const value = judged.get(id)
    if (value === undefined) continue
    if (value < 1) others++
    else sum += others ? 1 - Math.min(others, relevant) / bounded : 1
  }
  return relevant ? sum / relevant : 0
}
