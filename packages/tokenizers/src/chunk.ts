// Cutting a text into pieces of at most so many tokens, at the borders of tokens and of characters.
import type { Encoding } from './encoding.ts'
import { TokenizerError } from './errors.ts'

/** A piece of a text, [start, end) in UTF-16 units, and how many tokens of the whole text's encoding it has. */
export type Chunk = { text: string; start: number; end: number; tokens: number }

/**
 * Cuts along the encoding of the whole text. A border falls only where one token ends and the next one starts: a character
 * that takes several tokens is not cut.
 * @param encoding of `text`, without special tokens   @param size most tokens of a chunk   @param overlap tokens that a
 * chunk repeats from the one before
 */
export function chunkText(text: string, encoding: Encoding, size: number, overlap: number): Chunk[] {
  if (!(Number.isInteger(size) && size >= 1 && Number.isInteger(overlap) && overlap >= 0 && overlap < size)) {
    throw new TokenizerError(`chunk: needs a size of 1 or more and a smaller overlap, got ${size} and ${overlap}`)
  }
  const { offsets } = encoding
  const n = offsets.length
  // Is there a border before token i?
  const isBorder = (i: number) => i <= 0 || i >= n || offsets[i][0] >= offsets[i - 1][1]
  const startOf = (i: number) => (i === 0 ? 0 : i >= n ? text.length : Math.max(offsets[i][0], offsets[i - 1][1]))
  const chunks: Chunk[] = []
  for (let first = 0; first < n; ) {
    let last = Math.min(first + size, n)
    while (last > first && !isBorder(last)) last--
    if (last === first) {
      throw new TokenizerError(`chunk: a single character takes more than ${size} tokens: choose a larger size`)
    }
    const start = startOf(first)
    const end = startOf(last)
    chunks.push({ text: text.slice(start, end), start, end, tokens: last - first })
    if (last === n) break
    let next = last - overlap
    while (next > first && !isBorder(next)) next--
    first = next > first ? next : last
  }
  return chunks
}
