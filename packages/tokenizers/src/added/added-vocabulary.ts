// The added tokens of a tokenizer: those found in the raw text, those found in the normalized text, and their ids.
import type { JsonObject } from '../json.ts'
import type { Model, Token } from '../models/model.ts'
import type { Normalizer } from '../normalizers/normalizer.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { type Piece, PreTokenizedText } from '../text/pre-tokenized.ts'
import { isWhitespace } from '../unicode/categories.ts'
import { isWordChar } from '../unicode/word.ts'
import { type AddedToken, writeAddedToken } from './added-token.ts'
import { Matcher } from './matcher.ts'

/** Which special tokens may be read from a text: all, none, or those listed. Others are text. */
export type AllowedSpecial = 'all' | 'none' | Iterable<string>

type Finder = { matcher: Matcher; ids: number[] }

export class AddedVocabulary {
  private readonly byId = new Map<number, AddedToken>()
  private readonly byContent = new Map<string, number>()
  private finders: { raw: Finder; normalized: Finder } | undefined
  /** Has any of them not been special? */
  private hasText = false

  /** Number of added tokens. */
  get size(): number {
    return this.byId.size
  }

  /** Adds tokens; one that the model or this vocabulary already knows keeps its id. Returns how many ids are new. */
  add(tokens: Iterable<AddedToken>, model: Model): number {
    let added = 0
    for (const token of tokens) {
      if (token.content === '') continue
      let id = this.byContent.get(token.content) ?? model.tokenToId(token.content)
      if (id === undefined) {
        id = this.nextId(model)
        added++
      }
      this.set(id, token)
    }
    return added
  }

  /** Puts a token at an id. */
  set(id: number, token: AddedToken): void {
    this.byId.set(id, token)
    this.hasText ||= !token.special
    this.byContent.set(token.content, id)
    this.finders = undefined
  }

  tokenToId(content: string): number | undefined {
    return this.byContent.get(content)
  }

  idToToken(id: number): string | undefined {
    return this.byId.get(id)?.content
  }

  isSpecial(id: number): boolean {
    return this.byId.get(id)?.special ?? false
  }

  entries(): Iterable<[id: number, token: AddedToken]> {
    return this.byId.entries()
  }

  /** Cuts the added tokens out of a text; what lies between is normalized. */
  extract(text: AlignedText, normalizer: Normalizer | null, allowed: AllowedSpecial): PreTokenizedText {
    if (this.isPlain(allowed)) {
      if (!text.isEmpty) normalizer?.normalize(text)
      return new PreTokenizedText(text.isEmpty ? [] : [{ text }])
    }
    const { raw, normalized } = this.finders ?? this.buildFinders(normalizer)
    const isAllowed = allowedTest(allowed)
    const pieces: Piece[] = []
    for (const piece of this.cut(text, raw, isAllowed)) {
      if (piece.tokens) {
        pieces.push(piece)
        continue
      }
      normalizer?.normalize(piece.text)
      pieces.push(...this.cut(piece.text, normalized, isAllowed))
    }
    return new PreTokenizedText(pieces)
  }

  /** The text cut at added tokens, for a tokenizer in which `isRaw` holds: texts not yet normalized, and ids of tokens. */
  *parts(text: string, allowed: AllowedSpecial): Iterable<string | number> {
    if (this.isPlain(allowed)) {
      yield text
      return
    }
    for (const piece of this.extract(AlignedText.untracked(text), null, allowed).pieces) {
      if (!piece.tokens) yield piece.text.text
      else for (const token of piece.tokens) yield token.id
    }
  }

  /** Are all added tokens that can be found looked for in the text as it came? */
  isRaw(allowed: AllowedSpecial): boolean {
    if (this.isPlain(allowed)) return true
    for (const token of this.byId.values()) {
      if (token.normalized && (!token.special || allowed !== 'none')) return false
    }
    return true
  }

  /** Can no added token be found in any text? */
  isPlain(allowed: AllowedSpecial): boolean {
    return this.byId.size === 0 || (allowed === 'none' && !this.hasText)
  }

  /** Forgets what depends on the normalizer. */
  refresh(): void {
    this.finders = undefined
  }

  toJSON(): JsonObject[] {
    return [...this.byId].sort(([a], [b]) => a - b).map(([id, token]) => writeAddedToken(id, token))
  }

  private nextId(model: Model): number {
    let id = model.vocabSize
    for (const used of this.byId.keys()) if (used >= id) id = used + 1
    return id
  }

  private buildFinders(normalizer: Normalizer | null): { raw: Finder; normalized: Finder } {
    const finder = (wanted: boolean): Finder => {
      const ids: number[] = []
      const contents: string[] = []
      for (const [id, token] of this.byId) {
        if (token.normalized !== wanted) continue
        ids.push(id)
        if (wanted && normalizer) {
          const content = new AlignedText(token.content)
          normalizer.normalize(content)
          contents.push(content.text)
        } else contents.push(token.content)
      }
      return { matcher: new Matcher(contents), ids }
    }
    return (this.finders = { raw: finder(false), normalized: finder(true) })
  }

  private *cut(text: AlignedText, finder: Finder, isAllowed: (content: string) => boolean): Iterable<Piece> {
    const { matcher, ids } = finder
    if (text.isEmpty) return
    if (matcher.isEmpty) {
      yield { text }
      return
    }
    const whole = text.text
    let done = 0
    for (const match of matcher.matches(whole)) {
      const id = ids[match.pattern]
      const token = this.byId.get(id)!
      let { start, end } = match
      if (token.special && !isAllowed(token.content)) continue
      if (token.singleWord && (isWordChar(charBefore(whole, start)) || isWordChar(whole.codePointAt(end)))) continue
      if (token.lstrip) {
        while (start > done && isWhitespace(whole.charCodeAt(start - 1))) start--
      }
      if (token.rstrip) while (end < whole.length && isWhitespace(whole.charCodeAt(end))) end++
      if (done < start) yield { text: text.slice(done, start) }
      const part = text.slice(start, end)
      const tokens: Token[] = [{ id, value: part.text, start: 0, end: part.text.length }]
      yield { text: part, tokens }
      done = end
    }
    if (done < whole.length) yield { text: text.slice(done, whole.length) }
  }
}

function allowedTest(allowed: AllowedSpecial): (content: string) => boolean {
  if (allowed === 'all') return () => true
  if (allowed === 'none') return () => false
  const set = new Set(allowed)
  return content => set.has(content)
}

function charBefore(text: string, at: number): number | undefined {
  if (at === 0) return undefined
  const unit = text.charCodeAt(at - 1)
  const isLow = unit >= 0xdc00 && unit <= 0xdfff && at > 1
  return isLow ? text.codePointAt(at - 2) : unit
}
