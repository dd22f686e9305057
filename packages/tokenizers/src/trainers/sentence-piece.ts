// spm_train: from lines of text to a sentencepiece model of any of its four types (trainer_interface.cc, and the trainers of
// its models). The pieces and scores are those of version 0.1.97.
import { TokenizerError } from '../errors.ts'
import { pieceTypes, type SentencePieceModel } from '../formats/sentence-piece.ts'
import { byteToken } from '../models/bpe.ts'
import { compileRules } from '../normalizers/compile-rules.ts'
import type { NormalizationRuleName } from '../normalizers/named-rules.ts'
import { SentencePieceNormalizer, type SentencePieceRules } from '../normalizers/sentence-piece.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { bpePieces } from './bpe-pieces.ts'
import { type AlphabetOptions, byCount, type Followers, pieceCorpus } from './piece-corpus.ts'
import { BOUNDARY, type PieceRules, SPACE, UNKNOWN } from './piece-rules.ts'
import type { TrainerOptions } from './trainer.ts'
import { unigramPieces } from './unigram.ts'

export type SentencePieceTrainOptions = Omit<AlphabetOptions, 'initialAlphabet'> &
  PieceRules &
  Pick<TrainerOptions, 'onProgress'> & {
    /** Default `'unigram'`. */
    modelType?: SentencePieceModel['modelType']
    /** Most entries, those that are no pieces included. Default 8000. */
    vocabSize?: number
    /** Which characters are replaced by which, in training and later. Default `'nmt_nfkc'`, as in spm_train. */
    normalizationRule?: NormalizationRuleName
    /** White space; and other rules for characters, as `charsMap`, in place of those that go by a name. */
    normalizer?: SentencePieceRules
    /** Characters that are in the vocabulary whatever their count. */
    requiredChars?: string
    /** Symbols that never occur in text. */
    controlSymbols?: readonly string[]
    /** Symbols that are always one piece. */
    userDefinedSymbols?: readonly string[]
    /** Unknown characters become pieces of their UTF-8 bytes. */
    byteFallback?: boolean
    /** Ids of the special pieces; -1 leaves one out. Default 0, 1, 2 and -1. */
    unkId?: number
    bosId?: number
    eosId?: number
    padId?: number
    /** Lines of more UTF-8 bytes are left out. Default 4192. */
    maxSentenceLength?: number
    /** What unknown pieces are decoded to. */
    unkSurface?: string
    /** Unigram: pieces to start from, the share that a round of pruning keeps, rounds of EM between prunings. */
    seedSize?: number
    shrinkingFactor?: number
    subIterations?: number
  }

/**
 * Trains a sentencepiece model; `Tokenizer.fromSentencePiece` and `writeSentencePiece` take it.
 * @param texts lines: one string of them, several, or a stream, each of whole lines; a corpus need not fit into memory
 */
export async function trainSentencePiece(
  texts: string | Iterable<string> | AsyncIterable<string>,
  options: SentencePieceTrainOptions = {},
): Promise<SentencePieceModel> {
  const { modelType = 'unigram', vocabSize = 8000, byteFallback = false } = options
  const { normalizationRule: name = 'nmt_nfkc' } = options
  const { whitespaceAsSuffix = options.normalizer?.whitespaceAsSuffix ?? false } = options
  const normalizer: SentencePieceRules = {
    ...(!options.normalizer?.charsMap && { name, charsMap: compileRules(name) }),
    ...options.normalizer,
    whitespaceAsSuffix,
  }
  const protectedSymbols = options.userDefinedSymbols ?? []
  const meta = metaPieces(options)
  const { words, last, followers } = await countWords(texts, { ...normalizer, protectedSymbols }, meta, options)
  const settings = {
    ...options,
    whitespaceAsSuffix,
    ...(followers && { followers }),
    vocabSize,
    reserved: meta.size,
    ...(options.requiredChars !== undefined && { initialAlphabet: options.requiredChars }),
  }
  const pieces = trainPieces(modelType, words, last, settings)
  const all: SentencePieceModel['pieces'] = []
  let next = 0
  for (let id = 0; id < vocabSize; id++) {
    const special = meta.get(id)
    if (special) all.push({ ...special, score: 0 })
    else if (next < pieces.length) {
      const [piece, score] = pieces[next++]
      all.push({ piece, score, type: pieceTypes.normal })
    }
  }
  return {
    pieces: all,
    modelType,
    byteFallback,
    normalizer,
    unkSurface: options.unkSurface ?? ' \u2047 ',
  }
}

type Settings = SentencePieceTrainOptions & {
  followers?: Followers
  vocabSize: number
  reserved: number
  initialAlphabet?: Iterable<string>
}

function trainPieces(
  modelType: SentencePieceModel['modelType'],
  words: ReadonlyMap<string, number>,
  last: ReadonlyMap<string, number>,
  settings: Settings,
): [piece: string, score: number][] {
  const room = settings.vocabSize - settings.reserved
  switch (modelType) {
    case 'unigram':
      return unigramPieces(words, last, settings)
    case 'bpe':
      return bpePieces(words, settings).map((piece, i) => [piece, -i])
    case 'char':
      return logProbabilities(pieceCorpus(words, undefined, settings).alphabet, room)
    case 'word': {
      const corpus = pieceCorpus(words, undefined, settings)
      const counts = corpus.words.map((word, i): [string, number] => [word, corpus.counts[i]])
      const unknown = String.fromCodePoint(UNKNOWN)
      return logProbabilities(counts, room, word => !word.includes(unknown))
    }
    default:
      return modelType satisfies never
  }
}

