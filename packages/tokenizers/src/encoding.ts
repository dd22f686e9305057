// The result of encoding: parallel arrays, one entry per token, and the windows that did not fit.

/** Where a token lies in the text, [start, end), in UTF-16 units unless asked otherwise. Inserted tokens have [0, 0]. */
export type Offsets = readonly [start: number, end: number]

/** On which side tokens are cut off or padding is put. */
export type Side = 'left' | 'right'

export type EncodingParts = {
  ids: number[]
  typeIds: number[]
  tokens: string[]
  offsets: Offsets[]
  wordIds: (number | null)[]
  sequenceIds: (number | null)[]
  specialTokensMask: number[]
  attentionMask: number[]
}

export type PadOptions = { id: number; typeId: number; token: string; side: Side }

/** The arrays of an encoding, which all have one length. */
const COLUMNS = [
  'ids',
  'typeIds',
  'tokens',
  'offsets',
  'wordIds',
  'sequenceIds',
  'specialTokensMask',
  'attentionMask',
] as const satisfies readonly (keyof EncodingParts)[]

export class Encoding implements EncodingParts {
  /** Token ids. */
  readonly ids: number[]
  /** Which segment each token belongs to (BERT's token types). */
  readonly typeIds: number[]
  /** Tokens as the vocabulary spells them. */
  readonly tokens: string[]
  /** Where each token lies in its input text. */
  readonly offsets: Offsets[]
  /** Index of the pre-token (word) each token is part of; null for special tokens and padding. */
  readonly wordIds: (number | null)[]
  /** 0 for the first input, 1 for the pair, null for special tokens and padding. */
  readonly sequenceIds: (number | null)[]
  /** 1 where the token was put there by the post-processor or padding. */
  readonly specialTokensMask: number[]
  /** 0 where the token is padding. */
  readonly attentionMask: number[]
  /** The other windows, when truncation left something out. */
  overflowing: Encoding[]

  constructor(parts: EncodingParts, overflowing: Encoding[] = []) {
    this.ids = parts.ids
    this.typeIds = parts.typeIds
    this.tokens = parts.tokens
    this.offsets = parts.offsets
    this.wordIds = parts.wordIds
    this.sequenceIds = parts.sequenceIds
    this.specialTokensMask = parts.specialTokensMask
    this.attentionMask = parts.attentionMask
    this.overflowing = overflowing
  }

  static empty(): Encoding {
    return new Encoding({
      ids: [],
      typeIds: [],
      tokens: [],
      offsets: [],
      wordIds: [],
      sequenceIds: [],
      specialTokensMask: [],
      attentionMask: [],
    })
  }

  /** Special tokens without a place in any text. */
  static special(ids: readonly number[], tokens: readonly string[], typeId: number): Encoding {
    return new Encoding({
      ids: [...ids],
      typeIds: ids.map(() => typeId),
      tokens: [...tokens],
      offsets: ids.map(() => [0, 0]),
      wordIds: ids.map(() => null),
      sequenceIds: ids.map(() => null),
      specialTokensMask: ids.map(() => 1),
      attentionMask: ids.map(() => 1),
    })
  }

  /** Number of tokens. */
  get length(): number {
    return this.ids.length
  }

  /** Tokens [start, end) without overflow. */
  slice(start: number, end: number): Encoding {
    return new Encoding({
      ids: this.ids.slice(start, end),
      typeIds: this.typeIds.slice(start, end),
      tokens: this.tokens.slice(start, end),
      offsets: this.offsets.slice(start, end),
      wordIds: this.wordIds.slice(start, end),
      sequenceIds: this.sequenceIds.slice(start, end),
      specialTokensMask: this.specialTokensMask.slice(start, end),
      attentionMask: this.attentionMask.slice(start, end),
    })
  }

  /** The same tokens as members of input `sequence`, with one type id. */
  labelled(sequence: number, typeId: number | null): Encoding {
    const label = (encoding: Encoding, type: number | null) =>
      new Encoding({
        ...encoding,
        typeIds: type === null ? encoding.typeIds : encoding.ids.map(() => type),
        sequenceIds: encoding.specialTokensMask.map((special, i) =>
          special && encoding.wordIds[i] === null ? null : sequence,
        ),
      })
    const out = label(this, typeId)
    out.overflowing = this.overflowing.map(window => label(window, null))
    return out
  }

