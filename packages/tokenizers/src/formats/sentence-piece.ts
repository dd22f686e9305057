// Sentencepiece's .model files (sentencepiece_model.proto): pieces with scores and types, and how text is normalized.
import { addedToken } from '../added/added-token.ts'
import { byteOf } from '../decoders/byte-fallback.ts'
import type { Decoder } from '../decoders/decoder.ts'
import { SentencePieceDecoder } from '../decoders/sentence-piece.ts'
import { TokenizerFormatError } from '../errors.ts'
import { BPE } from '../models/bpe.ts'
import { ForcedSymbols } from '../models/forced-symbols.ts'
import { PieceWords } from '../models/piece-words.ts'
import { Unigram } from '../models/unigram.ts'
import { SentencePieceNormalizer, type SentencePieceRules } from '../normalizers/sentence-piece.ts'
import type { TokenizerParts } from '../tokenizer.ts'
import { FieldWriter, readFields } from './protobuf.ts'
import { scoreMerges } from './score-merges.ts'

const FORMAT = 'sentencepiece .model'

/** What a piece is, by the numbers of the format. */
export const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const
const modelTypes = { unigram: 1, bpe: 2, word: 3, char: 4 } as const

export type SentencePieceModel = {
  pieces: { piece: string; score: number; type: number }[]
  modelType: keyof typeof modelTypes
  byteFallback: boolean
  normalizer: SentencePieceRules
  unkSurface: string
}

/** Reads the parts of the file that encoding needs. */
export function parseSentencePiece(bytes: Uint8Array): SentencePieceModel {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  const model: SentencePieceModel = {
    pieces: [],
    modelType: 'unigram',
    byteFallback: false,
    normalizer: {},
    unkSurface: ' \u2047 ',
  }
  for (const field of readFields(bytes, FORMAT)) {
    if (!field.bytes) continue
    const fields = readFields(field.bytes, FORMAT, field.at)
    if (field.number === 1) {
      const piece = { piece: '', score: 0, type: pieceTypes.normal as number }
      for (const { number, bytes: text, float, varint } of fields) {
        if (number === 1 && text) piece.piece = utf8.decode(text)
        if (number === 2 && float !== undefined) piece.score = float
        if (number === 3 && varint !== undefined) piece.type = varint
      }
      model.pieces.push(piece)
    } else if (field.number === 2) {
      for (const { number, bytes: text, varint } of fields) {
        if (number === 3) {
          const name = Object.entries(modelTypes).find(([, value]) => value === varint)?.[0]
          if (!name) throw new TokenizerFormatError(FORMAT, `byte ${field.at}`, `model type ${varint} is unknown`)
          model.modelType = name as SentencePieceModel['modelType']
        }
        if (number === 24) model.normalizer.whitespaceAsSuffix = varint === 1
        if (number === 35) model.byteFallback = varint === 1
        if (number === 44 && text) model.unkSurface = utf8.decode(text)
      }
    } else if (field.number === 3) {
      for (const { number, bytes: map, varint } of fields) {
        if (number === 1 && map) model.normalizer.name = utf8.decode(map)
        if (number === 2 && map) model.normalizer.charsMap = map
        if (number === 3) model.normalizer.addDummyPrefix = varint === 1
        if (number === 4) model.normalizer.removeExtraWhitespaces = varint === 1
        if (number === 5) model.normalizer.escapeWhitespaces = varint === 1
      }
    }
  }
  if (model.pieces.length === 0) throw new TokenizerFormatError(FORMAT, 'byte 0', 'no pieces')
  return model
}

