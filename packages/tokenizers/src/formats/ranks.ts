// tiktoken's rank files: a line per token, its bytes in base64, a space, its rank. Ranks are ids, and the order of merging:
// whichever two neighbours make the token of lowest rank are joined first. Each token is made from two tokens in one way
// only (whatever else would make it has been merged before), so ranks are a merge list, found by encoding each token with
// the tokens before it.

import { TokenizerFormatError } from '../errors.ts'
import { Merger } from '../models/merger.ts'
import { PairTable } from '../models/pair-table.ts'
import { byteChars } from '../unicode/byte-chars.ts'

const FORMAT = 'tiktoken ranks'

/** The value of each base64 character, -1 for others. */
const base64 = /* @__PURE__ */ (() => {
  const out = new Int8Array(256).fill(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for (let i = 0; i < 64; i++) out[alphabet.charCodeAt(i)] = i
  return out
})()
const byteCodes = /* @__PURE__ */ Uint16Array.from(byteChars, char => char.charCodeAt(0))

/** Tokens in the byte alphabet with their ranks, by rank. */
export function readRanks(file: Uint8Array): [token: string, rank: number][] {
  const out: [string, number][] = []
  let line = 0
  let sorted = true
  let codes = new Uint16Array(256)
  for (let at = 0; at < file.length; line++) {
    let end = file.indexOf(10, at)
    if (end < 0) end = file.length
    const next = end + 1
    while (end > at && file[end - 1] <= 32) end--
    const bad = (): never => {
      const row = new TextDecoder().decode(file.subarray(at, Math.min(end, at + 80)))
      throw new TokenizerFormatError(FORMAT, `line ${line + 1}`, `expected base64, a space and a rank, got ${row}`)
    }
    if (end > at) {
      if (codes.length < end - at) codes = new Uint16Array(end - at)
      // Six bits a character; a byte is complete when eight are there.
      let bits = 0
      let count = 0
      let length = 0
      let i = at
      for (; i < end && file[i] !== 32 && file[i] !== 61; i++) {
        const value = base64[file[i]]
        if (value < 0) bad()
        bits = ((bits << 6) | value) & 0xffff
        count += 6
        if (count < 8) continue
        count -= 8
        codes[length++] = byteCodes[(bits >> count) & 0xff]
      }
      while (i < end && file[i] === 61) i++
      if (length === 0 || file[i] !== 32 || i + 1 >= end) bad()
      let rank = 0
      for (i++; i < end; i++) {
        if (file[i] < 48 || file[i] > 57) bad()
        rank = rank * 10 + file[i] - 48
        if (rank > 0x7fffffff) bad()
      }
      if (out.length > 0 && rank < out[out.length - 1][1]) sorted = false
      out.push([textOf(codes, length), rank])
    }
    at = next
  }
  if (out.length === 0) throw new TokenizerFormatError(FORMAT, 'line 1', 'no ranks')
  return sorted ? out : out.sort((a, b) => a[1] - b[1])
}

function textOf(codes: Uint16Array, length: number): string {
  let text = ''
  // One call for a whole token; a very long one in parts, since a call takes only so many arguments.
  for (let from = 0; from < length; from += 4096) {
    text += String.fromCharCode.apply(null, codes.subarray(from, Math.min(length, from + 4096)) as unknown as number[])
  }
  return text
}

/** The one pair that makes each token, by rank of the token. */
export function mergesOf(tokens: readonly (readonly [token: string, rank: number])[]): PairTable {
  const table = new PairTable(tokens.length)
  const merger = new Merger(table)
  const single = new Int32Array(0x144).fill(-1)
  for (const [token, rank] of tokens) if (token.length === 1) single[token.charCodeAt(0)] = rank
  for (const [token, rank] of tokens) {
    if (token.length < 2) continue
    merger.reset()
    let complete = true
    for (let i = 0; i < token.length; i++) {
      const id = single[token.charCodeAt(i)]
      if (id < 0) complete = false
      else merger.push(id, i, i + 1)
    }
    if (!complete) continue
    merger.run()
    // A token that the ones before it leave in more than two parts is reached only as a whole pre-token.
    if (merger.length === 2) table.add(merger.ids[0], merger.ids[1], rank, rank)
  }
  return table
}
