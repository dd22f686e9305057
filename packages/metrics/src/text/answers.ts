// Short answers against gold ones, as SQuAD's official script (version 1.1) compares them.
import { ngramCounts, sharedCount } from './counts.ts'

/** Lower case, without punctuation, English articles and extra white space. */
export function normalizeAnswer(text: string): string {
  return text
    .toLowerCase()
    .replace(/[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g, '')
    .replace(/\b(a|an|the)\b/g, ' ')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ')
}

/** 1 where the answer equals any of the gold answers once both are normalized, else 0. */
export function exactMatch(answer: string, gold: readonly string[]): number {
  const given = normalizeAnswer(answer)
  return gold.some(one => normalizeAnswer(one) === given) ? 1 : 0
}

/** The best F1 of shared words over the gold answers, 0 to 1. */
export function answerF1(answer: string, gold: readonly string[]): number {
  const words = (text: string) => normalizeAnswer(text).split(' ').filter(Boolean)
  const ours = words(answer)
  return gold.reduce((best, one) => {
    const theirs = words(one)
    const shared = sharedCount(ngramCounts(ours, 1), ngramCounts(theirs, 1))
    return Math.max(best, shared ? (2 * shared) / (ours.length + theirs.length) : 0)
  }, 0)
}
