// BPE of short words, by the definition (Sennrich et al. 2016): join the two neighbours whose joined token has the lowest
// rank, the leftmost first, until no two can be joined. Quadratic in the length, and the fastest way while that is small.
import type { RankTokens } from './rank-tokens.ts'

const NONE = 0x7fffffff

/**
 * The tokens of a word of `n` bytes, into `out` from the start; returns how many. `out` and `joined` hold a place per byte;
 * `joined` is for the work: the token that each one and the next would make.
 */
export function mergeShortWord(
  tokens: RankTokens,
  bytes: Uint8Array,
  n: number,
  out: Int32Array,
  joined: Int32Array,
): number {
  const { ofByte, ofTwo } = tokens
  let best = NONE
  let at = 0
  for (let i = 0; i < n; i++) {
    out[i] = ofByte[bytes[i]]
    let pair = NONE
    if (i + 1 < n) {
      const t = ofTwo[(bytes[i] << 8) | bytes[i + 1]]
      if (t >= 0) pair = t
    }
    joined[i] = pair
    if (pair < best) {
      best = pair
      at = i
    }
  }
  while (best !== NONE) {
    out[at] = best
    n--
    for (let i = at + 1; i < n; i++) {
      out[i] = out[i + 1]
      joined[i] = joined[i + 1]
    }
    let t = at + 1 < n ? tokens.join(best, out[at + 1]) : -1
    joined[at] = t >= 0 ? t : NONE
    if (at > 0) {
      t = tokens.join(out[at - 1], best)
      joined[at - 1] = t >= 0 ? t : NONE
    }
    best = NONE
    for (let i = 0; i + 1 < n; i++) {
      if (joined[i] < best) {
        best = joined[i]
        at = i
      }
    }
  }
  return n
}
