// tiktoken's rank files: a line per token, its bytes in base64, a space, its rank. Ranks are ids, and the order of merging:
// whichever two neighbours make the token of lowest rank are joined first (../models/rank-tokens.ts).

import { TokenizerFormatError } from '../errors.ts'
import { RankTokens } from '../models/rank-tokens.ts'
import { isSpread } from '../models/vocabulary.ts'

const FORMAT = 'tiktoken ranks'

/** Longer tokens are refused: the longest of o200k has 128 bytes, and how a token is made takes quadratic time to find. */
const LONGEST = 4096

/** The value of each base64 character, -1 for others. */
const base64 = /* @__PURE__ */ (() => {
  const out = new Int8Array(256).fill(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for (let i = 0; i < 64; i++) out[alphabet.charCodeAt(i)] = i
  return out
})()

/** The tokens of a file, by rank. */
export function readRanks(file: Uint8Array): RankTokens {
  // Base64 is longer than what it stands for, and a line at least five bytes.
  const bytes = new Uint8Array(file.length)
  const most = Math.ceil(file.length / 4) + 1
  let starts = new Int32Array(most + 1)
  let ranks = new Int32Array(most)
  let size = 0
  let length = 0
  let line = 0
  let sorted = true
  const bad = (at: number, problem = 'expected base64, a space and a rank', end = file.length): never => {
    const row = new TextDecoder().decode(file.subarray(at, Math.min(end, at + 80)))
    throw new TokenizerFormatError(FORMAT, `line ${line}`, `${problem}, got ${row}`)
  }
  for (let at = 0; at < file.length; ) {
    line++
    let i = at
    // Six bits a character; a byte is complete when eight are there.
    let bits = 0
    let count = 0
    const from = length
    for (let value = base64[file[i]]; value >= 0; value = base64[file[i]]) {
      bits = (bits << 6) | value
      count += 6
      if (count >= 8) {
        count -= 8
        bytes[length++] = bits >> count
        bits &= 255
      }
      i++
      if (i === file.length) break
    }
    if (i === at) {
      // An empty line, or white space alone.
      while (i < file.length && file[i] !== 10 && file[i] <= 32) i++
      if (i < file.length && file[i] !== 10) bad(at)
      at = i + 1
      continue
    }
    while (i < file.length && file[i] === 61) i++
    if (length === from || file[i] !== 32) bad(at)
    if (length - from > LONGEST) bad(at, `expected a token of at most ${LONGEST} bytes`)
    let rank = 0
    const digits = ++i
    for (; i < file.length && file[i] >= 48 && file[i] <= 57; i++) {
      rank = rank * 10 + file[i] - 48
      if (rank > 0x7fffffff) bad(at)
    }
    if (i === digits) bad(at)
    while (i < file.length && file[i] !== 10 && file[i] <= 32) i++
    if (i < file.length && file[i] !== 10) bad(at)
    if (size > 0 && rank < ranks[size - 1]) sorted = false
    ranks[size++] = rank
    starts[size] = length
    at = i + 1
  }
  if (size === 0) throw new TokenizerFormatError(FORMAT, 'line 1', 'no ranks')
  starts = starts.slice(0, size + 1)
  ranks = ranks.slice(0, size)
  if (sorted) return checked(new RankTokens(bytes.slice(0, length), starts, ranks))
  const order = Array.from(ranks, (_, t) => t).sort((a, b) => ranks[a] - ranks[b])
  const moved = new Uint8Array(length)
  const movedStarts = new Int32Array(size + 1)
  order.forEach((t, i) => {
    moved.set(bytes.subarray(starts[t], starts[t + 1]), movedStarts[i])
    movedStarts[i + 1] = movedStarts[i] + starts[t + 1] - starts[t]
  })
  const movedRanks = Int32Array.from(order, t => ranks[t])
  return checked(new RankTokens(moved, movedStarts, movedRanks))
}

/** No token and no rank comes twice. */
function checked(tokens: RankTokens): RankTokens {
  const { ids, repeated, size } = tokens
  const max = ids[size - 1]
  if (isSpread(max, size)) {
    throw new TokenizerFormatError(FORMAT, 'the list', `rank ${max} is not near the number of tokens, ${size}`)
  }
  const twice = repeated >= 0 ? repeated : ids.findIndex((id, t) => t > 0 && id === ids[t - 1])
  if (twice < 0) return tokens
  const problem = repeated >= 0 ? 'has the bytes of another token' : 'is given to two tokens'
  throw new TokenizerFormatError(FORMAT, 'the list', `rank ${ids[twice]} ${problem}`)
}
