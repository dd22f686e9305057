// What sentencepiece's trainers learn from: words with their counts, rare characters replaced by one that is in no piece,
// the most frequent words first (trainer_interface.cc). Characters are code points.
import { TokenizerError } from '../errors.ts'
import { compareCodePoints } from './alphabet.ts'
import { UNKNOWN } from './piece-rules.ts'

export type PieceCorpus = {
  /** Words, the most frequent first, ties in order of code points. */
  words: string[]
  counts: Float64Array
  /** How often each word came last in its text; undefined if nobody counted. */
  last: Float64Array | undefined
  /** How often which character stood behind each word, '' being the end of a text; undefined if nobody counted. */
  followers: ReadonlyMap<string, number>[] | undefined
  /** The characters that get into the vocabulary, the most frequent first, with their counts. */
  alphabet: [char: string, count: number][]
}

/** By word, how often which character stood behind it; '' is the end of a text. */
export type Followers = ReadonlyMap<string, ReadonlyMap<string, number>>

export type AlphabetOptions = {
  /** Share of all characters that the alphabet covers; rarer ones become unknown. Default 0.9995, as in sentencepiece. */
  characterCoverage?: number
  /** Characters that are in the alphabet in any case. */
  initialAlphabet?: Iterable<string>
}

export function pieceCorpus(
  words: ReadonlyMap<string, number>,
  last: ReadonlyMap<string, number> | undefined,
  options: AlphabetOptions,
  followers?: Followers,
): PieceCorpus {
  const alphabet = coveringAlphabet(words, options)
  if (alphabet.length === 0) throw new TokenizerError('train: no text to learn from: give texts that are not empty')
  const known = new Set(alphabet.map(([char]) => char))
  const unknown = String.fromCodePoint(UNKNOWN)
  const merged = new Map<string, number>()
  const mergedLast = last && new Map<string, number>()
  const mergedFollowers = followers && new Map<string, Map<string, number>>()
  for (const [word, count] of words) {
    let spelled = ''
    for (const char of word) spelled += known.has(char) ? char : unknown
    merged.set(spelled, (merged.get(spelled) ?? 0) + count)
    mergedLast?.set(spelled, (mergedLast.get(spelled) ?? 0) + (last?.get(word) ?? 0))
    if (!mergedFollowers) continue
    const behind = mergedFollowers.get(spelled) ?? new Map<string, number>()
    mergedFollowers.set(spelled, behind)
    for (const [char, times] of followers?.get(word) ?? []) {
      const shown = char === '' || known.has(char) ? char : unknown
      behind.set(shown, (behind.get(shown) ?? 0) + times)
    }
  }
  merged.delete('')
  const sorted = [...merged].sort(byCount)
  return {
    words: sorted.map(([word]) => word),
    counts: Float64Array.from(sorted, ([, count]) => count),
    last: mergedLast && Float64Array.from(sorted, ([word]) => mergedLast.get(word)!),
    followers: mergedFollowers && sorted.map(([word]) => mergedFollowers.get(word)!),
    alphabet,
  }
}

/** The most frequent characters until they cover enough of the text; single precision, as sentencepiece compares. */
function coveringAlphabet(words: ReadonlyMap<string, number>, options: AlphabetOptions): [string, number][] {
  const { characterCoverage = 0.9995, initialAlphabet = [] } = options
  const counts = new Map<string, number>()
  let total = 0
  for (const [word, count] of words) {
    for (const char of word) {
      if (char === '\0') continue
      counts.set(char, (counts.get(char) ?? 0) + count)
      total += count
    }
  }
  const wanted = new Set<string>()
  for (const text of initialAlphabet) for (const char of text) if (char !== '\0') wanted.add(char)
  for (const char of wanted) if (!counts.has(char)) counts.set(char, 0)
  const sorted = [...counts].sort((a, b) => +wanted.has(b[0]) - +wanted.has(a[0]) || byCount(a, b))
  const out: [string, number][] = []
  let covered = 0
  for (const [char, count] of sorted) {
    if (Math.fround(covered / total) >= Math.fround(characterCoverage)) break
    covered += count
    if (char !== '\t') out.push([char, count])
  }
  return out.sort(byCount)
}

/** The higher count first, equal counts in order of code points. */
export const byCount = (a: readonly [string, number], b: readonly [string, number]): number =>
  b[1] - a[1] || compareCodePoints(a[0], b[0])
