// A trie over bytes in typed arrays: the longest of many tokens that starts at a position. The first two bytes are looked up
// directly. What goes on from a node lies together in a small table of its own, with a hash chosen so that no two of its bytes
// share a place: a step is one look, and neighbours in the trie are neighbours in memory. Tokens are put in when their first
// two bytes are first met: a text meets few of them, and all of o200k would take 100 ms.
import type { RankTokens } from './rank-tokens.ts'

export class ByteTrie {
  private readonly tokens: RankTokens
  /** Tokens by their first two bytes: those of `pair` from `firsts[pair]` up to `firsts[pair + 1]`. */
  private readonly byPair: Int32Array
  private readonly firsts: Int32Array
  /** Where the table of two bytes lies, 0 if nothing goes on from there, -1 if its tokens are not put in yet. */
  private readonly ofTwo = new Int32Array(1 << 16).fill(-1)
  /** Its hash. */
  private readonly hashes = new Int32Array(1 << 16)
  // A place is: the byte, with the hash of the table below above it; where that lies, or 0; the token that ends here, or -1.
  // Places that nothing was put in pass for a byte 0 with neither.
  private places = new Int32Array(4 << 12)
  private used = 4

  constructor(tokens: RankTokens) {
    const { bytes, starts, size } = tokens
    this.tokens = tokens
    const firsts = new Int32Array((1 << 16) + 1)
    const pairOf = (t: number) => (bytes[starts[t]] << 8) | bytes[starts[t] + 1]
    for (let t = 0; t < size; t++) if (starts[t + 1] - starts[t] > 2) firsts[pairOf(t) + 1]++
    for (let pair = 0; pair < 1 << 16; pair++) firsts[pair + 1] += firsts[pair]
    const next = firsts.slice()
    this.byPair = new Int32Array(firsts[1 << 16])
    for (let t = 0; t < size; t++) if (starts[t + 1] - starts[t] > 2) this.byPair[next[pairOf(t)]++] = t
    this.firsts = firsts
  }

  /** The longest token that starts at `at` and ends at `end` or before; -1 if there is none. */
  longest(bytes: Uint8Array, at: number, end: number): number {
    const { tokens } = this
    if (at >= end) return -1
    if (end - at < 2) return tokens.ofByte[bytes[at]]
    const pair = (bytes[at] << 8) | bytes[at + 1]
    let found = tokens.ofTwo[pair]
    if (found < 0) found = tokens.ofByte[bytes[at]]
    let table = this.ofTwo[pair]
    if (table < 0) table = this.put(pair)
    let hash = this.hashes[pair]
    const { places } = this
    for (let i = at + 2; table !== 0 && i < end; i++) {
      const place = table + placeOf(bytes[i], hash)
      const key = places[place]
      if ((key & 255) !== bytes[i]) break
      hash = key >> 8
      table = places[place + 1]
      const token = places[place + 2]
      if (token >= 0) found = token
    }
    return found
  }

  /** Puts in the tokens that start with two bytes, and returns where their table lies. */
  private put(pair: number): number {
    const { bytes, starts } = this.tokens
    const sorted = this.byPair.subarray(this.firsts[pair], this.firsts[pair + 1])
    const compare = (a: number, b: number) => {
      const end = Math.min(starts[a + 1] - starts[a], starts[b + 1] - starts[b])
      for (let i = 2; i < end; i++) {
        const difference = bytes[starts[a] + i] - bytes[starts[b] + i]
        if (difference !== 0) return difference
      }
      return starts[a + 1] - starts[a] - (starts[b + 1] - starts[b]) || a - b
    }
    sorted.sort(compare)
    this.ofTwo[pair] = 0
    // Tables to be made, level by level: the tokens in them, the level, the place above.
    const queue = sorted.length > 0 ? [0, sorted.length, 2, -1] : []
    for (let q = 0; q < queue.length; q += 4) {
      const [from, to, depth, above] = queue.slice(q, q + 4)
      const byteOf = (k: number) => bytes[starts[sorted[k]] + depth]
      const below: number[] = []
      for (let k = from; k < to; k++) if (byteOf(k) !== below.at(-1)) below.push(byteOf(k))
      const hash = perfectHash(below)
      const table = this.reserve(1 << (8 - (hash & 15)))
      const { places } = this
      if (above < 0) {
        this.ofTwo[pair] = table
        this.hashes[pair] = hash
      } else {
        places[above] |= hash << 8
        places[above + 1] = table
      }
      for (let k = from; k < to; ) {
        const byte = byteOf(k)
        const place = table + placeOf(byte, hash)
        places[place] = byte
        let end = k + 1
        while (end < to && byteOf(end) === byte) end++
        // Shorter ones come first, and of equal ones the last counts.
        for (; k < end && starts[sorted[k] + 1] - starts[sorted[k]] === depth + 1; k++) places[place + 2] = sorted[k]
        if (k < end) queue.push(k, end, depth + 1, place)
        k = end
      }
    }
    return this.ofTwo[pair]
  }

  /** A table of so many places; returns where it lies. */
  private reserve(count: number): number {
    const table = this.used
    this.used += 4 * count
    if (this.used > this.places.length) {
      const larger = new Int32Array(2 * this.used)
      larger.set(this.places)
      this.places = larger
    }
    for (let place = table; place < this.used; place += 4) this.places[place + 2] = -1
    return table
  }
}

/** A hash is an odd factor and, in the low four bits, how many bits of the product fall away. */
const placeOf = (byte: number, hash: number): number => (((byte * (hash >> 4)) & 255) >> (hash & 15)) << 2

/** By place, the number of the hash that put a byte there last: a hash is given up at the first place that two bytes want. */
const takenBy = new Uint32Array(256)
let tried = 0

/** A hash that gives all of these bytes places of their own, and few places beside them. With shift 0 every factor does. */
function perfectHash(bytes: readonly number[]): number {
  for (let shift = 8 - Math.ceil(Math.log2(bytes.length)); shift > 0; shift--) {
    for (let factor = 1; factor < 64; factor += 2) {
      const hash = (factor << 4) | shift
      tried = (tried + 1) >>> 0
      let i = 0
      for (; i < bytes.length; i++) {
        const place = placeOf(bytes[i], hash) >> 2
        if (takenBy[place] === tried) break
        takenBy[place] = tried
      }
      if (i === bytes.length) return hash
    }
  }
  return 1 << 4
}
