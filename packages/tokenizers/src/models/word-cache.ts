// Remembers the tokens of words, for models whose work on a word is worth more than a look-up. Bounded: emptied when full,
// so that fresh text cannot make it grow without end.
import type { Token } from './model.ts'

const MAX_WORDS = 16384
/** Longer words are not kept: they rarely come twice. */
const MAX_LENGTH = 256

export class WordCache {
  private readonly words = new Map<string, Token[]>()

  get(word: string, make: (word: string) => Token[]): Token[] {
    if (word.length > MAX_LENGTH) return make(word)
    let tokens = this.words.get(word)
    if (tokens === undefined) {
      tokens = make(word)
      if (this.words.size >= MAX_WORDS) this.words.clear()
      this.words.set(word, tokens)
    }
    return tokens
  }
}
