// BERT's pipeline (BertNormalizer, BertPreTokenizer, WordPiece) in one walk over the units of a text. What becomes of a
// character and whether it ends a word is asked of the normalizer and the pre-tokenizer once and kept in a table; words are
// written in normal form into a buffer and looked up there. Where a character needs more than the table can say (marks that
// may change places, characters of several units), its word goes through the parts themselves. Equal to them, as the tests check:
// all they do is done to characters one by one, but for the order of marks, and that never crosses white space, punctuation or a
// Chinese character.
import type { BertNormalizer } from '../normalizers/bert.ts'
import type { BertPreTokenizer } from '../pretokenizers/bert.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { PreTokenizedText } from '../text/pre-tokenized.ts'
import { categoryMask, categoryTable } from '../unicode/categories.ts'
import { isPunctuation } from '../unicode/punctuation.ts'
import { UnitBuffer, utf16Text } from '../unicode/utf16.ts'
import type { IdList } from './id-list.ts'
import type { IdEncoder } from './word-encoder.ts'
import type { WordPiece } from './word-piece.ts'
import { LONGEST_KEPT, type WordIds, WordRecords } from './word-records.ts'

// What a unit does to the word that it stands in; 0 where that was not asked yet.

/** Ends it and goes. */
const SPACE = 1
/** Ends it and is a word by itself. */
const ALONE = 2
/** Goes, and the word goes on. */
const DROPPED = 3
/** Is part of it, in its normal form, which is one unit. */
const LETTER = 4
/** Cannot be told without its neighbours. */
const MORE = 5

export class BertWords implements IdEncoder {
  private readonly model: WordPiece
  private readonly normalizer: BertNormalizer
  private readonly preTokenizer: BertPreTokenizer
  /** By unit: its class, and its normal form or, of those that stand alone, its id. */
  private readonly classes = new Uint8Array(1 << 16)
  private readonly images = new Int32Array(1 << 16)
  private readonly words: WordRecords
  /** Words that the table cannot tell, by their units as they came. */
  private others: WordRecords | undefined
  private readonly buffer = new UnitBuffer()
  private word = new Uint16Array(256)

  constructor(normalizer: BertNormalizer, preTokenizer: BertPreTokenizer, model: WordPiece) {
    this.normalizer = normalizer
    this.preTokenizer = preTokenizer
    this.model = model
    this.words = new WordRecords((units, start, end) => model.idsOf(units, start, end))
  }

  encode(text: string, out: IdList): void {
    this.walk(this.buffer.units(text), out)
  }

  count(text: string): number {
    return this.walk(this.buffer.units(text), undefined)
  }

  /** Appends the ids to a list, if there is one; returns how many there are. */
  private walk(units: Uint16Array, out: IdList | undefined): number {
    const { classes, images, words } = this
    const { records } = words
    const { length } = units
    if (this.word.length < length) this.word = new Uint16Array(length)
    const { word } = this
    let total = 0
    for (let at = 0; at < length; ) {
      let kind = classes[units[at]] || this.ask(units[at])
      if (kind === SPACE) {
        at++
        continue
      }
      if (kind === ALONE) {
        out?.push(images[units[at]])
        at++
        total++
        continue
      }
      const start = at
      let n = 0
      while (true) {
        if (kind === LETTER) word[n++] = images[units[at]]
        else if (kind !== DROPPED) break
        if (++at === length) break
        kind = classes[units[at]] || this.ask(units[at])
      }
      if (at < length && kind === MORE) {
        while (++at < length) {
          kind = classes[units[at]] || this.ask(units[at])
          if (kind === SPACE || kind === ALONE) break
        }
        total += this.other(units, start, at, out)
        continue
      }
      if (n === 0) continue
      if (n > LONGEST_KEPT) {
        const { ids, length: count } = this.model.idsOf(word, 0, n)
        out?.append(ids, count)
        total += count
        continue
      }
      const record = words.find(word, 0, n)
      const count = records[record] >>> 8
      total += count
      if (out) {
        if (out.length + count > out.ids.length) out.reserve(count)
        const { ids } = out
        let to = out.length
        for (let i = 1; i <= count; i++) ids[to++] = records[record + i]
        out.length = to
      }
    }
    return total
  }

  /** A stretch between two ends of words, by the parts themselves. */
  private other(units: Uint16Array, start: number, end: number, out: IdList | undefined): number {
    if (end - start > LONGEST_KEPT) {
      const { ids, length } = this.generic(units, start, end)
      out?.append(ids, length)
      return length
    }
    this.others ??= new WordRecords((units, start, end) => this.generic(units, start, end))
    const { records } = this.others
    const record = this.others.find(units, start, end)
    const count = records[record] >>> 8
    if (out) for (let i = 1; i <= count; i++) out.push(records[record + i])
    return count
  }

  private generic(units: Uint16Array, start: number, end: number): WordIds {
    const ids: number[] = []
    for (const word of this.wordsOf(utf16Text(units, start, end)).words) {
      for (const { id } of this.model.tokenize(word)) ids.push(id)
    }
    return { ids, length: ids.length }
  }

  private wordsOf(text: string): { image: string; words: string[] } {
    const aligned = AlignedText.untracked(text)
    this.normalizer.normalize(aligned)
    const pieces = new PreTokenizedText([{ text: aligned }])
    this.preTokenizer.preTokenize(pieces)
    return { image: aligned.text, words: pieces.pieces.map(piece => piece.text.text) }
  }

  /** Fills in the table for a unit; returns its class. */
  private ask(unit: number): number {
    const kind = unit >= 0xd800 && unit <= 0xdfff ? MORE : this.classOf(unit)
    this.classes[unit] = kind
    return kind
  }

  private classOf(unit: number): number {
    const { image, words } = this.wordsOf(String.fromCharCode(unit))
    if (image === '') return DROPPED
    if (words.length === 0) return SPACE
    const [first] = words
    if (words.length > 1 || first.length > 1) return MORE
    const code = first.charCodeAt(0)
    if (categoryMask('M')[categoryTable()[code]] === 1) return MORE
    this.images[unit] = code
    if (image === first && !isPunctuation(code)) return LETTER
    // Punctuation, or a Chinese character between the spaces that it was given.
    if (image !== first && image !== ` ${first} `) return MORE
    this.images[unit] = this.model.tokenize(first)[0].id
    return ALONE
  }
}
