// The tokenizer: normalizer, pre-tokenizer, model, post-processor and decoder in a row, and the added tokens around them.
// Its JSON form is Hugging Face's tokenizer.json, version 1.0.
import { readFile, writeFile } from '#platform'
import { type AddedToken, addedToken, readAddedToken } from './added/added-token.ts'
import { AddedVocabulary, type AllowedSpecial } from './added/added-vocabulary.ts'
import { checkVocabSize, textOf } from './check.ts'
import { type Chunk, chunkText } from './chunk.ts'
import { DecodeStream, joinTokens } from './decode-stream.ts'
import { ByteLevelDecoder } from './decoders/byte-level.ts'
import type { Decoder } from './decoders/decoder.ts'
import { readDecoder } from './decoders/table.ts'
import { Encoding, type EncodingParts, type Offsets } from './encoding.ts'
import { TokenizerError, TokenizerFormatError } from './errors.ts'
import { readGGUF } from './formats/gguf.ts'
import { readLlama2c } from './formats/llama2c.ts'
import { readSentencePiece, type SentencePieceModel, sentencePieceParts } from './formats/sentence-piece.ts'
import { readTiktoken, type TiktokenOptions } from './formats/tiktoken.ts'
import { type BertOptions, type ByteLevelBpeOptions, readVocabAndMerges, readVocabTxt } from './formats/vocab.ts'
import { asArray, asObject, type Json, type JsonObject } from './json.ts'
import { BertWords } from './models/bert-words.ts'
import { BPE } from './models/bpe.ts'
import { ByteWords } from './models/byte-words.ts'
import { IdList } from './models/id-list.ts'
import type { Model } from './models/model.ts'
import { readModel } from './models/table.ts'
import { Unigram } from './models/unigram.ts'
import { UnigramLines } from './models/unigram-lines.ts'
import { type IdEncoder, WordEncoder } from './models/word-encoder.ts'
import { WordLevel } from './models/word-level.ts'
import { WordPiece } from './models/word-piece.ts'
import { BertNormalizer } from './normalizers/bert.ts'
import type { Normalizer } from './normalizers/normalizer.ts'
import { readNormalizer } from './normalizers/table.ts'
import { type OffsetUnit, withOffsetUnit } from './offset-units.ts'
import { type Padding, pad, paddingDefaults, readPadding, writePadding } from './padding.ts'
import type { PostProcessor } from './postprocessors/post-processor.ts'
import { readPostProcessor } from './postprocessors/table.ts'
import { BertPreTokenizer } from './pretokenizers/bert.ts'
import { ByteLevel } from './pretokenizers/byte-level.ts'
import { byteLevelScanner } from './pretokenizers/byte-level-scanner.ts'
import { Metaspace } from './pretokenizers/metaspace.ts'
import type { PreTokenizer } from './pretokenizers/pre-tokenizer.ts'
import { PreTokenizerSequence } from './pretokenizers/sequence.ts'
import { readPreTokenizer } from './pretokenizers/table.ts'
import { isWordLocal, scanWord } from './pretokenizers/word-local.ts'
import { AlignedText, isLowSurrogateAt } from './text/aligned-text.ts'
import { type Piece, PreTokenizedText } from './text/pre-tokenized.ts'
import { BpeTrainer, type BpeTrainerOptions } from './trainers/bpe.ts'
import type { Trainer } from './trainers/trainer.ts'
import { PieceCounts, WordCounts } from './trainers/word-counts.ts'
import { readTruncation, type Truncation, truncate, writeTruncation } from './truncation.ts'
import { bytesToText } from './unicode/byte-chars.ts'
import { utf8Bytes } from './unicode/utf8.ts'
import { utf16Text } from './unicode/utf16.ts'

/** The parts of a tokenizer; all but the model may be left out. */
export type TokenizerParts = {
  model: Model
  normalizer?: Normalizer | null
  preTokenizer?: PreTokenizer | null
  postProcessor?: PostProcessor | null
  decoder?: Decoder | null
  addedTokens?: Iterable<readonly [id: number, token: AddedToken]>
  truncation?: Truncation | null
  padding?: Padding | null
}

