// From a text to the terms by which it is found: words, then for each word its case folded, clitics cut, stop words dropped,
// its stem, its accents folded. A word gives the same terms wherever it stands, so an index may remember them.
import { porter, type StemmerLanguage, type StopWordLanguage, stemmer, stopWordLanguages, stopWords } from '@cairn/text'
import { RagArgumentError } from '../errors.ts'
import { wordSpans } from './words.ts'

/** A term and where its word stands in the text, in UTF-16 units. */
export interface Token {
  term: string
  start: number
  end: number
  /** Counted over the terms that were kept, so a phrase may have stop words in it. */
  position: number
}

export interface AnalyzerOptions {
  /** Chooses stemmer, stop words and clitics. Default `english`; `none` is for texts of many languages. */
  language?: StemmerLanguage | 'none'
  /** Default true. Or a stemmer of your own, under a name by which saved indexes can tell it. */
  stem?: boolean | { name: string; stem: (word: string) => string }
  /** Default true: those of the language, where there is a list. */
  stopWords?: boolean | Iterable<string>
  /** é is found by e. Default true; it happens after stemming. */
  foldAccents?: boolean
  /** Instead of whole words, their n-grams of characters: `[3, 3]` finds parts of words and survives typing errors. */
  charNgrams?: readonly [shortest: number, longest: number]
}

/** The options as they were meant, in a form that JSON carries: indexes are readable only with equal settings. */
export interface AnalyzerSettings {
  language: string
  stem: string | null
  stopWords: readonly string[]
  foldAccents: boolean
  charNgrams: readonly [number, number] | null
}

/** Words that lean on the next one, cut with their apostrophe. */
const elisions: Partial<Record<string, RegExp>> = {
  french: /^(?:[cdjlmnst]|qu|jusqu|quoiqu|lorsqu|puisqu)'(?=.)/,
  catalan: /^[dlmnst]'(?=.)/,
  italian: /^(?:[cdlmnstv]|un|all|dall|dell|nell|sull|coll|quell|quest|agl|dagl|degl|negl|sugl|gl)'(?=.)/,
  irish: /^(?:[bdm])'(?=.)/,
}

export class Analyzer {
  readonly settings: AnalyzerSettings
  private readonly drop: ReadonlySet<string>
  private readonly stem: ((word: string) => string) | null
  private readonly elision: RegExp | undefined

  /** Use `createAnalyzer`, which loads the stemmer. */
  constructor(settings: AnalyzerSettings, stem: ((word: string) => string) | null) {
    this.settings = settings
    this.stem = stem
    this.drop = new Set(settings.stopWords)
    this.elision = elisions[settings.language]
  }

  /** The terms of a text with their places. */
  analyze(text: string): Token[] {
    const tokens: Token[] = []
    const spans = wordSpans(text)
    let position = 0
    for (let i = 0; i < spans.length; i += 2) {
      const start = spans[i]!
      const end = spans[i + 1]!
      for (const term of this.termsOf(text.slice(start, end))) tokens.push({ term, start, end, position: position++ })
    }
    return tokens
  }

  /** Where the words of a text stand, as start, end, start, end ...: a view that the next call overwrites. */
  spans(text: string): Int32Array {
    return wordSpans(text)
  }

  /** The terms of a text. */
  terms(text: string): string[] {
    return this.analyze(text).map(token => token.term)
  }

  /** The terms of one word as it stands in a text: one, none for a stop word, several where words become n-grams. */
  termsOf(word: string): readonly string[] {
    const term = this.normalize(word)
    if (term === '') return []
    const { charNgrams } = this.settings
    if (!charNgrams) return [term]
    const characters = [...term]
    const [shortest, longest] = charNgrams
    if (characters.length <= shortest) return [term]
    const grams: string[] = []
    for (let n = shortest; n <= Math.min(longest, characters.length); n++)
      for (let i = 0; i + n <= characters.length; i++) grams.push(characters.slice(i, i + n).join(''))
    return grams
  }

  /** The word as it is found, without n-grams; empty for a stop word. */
  private normalize(given: string): string {
    let word = given.toLowerCase()
    const ascii = isAscii(word)
    if (!ascii)
      word = word
        .normalize('NFKC')
        .replace(/[\u2019\uff07]/g, "'")
        .replace(/[\u00ad\u200c\u200d]/g, '')
    if (this.drop.has(word)) return ''
    if (word.includes("'")) {
      if (this.elision) word = word.replace(this.elision, '')
      if (this.settings.language === 'english' || this.settings.language === 'porter') word = word.replace(/'s$/, '')
      word = word.replaceAll("'", '')
      if (this.drop.has(word)) return ''
    }
    if (word.includes('.') && !/\d/.test(word)) word = word.replaceAll('.', '')
    else if (word.includes(',')) word = word.replaceAll(',', '')
    if (this.stem) word = this.stem(word)
    if (!ascii && this.settings.foldAccents) word = word.normalize('NFD').replace(/\p{M}/gu, '').normalize('NFC')
    return word
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}

/**
 * An analyzer; the stemmer of its language is loaded.
 * @throws RagArgumentError for n-grams that make no sense; RangeError for a language without a stemmer
 */
export async function createAnalyzer({
  language = 'english',
  stem = true,
  stopWords: stops = true,
  foldAccents = true,
  charNgrams,
}: AnalyzerOptions = {}): Promise<Analyzer> {
  if (charNgrams && !(charNgrams[0] >= 1 && charNgrams[1] >= charNgrams[0]))
    throw new RagArgumentError(
      'createAnalyzer',
      `charNgrams [${charNgrams.join(', ')}]`,
      'give [shortest, longest], from 1 up',
    )
  const chosen =
    stem === false || (stem === true && language === 'none')
      ? null
      : stem === true
        ? { name: language, stem: language === 'porter' ? porter : await stemmer(language as StemmerLanguage) }
        : stem
  const list = language === 'porter' ? 'english' : language
  const hasList = (stopWordLanguages as readonly string[]).includes(list)
  const dropped = stops === true ? (hasList ? stopWords(list as StopWordLanguage) : []) : stops === false ? [] : stops
  const settings: AnalyzerSettings = {
    language,
    stem: chosen?.name ?? null,
    stopWords: [...new Set([...dropped].map(word => word.toLowerCase().normalize('NFKC')))].sort(),
    foldAccents,
    charNgrams: charNgrams ?? null,
  }
  return new Analyzer(settings, chosen?.stem ?? null)
}
