// Training BPE by the rules of the Rust library: pairs are counted over distinct words times their counts; the most
// frequent pair is merged first, ties going to the smaller pair of ids; counts are kept up to date by the words that hold
// the pair, not recounted.
import { scoreMerges } from '../formats/score-merges.ts'
import { BPE } from '../models/bpe.ts'
import { alphabet } from './alphabet.ts'
import { type BpePieceOptions, bpePieces } from './bpe-pieces.ts'
import { PairCounts } from './pair-counts.ts'
import type { Trainer, TrainerOptions } from './trainer.ts'

export type BpeTrainerOptions = TrainerOptions & {
  /**
   * Whose rules: by Hugging Face's, ties go to the smaller pair of ids; by sentencepiece's, to the shorter piece and then to
   * the one that comes first, pieces are held to `pieces`, and the alphabet comes last. Default `'huggingface'`.
   */
  rules?: 'huggingface' | 'sentencepiece'
  /** What may be a piece, and what share of the characters is covered, by sentencepiece's rules. */
  pieces?: Omit<BpePieceOptions, 'initialAlphabet' | 'onProgress'>
  /** By sentencepiece's rules: the token for characters outside the alphabet. Default `<unk>`. */
  unkToken?: string
  continuingSubwordPrefix?: string | null
  endOfWordSuffix?: string | null
  /** Longest token, in characters. */
  maxTokenLength?: number
}

export class BpeTrainer implements Trainer {
  readonly options: BpeTrainerOptions

  constructor(options: BpeTrainerOptions = {}) {
    this.options = options
  }

  train(words: ReadonlyMap<string, number>): BPE {
    const { rules = 'huggingface' } = this.options
    switch (rules) {
      case 'huggingface':
        return this.trainPairs(words)
      case 'sentencepiece':
        return this.trainPieces(words)
      default:
        return rules satisfies never
    }
  }

  private trainPieces(words: ReadonlyMap<string, number>): BPE {
    const { vocabSize = 30000, specialTokens = [], unkToken = '<unk>', initialAlphabet, onProgress } = this.options
    const specials = specialTokens.map(token => (typeof token === 'string' ? token : token.content))
    if (!specials.includes(unkToken)) specials.unshift(unkToken)
    const pieces = bpePieces(words, {
      ...this.options.pieces,
      ...(initialAlphabet && { initialAlphabet }),
      ...(onProgress && { onProgress }),
      vocabSize,
      reserved: specials.length,
    })
    const tokens = [...specials, ...pieces]
    const scores = tokens.map((_, id) => (id < specials.length ? 0 : specials.length - id))
    return new BPE({
      vocab: tokens.map((token, id) => [token, id] as const),
      merges: scoreMerges(tokens, scores, id => id >= specials.length),
      unkToken,
      fuseUnk: true,
    })
  }

  private trainPairs(words: ReadonlyMap<string, number>): BPE {
    const { vocabSize = 30000, minFrequency = 0, maxTokenLength = Number.POSITIVE_INFINITY, onProgress } = this.options
    const prefix = this.options.continuingSubwordPrefix ?? ''
    const suffix = this.options.endOfWordSuffix ?? ''
    const tokens: string[] = []
    const ids = new Map<string, number>()
    const idOf = (token: string): number => {
      let id = ids.get(token)
      if (id === undefined) {
        id = tokens.length
        ids.set(token, id)
        tokens.push(token)
      }
      return id
    }
    for (const token of this.options.specialTokens ?? []) idOf(typeof token === 'string' ? token : token.content)
    for (const char of alphabet(words, this.options.initialAlphabet, this.options.limitAlphabet)) idOf(char)
    const known = new Set(tokens)

    // All words in one array of symbols; a word shrinks in place as its symbols merge.
    const pairs = new PairCounts()
    let total = 0
    for (const word of words.keys()) total += word.length
    const symbols = new Int32Array(total)
    const starts = new Int32Array(words.size + 1)
    const lengths = new Int32Array(words.size)
    const counts = new Float64Array(words.size)
    let at = 0
    let index = 0
    for (const [word, count] of words) {
      starts[index] = at
      counts[index] = count
      let i = 0
      for (const char of word) {
        const end = i + char.length
        if (known.has(char)) symbols[at++] = idOf((i > 0 ? prefix : '') + char + (end === word.length ? suffix : ''))
        i = end
      }
      lengths[index] = at - starts[index]
      for (let k = starts[index]; k + 1 < at; k++) pairs.change(symbols[k], symbols[k + 1], count, index)
      index++
    }
    pairs.flush()

    const chars = tokens.map(token => [...token].length)
    const merges: [string, string][] = []
    while (tokens.length < vocabSize) {
      const best = pairs.takeBest()
      if (!best || best.count < 1 || best.count < minFrequency) break
      const { left, right } = best
      const tail = tokens[right].startsWith(prefix) ? tokens[right].slice(prefix.length) : tokens[right]
      const merged = idOf(tokens[left] + tail)
      chars[merged] = [...tokens[merged]].length
      merges.push([tokens[left], tokens[right]])
      for (const word of best.words) {
        const count = counts[word]
        const start = starts[word]
        const n = lengths[word]
        let to = start
        for (let from = start; from < start + n; from++) {
          if (symbols[from] !== left || from + 1 >= start + n || symbols[from + 1] !== right) {
            symbols[to++] = symbols[from]
            continue
          }
          if (to > start) {
            const previous = symbols[to - 1]
            pairs.change(previous, left, -count, word)
            if (chars[previous] + chars[merged] <= maxTokenLength) pairs.change(previous, merged, count, word)
          }
          if (from + 2 < start + n) {
            const next = symbols[from + 2]
            pairs.change(right, next, -count, word)
            if (chars[next] + chars[merged] <= maxTokenLength) pairs.change(merged, next, count, word)
          }
          symbols[to++] = merged
          from++
        }
        lengths[word] = to - start
      }
      pairs.flush()
      if (onProgress && (merges.length & 63) === 0) {
        onProgress({ stage: 'train', done: tokens.length, total: vocabSize })
      }
    }
    onProgress?.({ stage: 'train', done: tokens.length, total: tokens.length })
    return new BPE({
      vocab: ids,
      merges,
      continuingSubwordPrefix: this.options.continuingSubwordPrefix,
      endOfWordSuffix: this.options.endOfWordSuffix,
    })
  }
}