export type EncodeOptions = {
  /** A second text, for models that take two. */
  pair?: string
  /** Let the post-processor add its special tokens. Default true. */
  addSpecialTokens?: boolean
  /**
   * Which special tokens written out in the text are read as such: `'all'`, `'none'` or a list. Default `'none'`: text
   * from a stranger cannot forge them. Pass `'all'` for text that your own code made, such as a rendered chat template.
   */
  allowedSpecial?: AllowedSpecial
  /** What offsets count. Default: UTF-16 units, which index strings. */
  offsetUnit?: OffsetUnit
}

export type DecodeOptions = {
  /** Leave special tokens out. Default true. */
  skipSpecialTokens?: boolean
}

/** Texts for training: one, several, or a stream of them. */
export type TextSource = string | Iterable<string> | AsyncIterable<string>

/** Texts of up to so many units share a list to gather their ids in. */
const KEPT_IDS = 1 << 14

/** Ids before and after those of a text. */
type Frame = { before: number[]; after: number[] }

export class Tokenizer {
  readonly model: Model
  readonly normalizer: Normalizer | null
  readonly preTokenizer: PreTokenizer | null
  readonly postProcessor: PostProcessor | null
  readonly decoder: Decoder | null
  /** Cuts every encoding to a length; null leaves them whole. */
  truncation: Truncation | null
  /** Pads every encoding; null leaves them as they are. */
  padding: Padding | null
  private readonly added = new AddedVocabulary()
  /** Where the ids of short texts are gathered. */
  private readonly ids = new IdList(256)
  private words: IdEncoder | null | undefined
  private knownFrame: Frame | null | undefined

  constructor(parts: TokenizerParts) {
    this.model = parts.model
    this.normalizer = parts.normalizer ?? null
    this.preTokenizer = parts.preTokenizer ?? null
    this.postProcessor = parts.postProcessor ?? null
    this.decoder = parts.decoder ?? null
    this.truncation = parts.truncation ?? null
    this.padding = parts.padding ?? null
    for (const [id, token] of parts.addedTokens ?? []) this.added.set(id, token)
  }

  /** Reads a parsed tokenizer.json. Throws {@link TokenizerFormatError} naming the place that is wrong. */
  static fromJSON(value: unknown): Tokenizer {
    const json = asObject(value, 'the top level')
    const part = <T>(key: string, read: (value: unknown, where: string) => T): T | null =>
      json[key] === undefined || json[key] === null ? null : read(json[key], key)
    return new Tokenizer({
      model: readModel(json.model, 'model'),
      normalizer: part('normalizer', readNormalizer),
      preTokenizer: part('pre_tokenizer', readPreTokenizer),
      postProcessor: part('post_processor', readPostProcessor),
      decoder: part('decoder', readDecoder),
      truncation: part('truncation', readTruncation),
      padding: part('padding', readPadding),
      addedTokens: (part('added_tokens', asArray) ?? []).map((entry, i) => {
        const { id, token } = readAddedToken(entry, `added_tokens[${i}]`)
        return [id, token] as const
      }),
    })
  }

  /** Reads a tokenizer.json from a path (Node) or URL (browsers). */
  static async fromFile(path: string): Promise<Tokenizer> {
    const text = new TextDecoder().decode(await readFile(path))
    let json: Json
    try {
      json = JSON.parse(text)
    } catch (error) {
      throw new TokenizerFormatError('tokenizer.json', path, `not JSON: ${(error as Error).message}`)
    }
    return Tokenizer.fromJSON(json)
  }

  /** Reads a tiktoken rank file; `pattern` names a preset (`o200k_base`) or is a regular expression. */
  static fromTiktoken(file: Uint8Array | string, options: TiktokenOptions): Tokenizer {
    return new Tokenizer(readTiktoken(file, options))
  }

  /** Reads a sentencepiece .model file, or takes a model that `trainSentencePiece` made. */
  static fromSentencePiece(model: Uint8Array | SentencePieceModel): Tokenizer {
    return new Tokenizer(model instanceof Uint8Array ? readSentencePiece(model) : sentencePieceParts(model))
  }

