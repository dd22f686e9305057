// Training Unigram (Kudo 2018) as sentencepiece does (unigram_model_trainer.cc): start from every frequent substring, then
// by turns fit the probabilities by EM and prune the pieces whose loss costs the likelihood least. A trie of all suffixes,
// no deeper than a piece is long, finds the substrings that can be continued in two ways.
import { Unigram } from '../models/unigram.ts'
import { UnitTrie } from '../models/unit-trie.ts'
import { scriptNames, scriptTable } from '../unicode/scripts.ts'
import { compareCodePoints } from './alphabet.ts'
import type { Trainer, TrainerOptions } from './trainer.ts'
import { expectedCounts, type Piece, pieceTrie, twoBest, viterbi } from './unigram-lattice.ts'

export type UnigramTrainerOptions = Omit<TrainerOptions, 'minFrequency' | 'limitAlphabet'> & {
  unkToken?: string
  /** Share of all characters that the alphabet covers; rarer ones become unknown. Default 0.9995, as in sentencepiece. */
  characterCoverage?: number
  /** Longest piece, in characters. Default 16. */
  maxPieceLength?: number
  /** Pieces to start from at most. Default 1,000,000. */
  seedSize?: number
  /** Share of the pieces that a round of pruning keeps. Default 0.75. */
  shrinkingFactor?: number
  /** Rounds of EM between prunings. Default 2. */
  subIterations?: number
  /** Pieces do not mix scripts. Default true. */
  splitByScript?: boolean
}

/** Pieces expected less often than this are dropped by EM. */
const MIN_EXPECTED = 0.5
/** Stands for white space in the words; only the start of a piece may have it. */
const SPACE = '\u2581'

export class UnigramTrainer implements Trainer {
  readonly options: UnigramTrainerOptions

  constructor(options: UnigramTrainerOptions = {}) {
    this.options = options
  }

  train(words: ReadonlyMap<string, number>): Unigram {
    const { vocabSize = 8000, shrinkingFactor = 0.75, subIterations = 2, specialTokens = [], onProgress } = this.options
    const required = this.requiredChars(words)
    const sentences = splitAtUnknown(words, new Set(required.keys()))
    let pieces = this.seed(sentences, required)
    const specials = specialTokens.map(token => (typeof token === 'string' ? token : token.content))
    const unkToken = this.options.unkToken ?? '<unk>'
    if (!specials.includes(unkToken)) specials.unshift(unkToken)
    const wanted = Math.floor(vocabSize * 1.1)
    while (true) {
      for (let i = 0; i < subIterations; i++) pieces = maximize(pieces, expectedCounts(pieces, sentences))
      onProgress?.({ stage: 'train', done: wanted, total: pieces.length })
      if (pieces.length <= wanted) break
      const before = pieces.length
      pieces = prune(pieces, sentences, Math.max(wanted, Math.floor(shrinkingFactor * pieces.length)))
      // What is always kept may be more than is wanted; then pruning gets no further.
      if (pieces.length === before) break
    }
    const final = finalize(pieces, required, vocabSize - specials.length)
    return new Unigram({
      vocab: [...specials.map(token => [token, 0] as const), ...final],
      unkId: specials.indexOf(unkToken),
      // Specials are no pieces: they have no probability and never occur.
      excluded: specials.keys(),
    })
  }

  /** Characters that must be in the vocabulary: the most frequent, until they cover enough of the text. */
  private requiredChars(words: ReadonlyMap<string, number>): Map<string, number> {
    const { characterCoverage = 0.9995, initialAlphabet = [] } = this.options
    const counts = new Map<string, number>()
    let total = 0
    for (const [word, count] of words) {
      for (const char of word) counts.set(char, (counts.get(char) ?? 0) + count)
      total += count * [...word].length
    }
    const out = new Map<string, number>()
    let covered = 0
    for (const [char, count] of [...counts].sort(byCount)) {
      if (covered / total >= characterCoverage) break
      covered += count
      if (char !== '\0') out.set(char, count)
    }
    for (const char of initialAlphabet) if (!out.has(char)) out.set(char, counts.get(char) ?? 0)
    return out
  }

