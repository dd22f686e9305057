// Where Unigram starts: every substring that goes on in more than one way, the ones that cover most of the text first
// (sentencepiece, unigram_model_trainer.cc, MakeSeedSentencePieces), and all places where each occurs. Sentencepiece sorts
// the suffixes of the running text; since no piece goes beyond a word, the distinct words are enough, if each is followed
// by what follows it in the text: white space, or the end.
import type { PieceCorpus } from './piece-corpus.ts'
import { byCount } from './piece-corpus.ts'
import { type PieceRules, pieceValidity, UNKNOWN } from './piece-rules.ts'
import { commonPrefixes, sortSuffixes } from './suffix-sort.ts'

/** Ends of words, by what comes behind: the end of the text; white space, or, below that, any other character. */
const TEXT_END = -1
const WORD_END = -2

export type Seed = {
  /** The words, code points one after the other with one place between; word i is [starts[i], starts[i + 1] - 1). */
  text: Int32Array
  starts: Int32Array
  /** For each piece: a place where it stands, its length and its log probability. */
  places: Int32Array
  lengths: Int32Array
  scores: Float32Array
  /** The pieces at a place are ids[from[place]] to ids[from[place + 1] - 1], shorter ones first. */
  from: Int32Array
  ids: Int32Array
}

export function seedPieces(corpus: PieceCorpus, rules: PieceRules, seedSize: number): Seed {
  const { words, counts } = corpus
  const { maxPieceLength = 16 } = rules
  const n = words.length
  const starts = new Int32Array(n + 1)
  for (let i = 0; i < n; i++) starts[i + 1] = starts[i] + codePoints(words[i]) + 1
  const size = starts[n]
  // A word that is seen before different things stands there once for each of them, the first time where it starts.
  const ends = words.map((_, i) => endsOf(corpus, i))
  let extra = 0
  for (let i = 0; i < n; i++) extra += (ends[i].length - 1) * (starts[i + 1] - starts[i])
  const depth = maxPieceLength + 1
  const text = new Int32Array(size + extra + depth).fill(TEXT_END)
  const weights = new Float64Array(size + extra)
  const origins = new Int32Array(extra)
  let to = size
  for (let i = 0; i < n; i++) {
    let at = starts[i]
    const [[end, weight], ...others] = ends[i]
    for (const char of words[i]) {
      weights[at] = weight
      text[at++] = char.codePointAt(0)!
    }
    text[at] = end
    for (const [otherEnd, otherWeight] of others) {
      for (let from = starts[i]; from <= at; from++, to++) {
        origins[to - size] = from
        text[to] = from === at ? otherEnd : text[from]
        weights[to] = otherWeight
      }
    }
  }

  let used = 0
  const suffixes = new Int32Array(size + extra)
  for (let at = 0; at < size + extra; at++) if (text[at] > 0 && text[at] !== UNKNOWN) suffixes[used++] = at
  const sorted = suffixes.subarray(0, used)
  sortSuffixes(text, sorted, depth)
  const sums = new Float64Array(used + 1)
  for (let i = 0; i < used; i++) sums[i + 1] = sums[i] + weights[sorted[i]]

  const isValid = pieceValidity(rules)
  type Found = { left: number; right: number; length: number; coverage: number }
  const found: Found[] = []
  commonPrefixes(text, sorted, depth, (left, right, length) => {
    const place = sorted[left]
    if (length < 2 || !isValid(text, place, place + length)) return
    const count = sums[right] - sums[left]
    if (count >= 2) found.push({ left, right, length, coverage: count * length })
  })
  // Stable: equal coverage keeps the order of the suffix tree.
  found.sort((a, b) => b.coverage - a.coverage)

  // Single characters come first, all that the text has.
  const charCounts = new Map<number, number>()
  for (let i = 0; i < n; i++) {
    for (let at = starts[i]; at < starts[i + 1] - 1; at++) {
      const cp = text[at]
      if (cp !== UNKNOWN && cp !== 0) charCounts.set(cp, (charCounts.get(cp) ?? 0) + counts[i])
    }
  }
  const chars = [...charCounts].map(([cp, count]) => [String.fromCodePoint(cp), count] as const).sort(byCount)
  if (chars.length + found.length > seedSize) found.length = Math.max(0, seedSize - chars.length)
  const charIds = new Map(chars.map(([char], id) => [char.codePointAt(0)!, id]))

  const pieces = chars.length + found.length
  const places = new Int32Array(pieces)
  const lengths = new Int32Array(pieces).fill(1)
  const scores = new Float32Array(pieces)
  chars.forEach(([, count], id) => {
    scores[id] = count
  })
  const byLength: number[][] = Array.from({ length: maxPieceLength + 1 }, () => [])
  found.forEach(({ left, length, coverage }, i) => {
    const id = chars.length + i
    const place = sorted[left]
    places[id] = place < size ? place : origins[place - size]
    lengths[id] = length
    scores[id] = coverage
    byLength[length].push(i)
  })
  let sum = 0
  for (const score of scores) sum = Math.fround(sum + score)
  const logSum = Math.fround(Math.log(sum))
  for (let id = 0; id < pieces; id++) scores[id] = Math.log(scores[id]) - logSum

  const from = new Int32Array(size + 1)
  const charAt = (at: number) => (text[at] > 0 ? charIds.get(text[at]) : undefined)
  for (let at = 0; at < size; at++) if (charAt(at) !== undefined) from[at + 1]++
  for (const { left, right } of found) for (let i = left; i < right; i++) if (sorted[i] < size) from[sorted[i] + 1]++
  for (let at = 0; at < size; at++) from[at + 1] += from[at]
  const ids = new Int32Array(from[size])
  const next = from.slice()
  for (let at = 0; at < size; at++) {
    const id = charAt(at)
    if (id === undefined) continue
    places[id] = at
    ids[next[at]++] = id
  }
  for (const group of byLength) {
    for (const i of group) {
      const { left, right } = found[i]
      for (let k = left; k < right; k++) if (sorted[k] < size) ids[next[sorted[k]]++] = chars.length + i
    }
  }
  return { text, starts, places, lengths, scores, from, ids }
}

/** What comes behind a word, as a negative number, and how often. */
function endsOf({ counts, last, followers }: PieceCorpus, word: number): [end: number, count: number][] {
  const behind = followers?.[word]
  if (behind)
    return [...behind].map(([char, count]) => [char === '' ? TEXT_END : WORD_END - char.codePointAt(0)!, count])
  if (!last || last[word] === 0) return [[WORD_END, counts[word]]]
  if (last[word] === counts[word]) return [[TEXT_END, counts[word]]]
  return [
    [WORD_END, counts[word] - last[word]],
    [TEXT_END, last[word]],
  ]
}

function codePoints(text: string): number {
  let n = 0
  for (let i = 0; i < text.length; n++) i += text.codePointAt(i)! > 0xffff ? 2 : 1
  return n
}