  /** Reads the tokenizer in the metadata of a GGUF file; the tensors need not be there. */
  static fromGGUF(bytes: Uint8Array): Tokenizer {
    return new Tokenizer(readGGUF(bytes))
  }

  /** Reads the vocab.txt of BERT: a token per line. */
  static fromVocabTxt(text: string, options: BertOptions = {}): Tokenizer {
    return new Tokenizer(readVocabTxt(text, options))
  }

  /** Reads the vocab.json (or encoder.json) and merges.txt (or vocab.bpe) of GPT-2. */
  static fromVocabAndMerges(vocab: unknown, merges: string, options: ByteLevelBpeOptions = {}): Tokenizer {
    return new Tokenizer(readVocabAndMerges(vocab, merges, options))
  }

  /** Reads the tokenizer.bin of llama2.c. */
  static fromLlama2c(bytes: Uint8Array): Tokenizer {
    return new Tokenizer(readLlama2c(bytes))
  }

  /**
   * Trains a byte-level BPE tokenizer, the kind that GPT-2 has: any text can be encoded, and decoding gives it back.
   * @param texts what to learn from   @param options `vocabSize` counts the 256 bytes and the special tokens
   */
  static async train(texts: TextSource, options: BpeTrainerOptions = {}): Promise<Tokenizer> {
    const blank = new Tokenizer({
      model: new BPE(),
      preTokenizer: new ByteLevel({ addPrefixSpace: false }),
      decoder: new ByteLevelDecoder(),
    })
    return blank.trainNew(texts, new BpeTrainer({ initialAlphabet: ByteLevel.alphabet(), ...options }))
  }

  /** A new tokenizer with the parts of this one, its model trained on texts. */
  async trainNew(texts: TextSource, trainer: Trainer): Promise<Tokenizer> {
    const { onProgress } = trainer.options
    checkVocabSize(trainer.options.vocabSize)
    if (typeof texts !== 'string' && !(Symbol.iterator in Object(texts)) && !(Symbol.asyncIterator in Object(texts)))
      throw new TokenizerError(`train: needs a text, texts or a stream of them, got ${typeof texts}`)
    const scan = this.normalizer ? undefined : byteLevelScanner(this.preTokenizer)
    const counts = scan ? new WordCounts(scan, word => bytesToText(utf8Bytes(word))) : new PieceCounts(this)
    let done = 0
    for await (const text of typeof texts === 'string' ? [texts] : texts) {
      counts.add(textOf('train', text))
      onProgress?.({ stage: 'count', done: ++done, total: undefined })
    }
    const { words, last } = counts.finish()
    const trained = new Tokenizer({ ...this.parts(), model: trainer.train(words, last), addedTokens: [] })
    trained.addTokens((trainer.options.specialTokens ?? []).map(token => addedToken(token, true)))
    return trained
  }

  /** Adds tokens that are found in the text before the model sees it. Returns how many of them are new. */
  addTokens(tokens: Iterable<string | (Partial<AddedToken> & { content: string })>): number {
    return this.added.add(
      Array.from(tokens, token => addedToken(token)),
      this.model,
    )
  }

  /** Adds control tokens: read from text only when allowed, left out by `decode`. Returns how many are new. */
  addSpecialTokens(tokens: Iterable<string | (Partial<AddedToken> & { content: string })>): number {
    return this.added.add(
      Array.from(tokens, token => ({ ...addedToken(token, true), special: true })),
      this.model,
    )
  }

  /** One more than the largest id in use: the number of rows that an embedding needs. */
  get vocabSize(): number {
    let size = 0
    for (const [, id] of this.model.vocab()) size = Math.max(size, id + 1)
    for (const [id] of this.added.entries()) size = Math.max(size, id + 1)
    return size
  }

  tokenToId(token: string): number | undefined {
    return this.added.tokenToId(token) ?? this.model.tokenToId(token)
  }

  idToToken(id: number): string | undefined {
    return this.added.idToToken(id) ?? this.model.idToToken(id)
  }

  /** Is this the id of a special token? */
  isSpecial(id: number): boolean {
    return this.added.isSpecial(id)
  }

