// BPE of long words in linear time. Tokens are guessed from the left, the longest first; a guess stands if BPE would leave it
// and the token before it side by side, which their merges tell; otherwise a shorter one is tried, and when none is left the
// token before is taken back. No position is tried twice. The idea is that of rust-gems' bpe crate (van Antwerpen and
// Neubeck, "So many tokens, so little time", 2024). Whether two neighbours could be joined is read off the word itself: the
// longest token at the left one's start is found once for each position, and the shorter ones hang on it.
import { ByteTrie } from './byte-trie.ts'
import type { RankTokens } from './rank-tokens.ts'

/** Answers kept of "can these two stand side by side": 2^(32 - 20), for words that repeat themselves. More do not pay. */
const ANSWERS_SHIFT = 20

export class LongWords {
  private readonly tokens: RankTokens
  private readonly trie: ByteTrie
  // Four a token, side by side so that they come from memory together: its length, or 0 if it was not met yet; the longest
  // other token that it starts with, or -1; of the two that it is made of the first one + 1, or 0 if that was not asked yet,
  // or less if there is none; the second one.
  private readonly facts: Int32Array
  /** First token + 1, then the second one doubled, odd if they can. */
  private readonly answers = new Int32Array(2 << (32 - ANSWERS_SHIFT))
  // The word that is being cut.
  private bytes: Uint8Array = new Uint8Array(0)
  private n = 0
  /** The longest token at each position of the word; -1 not looked up yet. */
  private matches = new Int32Array(256)
  /** Positions at which no cut can be, because everything behind them was tried. All 0 between calls. */
  private closed = new Uint8Array(256)

  constructor(tokens: RankTokens) {
    this.tokens = tokens
    this.trie = new ByteTrie(tokens)
    this.facts = new Int32Array(4 * tokens.size)
  }

  /** The tokens of a word, given as its `n` bytes, into `out` from the start; returns how many. `out` holds `n` of them. */
  encode(bytes: Uint8Array, n: number, out: Int32Array): number {
    if (this.closed.length <= n) {
      this.closed = new Uint8Array(n * 2)
      this.matches = new Int32Array(n * 2)
    }
    this.bytes = bytes
    this.n = n
    const { closed, facts } = this
    this.matches.fill(-1, 0, n)
    let count = 0
    let at = 0
    let token = this.longest(0)
    let previous = -1
    let anyClosed = false
    while (true) {
      while (token >= 0) {
        if (closed[at + facts[4 * token]] === 0 && this.canFollow(previous, token, at)) break
        token = facts[4 * token + 1]
      }
      if (token >= 0) {
        out[count++] = token
        previous = token
        at += facts[4 * token]
        if (at === n) break
        token = this.longest(at)
      } else if (count === 0) {
        // Bytes are tokens, so this is a mistake in what the tokens say of each other.
        throw new Error('LongWords: no cut of a word was found')
      } else {
        closed[at] = 1
        anyClosed = true
        count--
        at -= facts[4 * previous]
        token = facts[4 * previous + 1]
        previous = count > 0 ? out[count - 1] : -1
      }
    }
    if (anyClosed) closed.fill(0, 0, n + 1)
    return count
  }

  private longest(at: number): number {
    const token = this.matches[at]
    return token >= 0 ? token : this.findLongest(at)
  }

  private findLongest(at: number): number {
    const token = this.trie.longest(this.bytes, at, this.n)
    if (this.facts[4 * token] === 0) this.learn(token)
    return (this.matches[at] = token)
  }

  /** Meets a token and the shorter ones that hang on it. */
  private learn(token: number): void {
    const { facts, tokens, trie } = this
    const { starts, bytes } = tokens
    while (token >= 0 && facts[4 * token] === 0) {
      const shorter = trie.longest(bytes, starts[token], starts[token + 1] - 1)
      facts[4 * token] = tokens.length(token)
      facts[4 * token + 1] = shorter
      token = shorter
    }
  }

  private split(token: number): void {
    const { facts, tokens } = this
    if (facts[4 * token] === 0) this.learn(token)
    facts[4 * token + 2] = tokens.left(token) + 1
    facts[4 * token + 3] = tokens.right(token)
  }

  /** Would BPE leave the second, at `at`, behind the first, and does it make it at all? -1 is the start of the word. */
  private canFollow(first: number, second: number, at: number): boolean {
    const { answers, facts } = this
    const slot = 2 * ((Math.imul(first + 1, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> ANSWERS_SHIFT)
    if (answers[slot] === first + 2 && answers[slot + 1] >> 1 === second) return (answers[slot + 1] & 1) === 1
    if (facts[4 * second + 2] === 0) this.split(second)
    const isMade = facts[4 * second] === 1 || facts[4 * second + 2] > 0
    const answer = isMade && (first < 0 || this.staySeparate(first, second, at))
    answers[slot] = first + 2
    answers[slot + 1] = (second << 1) | (answer ? 1 : 0)
    return answer
  }

  /** As RankTokens has it, for two tokens that meet at `at`. */
  private staySeparate(left: number, right: number, at: number): boolean {
    const { facts } = this
    let limit = 0x7fffffff
    let leftLength = facts[4 * left]
    let rightLength = facts[4 * right]
    while (true) {
      // The token of all bytes of both, if there is one.
      const length = leftLength + rightLength
      let across = this.longest(at - leftLength)
      while (facts[4 * across] > length) across = facts[4 * across + 1]
      if (facts[4 * across] === length && across < limit) return false
      if (leftLength === 1 && rightLength === 1) return true
      if (leftLength > 1 && (rightLength === 1 || left > right)) {
        if (left < limit) limit = left
        left = facts[4 * left + 3]
        if (facts[4 * left + 2] === 0) this.split(left)
        leftLength = facts[4 * left]
      } else {
        // Of equal merges the left one is first, so one across the border, left of this one, goes before it.
        if (right + 1 < limit) limit = right + 1
        right = facts[4 * right + 2] - 1
        if (facts[4 * right + 2] === 0) this.split(right)
        rightLength = facts[4 * right]
      }
    }
  }
}