  private seed(sentences: readonly Sentence[], required: ReadonlyMap<string, number>): Piece[] {
    const { maxPieceLength = 16, seedSize = 1_000_000 } = this.options
    const found = substrings(sentences, maxPieceLength)
    const isValid = this.validity()
    const seeds: [string, number][] = []
    for (const [text, count] of found) {
      const length = [...text].length
      if (length > 1 && length <= maxPieceLength && isValid(text)) seeds.push([text, count * length])
    }
    seeds.sort(byCount)
    if (seeds.length > seedSize) seeds.length = seedSize
    const all = [...[...required].sort(byCount), ...seeds]
    const logTotal = Math.log(all.reduce((sum, [, count]) => sum + count, 0))
    return all.map(([text, count]) => ({ text, score: Math.log(Math.max(count, 1)) - logTotal }))
  }

  private validity(): (text: string) => boolean {
    const { splitByScript = true } = this.options
    const names = scriptNames()
    const table = scriptTable()
    const han = names.indexOf('Han')
    const asHan = new Set([names.indexOf('Hiragana'), names.indexOf('Katakana')])
    return text => {
      let previous = -1
      let first = true
      for (const char of text) {
        const cp = char.codePointAt(0)!
        if (char === SPACE) {
          if (!first) return false
        } else {
          const script = cp === 0x30fc || asHan.has(table[cp]) ? han : table[cp]
          if (splitByScript && previous >= 0 && previous !== script) return false
          previous = script
        }
        first = false
      }
      return true
    }
  }
}

/** A stretch of text without unknown characters, and how often it comes. */
export type Sentence = { text: string; count: number }

const byCount = (a: readonly [string, number], b: readonly [string, number]) =>
  b[1] - a[1] || compareCodePoints(a[0], b[0])

/** No piece holds an unknown character, so words fall apart there. */
function splitAtUnknown(words: ReadonlyMap<string, number>, known: ReadonlySet<string>): Sentence[] {
  const out = new Map<string, number>()
  for (const [word, count] of words) {
    let part = ''
    const flush = () => {
      if (part !== '') out.set(part, (out.get(part) ?? 0) + count)
      part = ''
    }
    for (const char of word) {
      if (known.has(char)) part += char
      else flush()
    }
    flush()
  }
  return [...out].map(([text, count]) => ({ text, count }))
}

/** Substrings that are followed by two different things, with how often they come. */
function substrings(sentences: readonly Sentence[], maxLength: number): Map<string, number> {
  const trie = new UnitTrie()
  // Per node: how many suffixes pass it, and how many different units follow it.
  let counts = new Float64Array(1 << 16)
  let branches = new Uint8Array(1 << 16)
  const depth = 2 * maxLength
  for (const { text, count } of sentences) {
    for (let start = 0; start < text.length; start++) {
      let node = 0
      for (let at = start; at <= text.length && at - start <= depth; at++) {
        const unit = at < text.length ? text.charCodeAt(at) : 0
        const [child, isNew] = trie.childOrNew(node, unit)
        // In running text one word is followed by many, so its end is a way to go on that is never the only one.
        if (at === text.length) branches[node] = 2
        else if (isNew) branches[node] = Math.min(2, branches[node] + 1)
        if (child >= counts.length) {
          const [moreCounts, moreBranches] = [new Float64Array(counts.length * 2), new Uint8Array(counts.length * 2)]
          moreCounts.set(counts)
          moreBranches.set(branches)
          counts = moreCounts
          branches = moreBranches
        }
        counts[child] += count
        node = child
      }
    }
  }
  const out = new Map<string, number>()
  for (const { text } of sentences) {
    for (let start = 0; start < text.length; start++) {
      if (isSecondHalf(text, start)) continue
      let node = 0
      for (let at = start; at < text.length && at - start < depth; at++) {
        node = trie.child(node, text.charCodeAt(at))
        if (counts[node] < 2) break
        if (branches[node] < 2 || isSecondHalf(text, at + 1)) continue
        const piece = text.slice(start, at + 1)
        if (!out.has(piece)) out.set(piece, counts[node])
      }
    }
  }
  return out
}

