// Sentences, by what Punkt found to matter (Kiss and Strunk 2006): a period ends a sentence unless it belongs to an
// abbreviation, and abbreviations can be learnt from a text without anyone naming them: short words that come with a period
// far more often than without.

/** A sentence and where it stands, in UTF-16 units. */
export type Sentence = { text: string; start: number; end: number }

export type SentenceOptions = {
  /** Words, lower case and without their last period, whose period does not end a sentence. Default: common English ones. */
  abbreviations?: Iterable<string>
}

const english =
  'a.m p.m e.g i.e etc vs cf al viz ca approx dept est fig figs inc ltd co corp mr mrs ms messrs dr prof rev hon st sr jr gen col maj capt lt sgt gov sen rep pres supt jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun no nos vol vols ed eds pp p ch sec art op rt ave blvd rd mt ft u.s u.k u.n ph.d'

/** After these an abbreviation is followed by a name, so a capital letter says nothing. */
const titles = new Set(
  'mr mrs ms messrs dr prof rev hon st gen col maj capt lt sgt gov sen rep pres supt no vs e.g i.e cf p pp fig vol mt ft'.split(
    ' ',
  ),
)

/** What may close a sentence behind its last mark. */
const CLOSERS = '"\'\u2019\u201d\u00bb)\\]}'
const END = new RegExp(`([.!?\u2026]+|[\u3002\uff01\uff1f]+)([${CLOSERS}]*)`, 'gu')

export class SentenceSplitter {
  readonly abbreviations: ReadonlySet<string>

  constructor(options: SentenceOptions = {}) {
    this.abbreviations = new Set(options.abbreviations ?? english.split(' '))
  }

  /** A splitter whose abbreviations were learnt from a text of the kind it is for, some thousand words at least. */
  static train(text: string, options: SentenceOptions = {}): SentenceSplitter {
    return new SentenceSplitter({ abbreviations: [...learn(text), ...(options.abbreviations ?? english.split(' '))] })
  }

  split(text: string): Sentence[] {
    const out: Sentence[] = []
    let start = 0
    const push = (end: number) => {
      const part = text.slice(start, end)
      const from = start + (part.length - part.trimStart().length)
      const trimmed = part.trim()
      if (trimmed !== '') out.push({ text: trimmed, start: from, end: from + trimmed.length })
      start = end
    }
    // An empty line ends a sentence whatever stands before it.
    for (const match of text.matchAll(new RegExp(`${END.source}|\\n[^\\S\\n]*\\n`, 'gu'))) {
      const end = match.index + match[0].length
      if (match[1] === undefined || this.endsSentence(text, match.index, match[1], end)) push(end)
    }
    push(text.length)
    return out
  }

  private endsSentence(text: string, at: number, mark: string, end: number): boolean {
    if (/[\u3002\uff01\uff1f]/.test(mark)) return true
    // Inside a word or number: 3.14, example.org.
    if (end < text.length && !/\s/.test(text[end])) return false
    const next = /\S/u.exec(text.slice(end, end + 200))?.[0]
    if (next === undefined) return true
    const startsLower = /\p{Ll}/u.test(next)
    if (mark !== '.') return !startsLower
    const word = /[\p{L}\p{N}.'\u2019-]*$/u.exec(text.slice(Math.max(0, at - 40), at))![0].toLowerCase()
    // A single letter is an initial: J. S. Bach.
    if (/^\p{L}$/u.test(word) && word !== 'i') return false
    if (!this.abbreviations.has(word)) return !startsLower
    return !startsLower && !titles.has(word) && !/[\p{N}(]/u.test(next)
  }
}

/** The sentences of a text. */
export function sentences(text: string, options: SentenceOptions = {}): Sentence[] {
  return new SentenceSplitter(options).split(text)
}

/** Abbreviations by Punkt's score: the likelihood ratio of "always with a period", weighed by length and inner periods. */
function learn(text: string): string[] {
  const withPeriod = new Map<string, number>()
  const without = new Map<string, number>()
  let periods = 0
  let total = 0
  for (const [token] of text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}.'\u2019-]*/gu)) {
    total++
    const isEnded = token.endsWith('.')
    const word = token.replace(/\.+$/, '').toLowerCase()
    if (isEnded) periods++
    const counts = isEnded ? withPeriod : without
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const p = periods / Math.max(1, total)
  const out: string[] = []
  for (const [word, ended] of withPeriod) {
    if (!/\p{L}/u.test(word)) continue
    const plain = without.get(word) ?? 0
    const n = ended + plain
    const logOf = (q: number) => ended * Math.log(q) + plain * Math.log(1 - q)
    const ratio = 2 * (logOf(0.99) - logOf(Math.min(0.98, Math.max(p, 1e-6))))
    const letters = word.replace(/\./g, '').length
    const inner = word.split('.').length - 1
    // Long words and words often seen without a period count less (sections 4.1.1 to 4.1.3 of the paper).
    const score = ratio * Math.exp(-letters) * (inner + 1) * letters ** -plain
    if (n > 1 && score >= 0.3) out.push(word)
  }
  return out
}