/** Writes a model that sentencepiece can load. */
export function writeSentencePiece(model: SentencePieceModel): Uint8Array {
  const out = new FieldWriter()
  for (const { piece, score, type } of model.pieces) {
    const fields = new FieldWriter().text(1, piece).float(2, score)
    if (type !== pieceTypes.normal) fields.varint(3, type)
    out.bytes(1, fields.finish())
  }
  const idOf = (type: number) => model.pieces.findIndex(piece => piece.type === type)
  const trainer = new FieldWriter().varint(3, modelTypes[model.modelType]).varint(4, model.pieces.length)
  if (model.normalizer.whitespaceAsSuffix) trainer.varint(24, 1)
  if (model.byteFallback) trainer.varint(35, 1)
  if (idOf(pieceTypes.unknown) >= 0) trainer.varint(40, idOf(pieceTypes.unknown))
  trainer.text(44, model.unkSurface)
  const { charsMap, addDummyPrefix = true, removeExtraWhitespaces = true, escapeWhitespaces = true } = model.normalizer
  const { name = charsMap && charsMap.length > 0 ? 'user_defined' : 'identity' } = model.normalizer
  const normalizer = new FieldWriter().text(1, name)
  if (charsMap) normalizer.bytes(2, charsMap)
  normalizer.varint(3, +addDummyPrefix).varint(4, +removeExtraWhitespaces).varint(5, +escapeWhitespaces)
  return out.bytes(2, trainer.finish()).bytes(3, normalizer.finish()).finish()
}

export function readSentencePiece(bytes: Uint8Array): TokenizerParts {
  return sentencePieceParts(parseSentencePiece(bytes))
}

/** A tokenizer that encodes as sentencepiece does. */
export function sentencePieceParts(model: SentencePieceModel): TokenizerParts {
  const { pieces, byteFallback } = model
  const unkId = pieces.findIndex(piece => piece.type === pieceTypes.unknown)
  const userDefined = pieces.filter(piece => piece.type === pieceTypes.userDefined).map(piece => piece.piece)
  const tokens = pieces.map(piece => piece.piece)
  const scores = pieces.map(piece => piece.score)
  const occurs = (id: number) => {
    const { type } = pieces[id]
    return type === pieceTypes.normal || type === pieceTypes.userDefined
  }
  const isNormal = (id: number) => pieces[id].type === pieceTypes.normal
  const withSymbols = (inner: BPE) => {
    const symbols = pieces.flatMap(({ piece, type }, id) =>
      type === pieceTypes.userDefined && piece !== '' ? [[piece, id] as const] : [],
    )
    return symbols.length > 0 ? new ForcedSymbols(inner, symbols) : inner
  }
  const common = { unkId: unkId < 0 ? null : unkId, byteFallback }
  const controls = pieces.flatMap(({ piece, type }, id) =>
    type === pieceTypes.control ? [[id, addedToken({ content: piece, special: true })] as const] : [],
  )
  return {
    normalizer: new SentencePieceNormalizer({ ...model.normalizer, protectedSymbols: userDefined }),
    model: buildModel(),
    decoder: decoderOf(model, unkId < 0 ? undefined : tokens[unkId]),
    addedTokens: controls,
  }

  function buildModel() {
    switch (model.modelType) {
      case 'unigram':
        return new Unigram({
          ...common,
          vocab: tokens.map((token, id) => [token, scores[id]] as const),
          forced: userDefined,
          excluded: tokens.flatMap((_, id) => (occurs(id) ? [] : [id])),
          singlePrecision: true,
        })
      case 'bpe':
      case 'char':
        return withSymbols(
          new BPE({
            byteFallback,
            vocab: tokens.map((token, id) => [token, id] as const),
            // Characters are BPE that never merges.
            merges: model.modelType === 'bpe' ? scoreMerges(tokens, scores, isNormal) : [],
            unkToken: unkId < 0 ? null : tokens[unkId],
            fuseUnk: true,
          }),
        )
      case 'word':
        return new PieceWords(
          tokens.map((token, id) => [token, id] as const),
          unkId < 0 ? '<unk>' : tokens[unkId],
        )
      default:
        return model.modelType satisfies never
    }
  }
}

function decoderOf({ pieces, normalizer, unkSurface }: SentencePieceModel, unknown?: string): Decoder {
  const { addDummyPrefix = true, removeExtraWhitespaces = true } = normalizer
  return new SentencePieceDecoder({
    addDummyPrefix,
    removeExtraWhitespaces,
    unknown: unknown === undefined ? undefined : { piece: unknown, surface: unkSurface },
    bytes: new Map(
      pieces.flatMap(({ piece, type }) => {
        const byte = type === pieceTypes.byte ? byteOf(piece) : undefined
        return byte === undefined ? [] : [[piece, byte] as const]
      }),
    ),
  })
}
