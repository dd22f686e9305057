// BPE of long words in linear time. Tokens are guessed from the left, the longest first; a guess stands if BPE would leave it
// and the token before it side by side, which their merges tell; otherwise a shorter one is tried, and when none is left the
// token before is taken back. No position is tried twice. The idea is that of rust-gems' bpe crate (van Antwerpen and
// Neubeck, "So many tokens, so little time", 2024).
import { ByteTrie } from './byte-trie.ts'
import type { RankTokens } from './rank-tokens.ts'

/** Answers kept of "can these two stand side by side"; a power of two. */
const ANSWERS = 1 << 16

export class LongWords {
  private readonly tokens: RankTokens
  private readonly trie: ByteTrie
  /** By token: the longest other token that it starts with; -1 if there is none, -2 not looked up yet. */
  private readonly shorter: Int32Array
  /** First token + 1, then the second one doubled, odd if they can. */
  private readonly answers = new Int32Array(2 * ANSWERS)
  /** Positions at which no cut can be, because everything behind them was tried. All 0 between calls. */
  private closed = new Uint8Array(256)

  constructor(tokens: RankTokens) {
    this.tokens = tokens
    this.trie = new ByteTrie(tokens)
    this.shorter = new Int32Array(tokens.size).fill(-2)
  }

  /** The tokens of a word, given as its `n` bytes, into `out` from the start; returns how many. `out` holds `n` of them. */
  encode(bytes: Uint8Array, n: number, out: Int32Array): number {
    const { trie, tokens } = this
    const { starts } = tokens
    if (this.closed.length <= n) this.closed = new Uint8Array(n * 2)
    const { closed } = this
    let count = 0
    let at = 0
    let token = trie.longest(bytes, 0, n)
    let anyClosed = false
    while (true) {
      const previous = count > 0 ? out[count - 1] : -1
      while (token >= 0) {
        const end = at + starts[token + 1] - starts[token]
        if (closed[end] === 0 && this.canFollow(previous, token)) break
        token = this.nextShorter(token)
      }
      if (token >= 0) {
        out[count++] = token
        at += starts[token + 1] - starts[token]
        if (at === n) break
        token = trie.longest(bytes, at, n)
      } else if (count === 0) {
        // Bytes are tokens, so this is a mistake in what the tokens say of each other.
        throw new Error('LongWords: no cut of a word was found')
      } else {
        closed[at] = 1
        anyClosed = true
        count--
        at -= starts[previous + 1] - starts[previous]
        token = this.nextShorter(previous)
      }
    }
    if (anyClosed) closed.fill(0, 0, n + 1)
    return count
  }

  private nextShorter(token: number): number {
    let next = this.shorter[token]
    if (next === -2) {
      const { bytes, starts } = this.tokens
      next = this.trie.longest(bytes, starts[token], starts[token + 1] - 1)
      this.shorter[token] = next
    }
    return next
  }

  /** Would BPE leave the second behind the first, and does it make the second at all? -1 stands for the start of the word. */
  private canFollow(first: number, second: number): boolean {
    const { answers } = this
    const slot = 2 * ((Math.imul(first + 1, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 16)
    if (answers[slot] === first + 2 && answers[slot + 1] >> 1 === second) return (answers[slot + 1] & 1) === 1
    const { tokens } = this
    const isMade = tokens.length(second) === 1 || tokens.left(second) >= 0
    const answer = isMade && (first < 0 || tokens.staySeparate(first, second, 0x7fffffff))
    answers[slot] = first + 2
    answers[slot + 1] = (second << 1) | (answer ? 1 : 0)
    return answer
  }
}
