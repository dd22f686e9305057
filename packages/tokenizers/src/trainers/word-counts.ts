// The words of texts and how often each comes, which is all that trainers look at. Where a scanner finds the words, a bounded
// cache knows the place of most of them by their units, so that a corpus is read at the speed of encoding, and strings are made
// of new words alone.
import { LONGEST_KEPT, type WordIds, WordRecords } from '../models/word-records.ts'
import type { Normalizer } from '../normalizers/normalizer.ts'
import type { PreTokenizer, Scanner } from '../pretokenizers/pre-tokenizer.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { PreTokenizedText } from '../text/pre-tokenized.ts'
import { UnitBuffer, utf16Text } from '../unicode/utf16.ts'

/** Words in the order in which they came first, with how often they came, and how often they came last in a text. */
export type Counted = { words: Map<string, number>; last: Map<string, number> }

/** Counts what any normalizer and pre-tokenizer make of well-formed texts. */
export class PieceCounts {
  private readonly words = new Map<string, number>()
  private readonly last = new Map<string, number>()
  private readonly parts: { normalizer: Normalizer | null; preTokenizer: PreTokenizer | null }

  constructor(parts: { normalizer: Normalizer | null; preTokenizer: PreTokenizer | null }) {
    this.parts = parts
  }

  add(text: string): void {
    const { words, last } = this
    const aligned = new AlignedText(text)
    this.parts.normalizer?.normalize(aligned)
    const pieces = new PreTokenizedText([{ text: aligned }])
    this.parts.preTokenizer?.preTokenize(pieces)
    for (const { text: word } of pieces.pieces) words.set(word.text, (words.get(word.text) ?? 0) + 1)
    const end = pieces.pieces.at(-1)?.text.text
    if (end !== undefined) last.set(end, (last.get(end) ?? 0) + 1)
  }

  finish(): Counted {
    return { words: this.words, last: this.last }
  }
}

/** Counts what a scanner cuts, and writes each word at the end. */
export class WordCounts {
  private readonly scan: Scanner
  private readonly spell: (word: string) => string
  private readonly places = new Map<string, number>()
  private readonly found = { ids: [0], length: 1 }
  private readonly records = new WordRecords((units, start, end) => this.place(units, start, end))
  private readonly buffer = new UnitBuffer()
  private counts = new Float64Array(1 << 12)
  /** How often a text ended with each word. */
  private readonly lasts = new Map<number, number>()

  /** @param spell what trainers are given of a word; other words give other texts */
  constructor(scan: Scanner, spell: (word: string) => string) {
    this.scan = scan
    this.spell = spell
  }

  /** Counts the words of a well-formed text. */
  add(text: string): void {
    const { scan, records } = this
    const units = this.buffer.units(text)
    const { length } = units
    let place = -1
    for (let start = 0; start < length; ) {
      const end = scan(units, start)
      if (end - start > LONGEST_KEPT) place = this.place(units, start, end).ids[0]
      else place = records.records[records.find(units, start, end) + 1]
      this.counts[place]++
      start = end
    }
    if (place >= 0) this.lasts.set(place, (this.lasts.get(place) ?? 0) + 1)
  }

  finish(): Counted {
    const words = new Map<string, number>()
    const last = new Map<string, number>()
    for (const [word, place] of this.places) {
      const spelled = this.spell(word)
      words.set(spelled, this.counts[place])
      const lasts = this.lasts.get(place)
      if (lasts !== undefined) last.set(spelled, lasts)
    }
    return { words, last }
  }

  private place(units: Uint16Array, start: number, end: number): WordIds {
    // Not a slice of the text, which would keep all of it in memory.
    const word = utf16Text(units, start, end)
    let place = this.places.get(word)
    if (place === undefined) {
      place = this.places.size
      this.places.set(word, place)
      if (place === this.counts.length) {
        const larger = new Float64Array(2 * place)
        larger.set(this.counts)
        this.counts = larger
      }
    }
    this.found.ids[0] = place
    return this.found
  }
}
