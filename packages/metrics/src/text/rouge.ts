// ROUGE (Lin 2004) with the tokens of Google's rouge_score: lower case, runs of a-z and 0-9.
import { ngramCounts, sharedCount } from './counts.ts'

export interface RougeScore {
  precision: number
  recall: number
  /** Their harmonic mean. */
  f: number
}

export interface RougeOptions {
  /** Applied to tokens of more than three characters, e.g. `porter` of @cairn/text. */
  stem?: (word: string) => string
  /** Instead of the tokens named above, which are for English. */
  tokenize?: (text: string) => string[]
}

function tokensOf(text: string, { stem, tokenize }: RougeOptions): string[] {
  const tokens = tokenize ? tokenize(text) : (text.toLowerCase().match(/[a-z0-9]+/g) ?? [])
  return stem ? tokens.map(token => (token.length > 3 ? stem(token) : token)) : [...tokens]
}

function scoreOf(shared: number, hypothesis: number, reference: number): RougeScore {
  const precision = hypothesis ? shared / hypothesis : 0
  const recall = reference ? shared / reference : 0
  return { precision, recall, f: precision + recall ? (2 * precision * recall) / (precision + recall) : 0 }
}

/** ROUGE-N: n-grams shared by hypothesis and reference. */
export function rougeN(hypothesis: string, reference: string, n: number, options: RougeOptions = {}): RougeScore {
  const ours = tokensOf(hypothesis, options)
  const theirs = tokensOf(reference, options)
  const shared = sharedCount(ngramCounts(ours, n), ngramCounts(theirs, n))
  return scoreOf(shared, Math.max(0, ours.length - n + 1), Math.max(0, theirs.length - n + 1))
}

/** ROUGE-L of two texts taken as one sentence each: their longest common subsequence. */
export function rougeL(hypothesis: string, reference: string, options: RougeOptions = {}): RougeScore {
  const ours = tokensOf(hypothesis, options)
  const theirs = tokensOf(reference, options)
  return scoreOf(commonSubsequence(theirs, ours).length, ours.length, theirs.length)
}

/**
 * ROUGE-L of summaries (`rougeLsum`): for each line of the reference, what it has in common with any line of the hypothesis;
 * no token counts more often than either side has it.
 */
export function rougeLsum(hypothesis: string, reference: string, options: RougeOptions = {}): RougeScore {
  const lines = (text: string) =>
    text
      .split('\n')
      .map(line => tokensOf(line, options))
      .filter(line => line.length)
  const ours = lines(hypothesis)
  const theirs = lines(reference)
  const left = ngramCounts(ours.flat(), 1)
  const wanted = ngramCounts(theirs.flat(), 1)
  let hits = 0
  for (const line of theirs) {
    const union = new Set(ours.flatMap(other => commonSubsequence(line, other)))
    for (const at of [...union].sort((a, b) => a - b)) {
      const token = line[at]!
      if ((left.get(token) ?? 0) > 0 && (wanted.get(token) ?? 0) > 0) {
        hits++
        left.set(token, left.get(token)! - 1)
        wanted.set(token, wanted.get(token)! - 1)
      }
    }
  }
  return scoreOf(hits, ours.flat().length, theirs.flat().length)
}

/** The places in `a` of a longest common subsequence of a and b. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number[] {
  const width = b.length + 1
  const lengths = new Uint32Array((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      lengths[i * width + j] =
        a[i - 1] === b[j - 1]
          ? lengths[(i - 1) * width + j - 1]! + 1
          : Math.max(lengths[(i - 1) * width + j]!, lengths[i * width + j - 1]!)
  const places: number[] = []
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      places.push(i - 1)
      i--
      j--
    } else if (lengths[i * width + j - 1]! > lengths[(i - 1) * width + j]!) j--
    else i--
  }
  return places.reverse()
}