  /** Encodes a text. Lone surrogates count as U+FFFD, as everywhere on the web. */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    const encoding = this.finish(text, options)
    return this.padding ? pad([encoding], this.padding)[0] : encoding
  }

  /** Encodes several texts, padded to a common length if the tokenizer pads. */
  encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): Encoding[] {
    const encodings = Array.from(texts, text => this.finish(text, options))
    return this.padding ? pad(encodings, this.padding) : encodings
  }

  /**
   * Only the ids of a text: those of `encode(text)`, before padding, several times faster for byte-level BPE, BERT's
   * pipeline and Unigram, where nothing else is built on the way.
   */
  encodeIds(text: string, options: EncodeOptions = {}): Uint32Array {
    const frame = options.pair === undefined && !this.truncation ? this.frame(options) : undefined
    if (!frame) return Uint32Array.from(this.finish(text, options, false).ids)
    const { allowedSpecial = 'none' } = options
    const wellFormed = textOf('encodeIds', text)
    const words = this.fastWords(allowedSpecial)
    const out = text.length > KEPT_IDS ? new IdList(text.length >> 1) : this.ids
    out.length = 0
    for (const id of frame.before) out.push(id)
    if (words && this.added.isPlain(allowedSpecial)) words.encode(wellFormed, out)
    else if (words) {
      for (const part of this.added.parts(wellFormed, allowedSpecial)) {
        if (typeof part === 'number') out.push(part)
        else words.encode(part, out)
      }
    } else {
      for (const piece of this.pieces(wellFormed, allowedSpecial, false)) {
        if (!piece.tokens && this.model instanceof Unigram && this.model.encode(piece.text.text, out)) continue
        for (const { id } of piece.tokens ?? this.model.tokenize(piece.text.text)) out.push(id)
      }
    }
    for (const id of frame.after) out.push(id)
    return out.finish()
  }

  /** The number of ids of a text. */
  count(text: string, options: EncodeOptions = {}): number {
    const { allowedSpecial = 'none' } = options
    const frame = options.pair === undefined && !this.truncation ? this.frame(options) : undefined
    const words = frame && this.fastWords(allowedSpecial)
    if (!words) return this.encodeIds(text, options).length
    let count = frame.before.length + frame.after.length
    for (const part of this.added.parts(textOf('count', text), allowedSpecial)) {
      count += typeof part === 'number' ? 1 : words.count(part)
    }
    return count
  }

  /**
   * Cuts a text into pieces of at most `size` tokens of its encoding, each repeating `overlap` tokens of the one before.
   * Borders are borders of tokens; without overlap the pieces joined are the text.
   */
  chunk(text: string, size: number, overlap = 0, options: Pick<EncodeOptions, 'allowedSpecial'> = {}): Chunk[] {
    return chunkText(text, this.encodeOne(text, 0, options.allowedSpecial ?? 'none'), size, overlap)
  }

  /** Text of ids. Ids that no token has are left out. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    let text = ''
    const run = this.decodeRun(piece => {
      text += piece
    }, options)
    for (const id of ids) run.push(id)
    run.end()
    return text
  }

  /**
   * Decodes ids as they come: the pieces of `push` and `end` joined are `decode` of all ids. A piece is given out once
   * nothing that follows can change it, so characters are never broken.
   * @param options.prompt ids that come before: they are taken into account and their text is not given out
   */
  decodeStream(options: DecodeOptions & { prompt?: Iterable<number> } = {}): DecodeStream {
    const stream = new DecodeStream(emit => this.decodeRun(emit, options))
    for (const id of options.prompt ?? []) stream.push(id)
    return stream
  }

  /** The tokenizer.json of this tokenizer. */
  toJSON(): JsonObject {
    return {
      version: '1.0',
      truncation: this.truncation
        ? writeTruncation({ stride: 0, strategy: 'longestFirst', direction: 'right', ...this.truncation })
        : null,
      padding: this.padding ? writePadding({ ...paddingDefaults, ...this.padding }) : null,
      added_tokens: this.added.toJSON(),
      normalizer: this.normalizer?.toJSON() ?? null,
      pre_tokenizer: this.preTokenizer?.toJSON() ?? null,
      post_processor: this.postProcessor?.toJSON() ?? null,
      decoder: this.decoder?.toJSON() ?? null,
      model: withAddedTokens(this.model.toJSON(), this.added.entries()),
    }
  }

  /** Writes tokenizer.json, all of it or nothing. */
  async save(path: string): Promise<void> {
    await writeFile(path, `${JSON.stringify(this, null, 2)}\n`)
  }

  /** The way from text to ids word by word, where the parts allow it. */
  private fastWords(allowedSpecial: AllowedSpecial): IdEncoder | undefined {
    if (this.words === undefined) this.words = this.wordEncoder() ?? null
    return this.words && this.added.isRaw(allowedSpecial) ? this.words : undefined
  }

  private wordEncoder(): IdEncoder | undefined {
    const { model, normalizer, preTokenizer } = this
    if (
      model instanceof WordPiece &&
      normalizer instanceof BertNormalizer &&
      preTokenizer instanceof BertPreTokenizer
    ) {
      return new BertWords(normalizer, preTokenizer, model)
    }
    if (model instanceof Unigram && !preTokenizer) return new UnigramLines(normalizer, model)
    const isFixed = model instanceof WordPiece || model instanceof WordLevel || (model instanceof BPE && !model.dropout)
    if (isFixed && isWordLocal(normalizer, preTokenizer)) {
      return new WordEncoder(scanWord, (units, start, end) => {
        const pieces = new PreTokenizedText([{ text: AlignedText.untracked(utf16Text(units, start, end)) }])
        normalizer?.normalize(pieces.pieces[0].text)
        preTokenizer?.preTokenize(pieces)
        const ids: number[] = []
        for (const piece of pieces.pieces) for (const token of model.tokenize(piece.text.text)) ids.push(token.id)
        return { ids, length: ids.length }
      })
    }
    const scan = normalizer ? undefined : byteLevelScanner(preTokenizer)
    const words = scan && model instanceof BPE ? ByteWords.of(model) : undefined
    return scan && words && new WordEncoder(scan, (units, start, end) => words.idsOf(units, start, end))
  }

  /** The ids that the post-processor puts around a single text; undefined if it does more than that. */
  private frame({ addSpecialTokens = true }: EncodeOptions): Frame | undefined {
    if (!this.postProcessor || !addSpecialTokens) return { before: [], after: [] }
    if (this.knownFrame === undefined) this.knownFrame = this.findFrame(this.postProcessor) ?? null
    return this.knownFrame ?? undefined
  }

  private findFrame(postProcessor: PostProcessor): Frame | undefined {
    // A text of one token that cannot be a special one shows where the others go.
    const probe = new Encoding({ ...Encoding.special([-1], [''], 0), specialTokensMask: [0] })
    const ids = postProcessor.process([probe], true).flatMap(part => part.ids)
    const at = ids.indexOf(-1)
    return at < 0 ? undefined : { before: ids.slice(0, at), after: ids.slice(at + 1) }
  }

  private parts(): TokenizerParts {
    const { model, normalizer, preTokenizer, postProcessor, decoder, truncation, padding } = this
    return { model, normalizer, preTokenizer, postProcessor, decoder, truncation, padding }
  }

  /** Everything but padding, which looks at a whole batch. */
  private finish(text: string, options: EncodeOptions, tracked = true): Encoding {
    const { pair, addSpecialTokens = true, allowedSpecial = 'none' } = options
    let first = this.encodeOne(text, 0, allowedSpecial, tracked)
    let second = pair === undefined ? undefined : this.encodeOne(pair, 1, allowedSpecial, tracked)
    if (this.truncation) {
      const extra = addSpecialTokens ? (this.postProcessor?.addedTokens(second !== undefined) ?? 0) : 0
      ;[first, second] = truncate(first, second, this.truncation.maxLength - extra, this.truncation)
    }
    const inputs = second ? [first, second] : [first]
    const parts = this.postProcessor
      ? this.postProcessor.process(inputs, addSpecialTokens)
      : inputs.map((encoding, i) => encoding.labelled(i, i))
    const joined = parts.reduce((all, part) => all.concat(part))
    const texts = [text, pair ?? '']
    const encoding = this.postProcessor ? snapped(joined, texts) : joined
    return options.offsetUnit ? withOffsetUnit(encoding, texts, options.offsetUnit) : encoding
  }

  private encodeOne(text: string, sequence: number, allowed: AllowedSpecial, tracked = true): Encoding {
    const out: EncodingParts = Encoding.empty()
    this.pieces(textOf('encode', text), allowed, tracked).forEach((piece, word) => {
      for (const token of piece.tokens ?? this.model.tokenize(piece.text.text)) {
        out.ids.push(token.id)
        out.typeIds.push(sequence)
        out.tokens.push(token.value)
        out.offsets.push(piece.text.toOriginal(token.start, token.end))
        out.wordIds.push(word)
        out.sequenceIds.push(sequence)
        out.specialTokensMask.push(0)
        out.attentionMask.push(1)
      }
    })
    return new Encoding(out)
  }

  /** What the model is given of a well-formed text, and the added tokens between. */
  private pieces(text: string, allowed: AllowedSpecial, tracked: boolean): Piece[] {
    // Whether a piece is the first one is told by where it comes from, so Metaspace may need tracking for its prefix.
    const isTracked = tracked || looksAtStart(this.preTokenizer)
    const aligned = isTracked ? new AlignedText(text) : AlignedText.untracked(text)
    const pieces = this.added.extract(aligned, this.normalizer, allowed)
    this.preTokenizer?.preTokenize(pieces)
    return pieces.pieces
  }

  private decodeRun(emit: (text: string) => void, options: DecodeOptions) {
    const { skipSpecialTokens = true } = options
    const sink = { fragment: emit, endToken() {}, end() {} }
    const run = this.decoder ? this.decoder.start(sink) : joinTokens(sink)
    return {
      push: (id: number) => {
        if (!Number.isInteger(id) || id < 0) throw new TokenizerError(`decode: ids are integers from 0, got ${id}`)
        if (skipSpecialTokens && this.added.isSpecial(id)) return run.skip?.()
        const token = this.idToToken(id)
        if (token === undefined) return
        run.fragment(token)
        run.endToken()
      },
      end: () => run.end(),
    }
  }
}