/** The most frequent entries with the logarithms of their shares, in single precision. */
function logProbabilities(
  counts: readonly [string, number][],
  size: number,
  isPiece: (text: string) => boolean = () => true,
): [string, number][] {
  const { fround, log } = Math
  const logSum = fround(log(fround(counts.reduce((sum, [, count]) => sum + count, 0))))
  return [...counts]
    .sort(byCount)
    .filter(([text]) => isPiece(text))
    .slice(0, Math.max(0, size))
    .map(([text, count]) => [text, fround(fround(log(fround(count))) - logSum)])
}

/** The entries that are not learnt, by id. */
function metaPieces(options: SentencePieceTrainOptions): Map<number, { piece: string; type: number }> {
  const { unkId = 0, bosId = 1, eosId = 2, padId = -1, vocabSize = 8000 } = options
  const out = new Map<number, { piece: string; type: number }>()
  const named = new Map<string, number>()
  const put = (id: number, piece: string, type: number) => {
    if (id < 0) return
    if (id >= vocabSize || out.has(id) || named.has(piece)) {
      throw new TokenizerError(
        `trainSentencePiece: ${piece} cannot have id ${id}: it is taken, or above the vocabSize ${vocabSize}`,
      )
    }
    out.set(id, { piece, type })
    named.set(piece, id)
  }
  if (unkId < 0)
    throw new TokenizerError('trainSentencePiece: unkId must be 0 or more: there is always an unknown piece')
  put(unkId, '<unk>', pieceTypes.unknown)
  put(bosId, '<s>', pieceTypes.control)
  put(eosId, '</s>', pieceTypes.control)
  put(padId, '<pad>', pieceTypes.control)
  let free = 0
  const append = (piece: string, type: number) => {
    const known = named.get(piece)
    // A special piece named again only changes its type.
    if (known !== undefined && known !== unkId) {
      out.set(known, { piece, type })
      return
    }
    while (out.has(free)) free++
    put(free, piece, type)
  }
  for (const symbol of options.controlSymbols ?? []) append(symbol, pieceTypes.control)
  for (const symbol of options.userDefinedSymbols ?? []) append(symbol, pieceTypes.userDefined)
  if (options.byteFallback) for (let byte = 0; byte < 256; byte++) append(byteToken(byte), pieceTypes.byte)
  return out
}

async function countWords(
  texts: string | Iterable<string> | AsyncIterable<string>,
  rules: SentencePieceRules,
  meta: ReadonlyMap<number, { piece: string }>,
  options: SentencePieceTrainOptions,
) {
  const { maxSentenceLength = 4192, splitByWhitespace = true, onProgress } = options
  const normalizer = new SentencePieceNormalizer({ ...rules, escapeWhitespaces: true })
  const symbols = [...meta.values()].map(({ piece }) => piece).sort((a, b) => b.length - a.length)
  const symbol = new RegExp(symbols.map(text => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'g')
  const boundary = String.fromCodePoint(BOUNDARY)
  const reserved = String.fromCodePoint(UNKNOWN)
  const space = String.fromCodePoint(SPACE)
  const words = new Map<string, number>()
  const last = new Map<string, number>()
  const count = (map: Map<string, number>, word: string) => map.set(word, (map.get(word) ?? 0) + 1)
  // Before white space a word is followed by that or by the end; behind it, by any character.
  const followers = rules.whitespaceAsSuffix ? new Map<string, Map<string, number>>() : undefined
  const follow = (map: Map<string, Map<string, number>>, word: string, char: string) => {
    const behind = map.get(word) ?? new Map<string, number>()
    map.set(word, behind.set(char, (behind.get(char) ?? 0) + 1))
  }
  let done = 0
  for await (const text of typeof texts === 'string' ? [texts] : texts) {
    for (const line of text.split('\n')) {
      if (line === '' || line.includes(reserved)) continue
      if (line.length * 3 > maxSentenceLength && utf8Bytes(line).length > maxSentenceLength) continue
      const aligned = AlignedText.untracked(line.toWellFormed())
      normalizer.normalize(aligned)
      const sentence = aligned.text.replace(symbol, boundary)
      if (sentence === '') continue
      let start = 0
      if (splitByWhitespace) {
        // Before each space, or behind it; models of words cut before it in any case, here and when they encode.
        const shift = rules.whitespaceAsSuffix && options.modelType !== 'word' ? 1 : 0
        for (let at = sentence.indexOf(space, 1 - shift); at >= 0; at = sentence.indexOf(space, at + 1)) {
          if (at + shift === sentence.length) break
          const word = sentence.slice(start, at + shift)
          count(words, word)
          start = at + shift
          if (followers) follow(followers, word, String.fromCodePoint(sentence.codePointAt(start)!))
        }
      }
      const word = sentence.slice(start)
      count(words, word)
      count(last, word)
      if (followers) follow(followers, word, '')
      if ((++done & 0xfff) === 0) onProgress?.({ stage: 'count', done, total: undefined })
    }
  }
  return { words, last, followers }
}
