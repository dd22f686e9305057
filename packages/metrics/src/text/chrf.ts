// chrF (Popović 2015) and chrF++ (2017): F-scores of character n-grams, and of word n-grams beside them, as sacreBLEU computes
// them: nrefs:*|case:mixed|eff:yes|nc:6|nw:0|space:no.
import { checkPairs, ngramCounts, sharedCount } from './counts.ts'

export interface ChrfOptions {
  /** Longest n-grams of characters. Default 6. */
  charOrder?: number
  /** Longest n-grams of words; 2 makes it chrF++. Default 0. */
  wordOrder?: number
  /** How much more recall counts than precision. Default 2. */
  beta?: number
  lowercase?: boolean
}

/** Counts per order: n-grams of the hypothesis, of the reference, and shared. */
type Counts = [hypothesis: number, reference: number, shared: number]

const punctuation = /^[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]$/

/**
 * Corpus chrF, 0 to 100. Of several references the one that fits best is counted.
 * @param references for each hypothesis, one or more references
 */
export function chrf(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  { charOrder = 6, wordOrder = 0, beta = 2, lowercase = false }: ChrfOptions = {},
): number {
  checkPairs('chrf', hypotheses, references)
  const grams = (given: string): Map<string, number>[] => {
    const text = lowercase ? given.toLowerCase() : given
    const characters = [...text.replace(/\s+/g, '')]
    const words = text.split(/\s+/).filter(Boolean).flatMap(splitPunctuation)
    return [
      ...Array.from({ length: charOrder }, (_, n) => ngramCounts(characters, n + 1)),
      ...Array.from({ length: wordOrder }, (_, n) => ngramCounts(words, n + 1)),
    ]
  }
  const total = Array.from({ length: charOrder + wordOrder }, (): Counts => [0, 0, 0])
  hypotheses.forEach((hypothesis, i) => {
    const ours = grams(hypothesis)
    let best: Counts[] | undefined
    let bestScore = -1
    for (const reference of references[i]!) {
      const theirs = grams(reference)
      const counts = ours.map((gram, n): Counts => {
        const wanted = sum(theirs[n]!)
        // An order that the reference is too short for says nothing about the hypothesis.
        return [wanted ? sum(gram) : 0, wanted, sharedCount(gram, theirs[n]!)]
      })
      const score = fScore(counts, beta)
      if (score > bestScore) [best, bestScore] = [counts, score]
    }
    best!.forEach((counts, n) => {
      for (let j = 0; j < 3; j++) total[n]![j]! += counts[j]!
    })
  })
  return fScore(total, beta)
}

const sum = (counts: ReadonlyMap<string, number>): number => {
  let all = 0
  for (const count of counts.values()) all += count
  return all
}

/** The F-score of mean precision and mean recall over the orders that both sides have. */
function fScore(orders: readonly Counts[], beta: number): number {
  const used = orders.filter(([hypothesis, reference]) => hypothesis > 0 && reference > 0)
  if (used.length === 0) return 0
  const precision = used.reduce((s, [hypothesis, , shared]) => s + shared / hypothesis, 0) / used.length
  const recall = used.reduce((s, [, reference, shared]) => s + shared / reference, 0) / used.length
  const factor = beta * beta
  return precision + recall ? (100 * (1 + factor) * precision * recall) / (factor * precision + recall) : 0
}

/** A mark at the end of a word, else one at its beginning, is a word of its own. */
function splitPunctuation(word: string): string[] {
  if (word.length === 1) return [word]
  if (punctuation.test(word.at(-1)!)) return [word.slice(0, -1), word.at(-1)!]
  if (punctuation.test(word[0]!)) return [word[0]!, word.slice(1)]
  return [word]
}