/**
 * Trimming counts characters, and some characters have two units: an offset that came to lie inside a surrogate pair
 * goes to the far side of it.
 */
function snapped(encoding: Encoding, texts: readonly string[]): Encoding {
  if (!texts.some(text => /[\ud800-\udbff]/.test(text))) return encoding
  const offsets = encoding.offsets.map(([start, end], i): Offsets => {
    const text = texts[encoding.sequenceIds[i] ?? 0]
    const from = isLowSurrogateAt(text, start) ? start + 1 : start
    return [from, Math.max(from, isLowSurrogateAt(text, end) ? end - 1 : end)]
  })
  return new Encoding(
    { ...encoding, offsets },
    encoding.overflowing.map(window => snapped(window, texts)),
  )
}

/**
 * The Rust library numbers added tokens that the model does not know from the end of its vocabulary. Where that would give
 * other ids than they have, their ids are written into the vocabulary.
 */
function withAddedTokens(model: JsonObject, added: Iterable<readonly [id: number, token: AddedToken]>): JsonObject {
  const { vocab } = model
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) return model
  const missing = [...added]
    .filter(([, { content }]) => !Object.hasOwn(vocab, content))
    .sort(([a], [b]) => a - b)
    .map(([id, { content }]) => [content, id] as const)
  const size = Object.keys(vocab).length
  if (missing.every(([, id], i) => id === size + i)) return model
  return { ...model, vocab: { ...vocab, ...Object.fromEntries(missing) } }
}

function looksAtStart(preTokenizer: PreTokenizer | null): boolean {
  if (preTokenizer instanceof PreTokenizerSequence) return preTokenizer.preTokenizers.some(looksAtStart)
  return preTokenizer instanceof Metaspace && preTokenizer.prependScheme === 'first'
}
