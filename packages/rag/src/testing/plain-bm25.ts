// BM25 as the papers print it, document by document and term by term over lists of words: what the index is tested against, by the
// tests and by `pnpm conformance bm25`. Nothing here is shared with the index.
import type { Bm25Variant } from '../lexical/bm25.ts'

/**
 * The score of every document for a query.
 * @param documents their terms   @param query its terms; a term that stands twice counts twice
 */
export function plainBm25(
  documents: readonly (readonly string[])[],
  query: readonly string[],
  variant: Bm25Variant,
  { k1, b, delta }: { k1: number; b: number; delta: number },
): number[] {
  const N = documents.length
  const average = documents.reduce((sum, document) => sum + document.length, 0) / N
  return documents.map(document => {
    let score = 0
    for (const term of query) {
      const tf = document.filter(other => other === term).length
      if (tf === 0) continue
      const n = documents.filter(other => other.includes(term)).length
      const B = 1 - b + (b * document.length) / average
      switch (variant) {
        case 'lucene':
          score += Math.log(1 + (N - n + 0.5) / (n + 0.5)) * (tf / (tf + k1 * B))
          break
        case 'robertson':
          score += Math.log((N - n + 0.5) / (n + 0.5)) * (tf / (tf + k1 * B))
          break
        case 'atire':
          score += Math.log(N / n) * (((k1 + 1) * tf) / (k1 * B + tf))
          break
        case 'bm25l': {
          const c = tf / B
          score += Math.log((N + 1) / (n + 0.5)) * (((k1 + 1) * (c + delta)) / (k1 + c + delta))
          break
        }
        case 'bm25+':
          score += Math.log((N + 1) / n) * (((k1 + 1) * tf) / (k1 * B + tf) + delta)
          break
        default:
          variant satisfies never
      }
    }
    return score
  })
}