  /** Tokens of both, one after the other; windows are combined each with each. */
  concat(other: Encoding): Encoding {
    const overflowing: Encoding[] = []
    for (const window of this.overflowing) {
      overflowing.push(join(window, other))
      for (const otherWindow of other.overflowing) overflowing.push(join(window, otherWindow))
    }
    for (const otherWindow of other.overflowing) overflowing.push(join(this, otherWindow))
    const out = join(this, other)
    out.overflowing = overflowing
    return out
  }

  /**
   * The first window of at most `max` tokens; the others, each starting `max - stride` further on, are its `overflowing`.
   * With side `left` the windows are counted from the end.
   */
  truncate(max: number, stride = 0, side: Side = 'right'): Encoding {
    const n = this.length
    if (max >= n) return this
    if (max === 0) {
      const out = Encoding.empty()
      out.overflowing = [this]
      return out
    }
    if (!(stride >= 0 && stride < max)) {
      throw new RangeError(`truncate: stride must be less than the ${max} tokens that fit, got ${stride}`)
    }
    const windows: Encoding[] = []
    const step = max - stride
    if (side === 'right') {
      for (let start = 0, stop = 0; start < n && stop < n; start += step) {
        stop = Math.min(start + max, n)
        windows.push(this.slice(start, stop))
      }
    } else {
      for (let stop = n, start = n; stop > 0 && start > 0; stop -= step) {
        start = Math.max(stop - max, 0)
        windows.push(this.slice(start, stop))
      }
    }
    const [first, ...rest] = windows
    first.overflowing = rest
    return first
  }

  /** Padded to `length` tokens, windows included; longer encodings stay as they are. */
  pad(length: number, options: PadOptions): Encoding {
    const overflowing = this.overflowing.map(window => window.pad(length, options))
    const missing = length - this.length
    if (missing <= 0) return new Encoding(this, overflowing)
    const padding = Encoding.special(
      new Array<number>(missing).fill(options.id),
      new Array<string>(missing).fill(options.token),
      options.typeId,
    )
    padding.attentionMask.fill(0)
    const out = options.side === 'right' ? join(this, padding) : join(padding, this)
    out.overflowing = overflowing
    return out
  }

  /** The token that covers a position of the text, if any does. */
  charToToken(position: number, sequence = 0): number | undefined {
    const at = this.offsets.findIndex(
      ([start, end], i) => this.sequenceIds[i] === sequence && position >= start && position < end,
    )
    return at < 0 ? undefined : at
  }

  /** Where a token lies: which input, and the range in it. */
  tokenToChars(token: number): { sequence: number; offsets: Offsets } | undefined {
    const sequence = this.sequenceIds[token]
    return sequence === undefined || sequence === null ? undefined : { sequence, offsets: this.offsets[token] }
  }

  /** The word that a token is part of. */
  tokenToWord(token: number): { sequence: number; word: number } | undefined {
    const sequence = this.sequenceIds[token]
    const word = this.wordIds[token]
    return sequence === undefined || sequence === null || word === null ? undefined : { sequence, word }
  }

  /** The tokens [start, end) of a word. */
  wordToTokens(word: number, sequence = 0): [start: number, end: number] | undefined {
    const matches = (i: number) => this.wordIds[i] === word && this.sequenceIds[i] === sequence
    const start = this.ids.findIndex((_, i) => matches(i))
    if (start < 0) return undefined
    let end = start
    while (end < this.length && matches(end)) end++
    return [start, end]
  }

  /** Where a word lies in its text. */
  wordToChars(word: number, sequence = 0): Offsets | undefined {
    const range = this.wordToTokens(word, sequence)
    return range && [this.offsets[range[0]][0], this.offsets[range[1] - 1][1]]
  }

  /** The word at a position of the text. */
  charToWord(position: number, sequence = 0): number | undefined {
    const token = this.charToToken(position, sequence)
    return token === undefined ? undefined : (this.wordIds[token] ?? undefined)
  }
}

function join(a: Encoding, b: Encoding): Encoding {
  const parts = Object.fromEntries(
    COLUMNS.map(column => [column, (a[column] as unknown[]).concat(b[column])]),
  ) as unknown as EncodingParts
  return new Encoding(parts)
}