const isSecondHalf = (text: string, at: number) => {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** The M step, with the digamma function: the expectation under a Dirichlet prior favours fewer pieces. */
function maximize(pieces: readonly Piece[], expected: Float64Array): Piece[] {
  const kept: Piece[] = []
  let sum = 0
  pieces.forEach((piece, i) => {
    if (expected[i] < MIN_EXPECTED) return
    kept.push({ text: piece.text, score: expected[i] })
    sum += expected[i]
  })
  const logSum = digamma(sum)
  for (const piece of kept) piece.score = digamma(piece.score) - logSum
  return kept
}

function prune(pieces: readonly Piece[], sentences: readonly Sentence[], size: number): Piece[] {
  const trie = pieceTrie(pieces)
  // How often each piece is in the best cut of a word, and the words (by count) that have it.
  const used = new Float64Array(pieces.length)
  const inWords = new Float64Array(pieces.length)
  let total = 0
  for (const { text, count } of sentences) {
    total += count
    for (const id of viterbi(pieces, trie, text)) {
      if (id < 0) continue
      used[id] += count
      inWords[id] += count
    }
  }
  const sum = used.reduce((a, b) => a + b, 0)
  const logSum = Math.log(sum)
  const kept: Piece[] = []
  const candidates: [index: number, loss: number][] = []
  pieces.forEach((piece, i) => {
    const [best, second] = twoBest(pieces, trie, piece.text)
    if (!second) {
      if (used[i] > 0) kept.push(piece)
      return
    }
    if (best.length > 1 || used[i] === 0) return
    const alternatives = second.filter(id => id >= 0)
    const logAlternative = Math.log(sum + used[i] * (second.length - 1))
    const after = alternatives.reduce((all, id) => all + Math.log(used[id] + used[i]) - logAlternative, 0)
    candidates.push([i, (inWords[i] / total) * (Math.log(used[i]) - logSum - after)])
  })
  candidates.sort((a, b) => b[1] - a[1] || a[0] - b[0])
  for (const [i] of candidates) {
    if (kept.length >= size) break
    kept.push(pieces[i])
  }
  return kept
}

/** The required characters, then the best pieces until the vocabulary is full. By score. */
function finalize(pieces: readonly Piece[], required: ReadonlyMap<string, number>, size: number): [string, number][] {
  const scores = new Map(pieces.map(piece => [piece.text, piece.score]))
  const min = pieces.reduce((low, piece) => Math.min(low, piece.score), 0)
  const out = new Map<string, number>()
  let penalty = 0
  for (const [char] of [...required].sort(byCount)) {
    const score = scores.get(char)
    out.set(char, score ?? min + penalty)
    // Each missing character a little above the one before, so that no two scores are equal.
    if (score === undefined) penalty += 0.0001
  }
  for (const [text, score] of [...scores].sort(byCount)) {
    if (out.size >= size) break
    if (!out.has(text)) out.set(text, score)
  }
  return [...out].sort(byCount)
}

/** The logarithmic derivative of the gamma function, by recurrence and its asymptotic series. */
export function digamma(x: number): number {
  let result = 0
  for (; x < 7; x++) result -= 1 / x
  x -= 0.5
  const xx = 1 / (x * x)
  return result + Math.log(x) + xx * (1 / 24 + xx * (-7 / 960 + xx * (31 / 8064 - (127 / 30720) * xx)))
}
