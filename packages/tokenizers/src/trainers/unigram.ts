// Training Unigram as sentencepiece does (unigram_model_trainer.cc; Kudo 2018): start from many substrings, fit their
// probabilities by EM, prune the pieces that are missed least, and again until few enough are left. With the Metaspace
// pre-tokenizer and one text a line, the pieces and scores are those of spm_train.
import { Unigram } from '../models/unigram.ts'
import { type AlphabetOptions, byCount, type Followers, pieceCorpus } from './piece-corpus.ts'
import type { PieceRules } from './piece-rules.ts'
import type { Trainer, TrainerOptions } from './trainer.ts'
import { Lattices } from './unigram-lattice.ts'
import { seedPieces } from './unigram-seed.ts'

export type UnigramTrainerOptions = Omit<TrainerOptions, 'minFrequency' | 'limitAlphabet'> &
  AlphabetOptions &
  PieceRules & {
    unkToken?: string
    /** Pieces to start from at most. Default 1,000,000. */
    seedSize?: number
    /** Share of the pieces that a round of pruning keeps. Default 0.75. */
    shrinkingFactor?: number
    /** Rounds of EM between prunings. Default 2. */
    subIterations?: number
  }

/** Pieces expected less often than this are dropped by EM. */
const MIN_EXPECTED = 0.5

const { fround } = Math

export class UnigramTrainer implements Trainer {
  readonly options: UnigramTrainerOptions

  constructor(options: UnigramTrainerOptions = {}) {
    this.options = options
  }

  train(words: ReadonlyMap<string, number>, last?: ReadonlyMap<string, number>): Unigram {
    const { vocabSize = 8000, specialTokens = [] } = this.options
    const specials = specialTokens.map(token => (typeof token === 'string' ? token : token.content))
    const unkToken = this.options.unkToken ?? '<unk>'
    if (!specials.includes(unkToken)) specials.unshift(unkToken)
    const pieces = unigramPieces(words, last, { ...this.options, vocabSize, reserved: specials.length })
    return new Unigram({
      vocab: [...specials.map(token => [token, 0] as const), ...pieces],
      unkId: specials.indexOf(unkToken),
      // Specials are no pieces: they have no probability and never occur.
      excluded: specials.keys(),
    })
  }
}

/**
 * Pieces and their log probabilities, the likeliest first.
 * @param options `vocabSize` counts `reserved` entries that are no pieces
 */
export function unigramPieces(
  words: ReadonlyMap<string, number>,
  last: ReadonlyMap<string, number> | undefined,
  options: UnigramTrainerOptions & { vocabSize: number; reserved: number; followers?: Followers },
): [piece: string, score: number][] {
  const { vocabSize, reserved, shrinkingFactor = 0.75, subIterations = 2, seedSize = 1_000_000, onProgress } = options
  const corpus = pieceCorpus(words, last, options, options.followers)
  const lattices = new Lattices(seedPieces(corpus, options, seedSize), corpus.counts)
  const wanted = Math.floor(vocabSize * 1.1)
  while (true) {
    for (let i = 0; i < subIterations; i++) maximize(lattices, lattices.expected())
    onProgress?.({ stage: 'train', done: wanted, total: lattices.pieces })
    if (lattices.pieces <= wanted) break
    const before = lattices.pieces
    prune(lattices, Math.max(wanted, Math.floor(fround(fround(shrinkingFactor) * before))))
    // What is always kept may be more than is wanted; then pruning gets no further.
    if (lattices.pieces === before) break
  }
  return finalize(lattices, corpus.alphabet, vocabSize - reserved)
}

/** The M step, with the digamma function: the expectation under a Dirichlet prior favours fewer pieces. */
function maximize(lattices: Lattices, expected: Float32Array): void {
  const kept: number[] = []
  let sum = 0
  for (let id = 0; id < expected.length; id++) {
    if (expected[id] < MIN_EXPECTED) continue
    kept.push(id)
    sum = fround(sum + expected[id])
  }
  const logSum = fround(digamma(sum))
  lattices.keep(
    kept,
    Float32Array.from(kept, id => digamma(expected[id]) - logSum),
  )
}

/** Takes away the pieces whose loss costs the text the least likelihood, down to a number of pieces. */
function prune(lattices: Lattices, size: number): void {
  const { used, inWords, total } = lattices.bestCuts()
  let exact = 0
  for (const count of used) exact += count
  const sum = fround(exact)
  const logSum = fround(Math.log(sum))
  const kept: number[] = []
  const candidates: [id: number, loss: number][] = []
  for (let id = 0; id < lattices.pieces; id++) {
    const count = used[id]
    if (count === 0) continue
    const standIns = lattices.standIns(id)
    if (!standIns) continue
    if (standIns.length === 0) {
      kept.push(id)
      continue
    }
    const share = fround(inWords[id] / total)
    const logWith = fround(Math.log(count) - logSum)
    // One would expect the number of stand-ins here; spm_train 0.1.97 takes the number of pieces, and so prunes otherwise.
    const logSumWithout = fround(Math.log(fround(sum + fround(count * (lattices.pieces - 1)))))
    let logWithout = 0
    for (const other of standIns) {
      logWithout = fround(logWithout + (Math.log(fround(used[other] + count)) - logSumWithout))
    }
    candidates.push([id, fround(share * fround(logWith - logWithout))])
  }
  candidates.sort((a, b) => b[1] - a[1] || a[0] - b[0])
  for (const [id] of candidates) {
    if (kept.length === size) break
    kept.push(id)
  }
  lattices.keep(
    kept,
    Float32Array.from(kept, id => lattices.scores[id]),
  )
}

/** The alphabet, then the best pieces until the vocabulary is full. By score. */
function finalize(
  lattices: Lattices,
  alphabet: readonly (readonly [string, number])[],
  size: number,
): [string, number][] {
  const scores = new Map<string, number>()
  for (let id = 0; id < lattices.pieces; id++) scores.set(lattices.text(id), lattices.scores[id])
  const out = new Map<string, number>()
  const lowest = lattices.lowestScore
  let penalty = 0
  for (const [char] of alphabet) {
    const score = scores.get(char)
    out.set(char, score ?? fround(lowest + penalty))
    // Each missing character a little above the one before, so that no two scores are equal.
    if (score === undefined) penalty = fround(penalty + fround(0.0001))
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
  const inverse = 1 / x
  const xx = inverse * inverse
  const xxxx = xx * xx
  return result + Math.log(x) + (1 / 24) * xx - (7 / 960) * xxxx + (31 / 8064) * xxxx * xx - (127 / 30720) * xxxx * xxxx
}
