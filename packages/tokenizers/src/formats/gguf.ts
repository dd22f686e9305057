// The tokenizer inside a GGUF file (ggml's docs/gguf.md), from the keys that start with `tokenizer.ggml.`.
import { addedToken } from '../added/added-token.ts'
import { ByteFallback } from '../decoders/byte-fallback.ts'
import { ByteLevelDecoder } from '../decoders/byte-level.ts'
import { Fuse } from '../decoders/fuse.ts'
import { DecoderSequence } from '../decoders/sequence.ts'
import { WordPieceDecoder } from '../decoders/word-piece.ts'
import { TokenizerError, TokenizerFormatError } from '../errors.ts'
import { BPE } from '../models/bpe.ts'
import { hybridDna } from '../models/hybrid-dna.ts'
import { LongestBytes, unescapeRwkv } from '../models/longest-bytes.ts'
import { Plamo2 } from '../models/plamo2.ts'
import { WholeWords } from '../models/whole-words.ts'
import { WordPiece } from '../models/word-piece.ts'
import { BertNormalizer } from '../normalizers/bert.ts'
import { Lowercase } from '../normalizers/lowercase.ts'
import { Replace } from '../normalizers/replace.ts'
import { NormalizerSequence } from '../normalizers/sequence.ts'
import { type TemplateOptions, type TemplatePiece, TemplateProcessor } from '../postprocessors/template.ts'
import { BertPreTokenizer } from '../pretokenizers/bert.ts'
import type { TokenizerParts } from '../tokenizer.ts'
import { ggmlPreTokenizer } from './ggml-pre.ts'
import { pieceTypes, type SentencePieceModel, sentencePieceParts } from './sentence-piece.ts'

const FORMAT = 'GGUF'

export type GGUFValue = number | boolean | string | GGUFValue[]

const sizes: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }

/** The key-value pairs at the start of a GGUF file; the tensors behind them are not touched. */
export function readGGUFMetadata(bytes: Uint8Array): Map<string, GGUFValue> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  let at = 0
  const fail = (problem: string): never => {
    throw new TokenizerFormatError(FORMAT, `byte ${at}`, problem)
  }
  const need = (size: number) => {
    if (size > bytes.length - at) fail(`${size} bytes are needed, ${bytes.length - at} are left`)
  }
  const size64 = (): number => {
    need(8)
    const value = view.getBigUint64(at, true)
    if (value > BigInt(bytes.length)) fail(`a length of ${value} in a file of ${bytes.length} bytes`)
    at += 8
    return Number(value)
  }
  const text = (): string => {
    const length = size64()
    need(length)
    const value = utf8.decode(bytes.subarray(at, at + length))
    at += length
    return value
  }
  const value = (type: number, depth: number): GGUFValue => {
    if (type === 8) return text()
    if (type === 9) {
      if (depth > 3) fail('arrays nested more than three deep')
      need(4)
      const itemType = view.getUint32(at, true)
      at += 4
      const count = size64()
      const out: GGUFValue[] = []
      for (let i = 0; i < count; i++) out.push(value(itemType, depth + 1))
      return out
    }
    const size = sizes[type] ?? fail(`a value of unknown type ${type}`)
    need(size)
    const start = at
    at += size
    switch (type) {
      case 0:
        return view.getUint8(start)
      case 1:
        return view.getInt8(start)
      case 2:
        return view.getUint16(start, true)
      case 3:
        return view.getInt16(start, true)
      case 4:
        return view.getUint32(start, true)
      case 5:
        return view.getInt32(start, true)
      case 6:
        return view.getFloat32(start, true)
      case 7:
        return view.getUint8(start) !== 0
      case 10:
        return Number(view.getBigUint64(start, true))
      case 11:
        return Number(view.getBigInt64(start, true))
      default:
        return view.getFloat64(start, true)
    }
  }
  need(24)
  if (utf8.decode(bytes.subarray(0, 4)) !== 'GGUF') fail('it does not start with GGUF')
  const version = view.getUint32(4, true)
  if (version < 2 || version > 3) fail(`version ${version} is not supported: 2 and 3 are`)
  at = 16
  const count = size64()
  const out = new Map<string, GGUFValue>()
  for (let i = 0; i < count; i++) {
    const key = text()
    need(4)
    const type = view.getUint32(at, true)
    at += 4
    out.set(key, value(type, 0))
  }
  return out
}

export function readGGUF(bytes: Uint8Array): TokenizerParts {
  const metadata = readGGUFMetadata(bytes)
  const key = (name: string) => metadata.get(`tokenizer.ggml.${name}`)
  const bad = (name: string): never => {
    throw new TokenizerFormatError(FORMAT, `tokenizer.ggml.${name}`, 'missing or of the wrong type')
  }
  const list = <T extends string | number>(name: string, type: 'string' | 'number'): T[] | undefined => {
    const value = key(name)
    if (value === undefined) return undefined
    if (!Array.isArray(value) || value.some(item => typeof item !== type)) bad(name)
    return value as T[]
  }
  const flag = (name: string, fallback: boolean) => {
    const value = key(name)
    return typeof value === 'boolean' ? value : fallback
  }
  const tokens = list<string>('tokens', 'string') ?? bad('tokens')
  const types = list<number>('token_type', 'number') ?? tokens.map(() => pieceTypes.normal)
  const scores = list<number>('scores', 'number') ?? tokens.map(() => 0)
  if (types.length < tokens.length) bad('token_type')
  if (scores.length < tokens.length) bad('scores')
  const model = key('model')
  const addedTokens = tokens.flatMap((content, id) => {
    const isUnknown = types[id] === pieceTypes.unknown && model !== 'llama' && model !== 't5'
    const special = types[id] === pieceTypes.control || isUnknown
    if (!special && types[id] !== pieceTypes.userDefined) return []
    return [[id, addedToken({ content, special, normalized: false })] as const]
  })
  const special = (name: string, fallback: number | null) => {
    const id = key(`${name}_token_id`) ?? fallback
    return typeof id === 'number' && tokens[id] !== undefined ? { token: tokens[id], id } : undefined
  }
  const frame = (addBos: boolean, addEos: boolean, bos: number | null, eos: number | null) => {
    const first = flag('add_bos_token', addBos) ? special('bos', bos) : undefined
    const last = flag('add_eos_token', addEos) ? special('eos', eos) : undefined
    return first || last ? new TemplateProcessor(template(first, last, first)) : undefined
  }
  switch (model) {
    case 'gpt2':
    case 'hybriddna':
    case 'whitespace':
    case 'gemma4': {
      const named = typeof key('pre') === 'string' ? (key('pre') as string) : 'default'
      const pre = ggmlPreTokenizer(model === 'gemma4' ? 'gemma4' : named)
      // Kimi's files may come without merges.
      const merges = list<string>('merges', 'string') ?? (named === 'kimi-k2' ? [] : bad('merges'))
      const bpe = new BPE({
        vocab: tokens.map((token, id) => [token, id] as const),
        merges: merges.map((merge, i) => splitMerge(merge, i)),
        ignoreMerges: pre.ignoreMerges,
        byteFallback: pre.byteFallback,
      })
      // What llama.cpp does when a file says nothing: token 11 starts and ends a text that is to have a start and an end.
      const hasNoBos = model === 'gemma4' || named === 'glm4' || named === 'chatglm-bpe'
      const isLowercase = model === 'whitespace' && flag('normalizer.lowercase', named !== 'whitespace')
      const words = pre.wholeLineEnds ? new WholeWords(bpe, text => /^\n+$/.test(text)) : bpe
      const [dnaModel, preTokenizer] =
        model === 'hybriddna' ? hybridDna(words, pre.preTokenizer) : [words, pre.preTokenizer]
      return {
        preTokenizer,
        normalizer: isLowercase ? lowercaseByCharacter() : pre.normalizer,
        model: dnaModel,
        postProcessor: frame(pre.addBos, false, hasNoBos ? null : 11, model === 'gemma4' ? null : 11) ?? null,
        decoder: pre.decoder ?? new ByteLevelDecoder(),
        addedTokens,
      }
    }
    case 'rwkv': {
      const unknown = key('unknown_token_id')
      return {
        model: new LongestBytes(tokens.map(unescapeRwkv), typeof unknown === 'number' ? unknown : null),
        postProcessor: frame(false, false, null, null) ?? null,
        decoder: new ByteLevelDecoder(),
        addedTokens,
      }
    }
    case 'plamo2':
      return {
        model: new Plamo2(tokens, scores, id => types[id] === pieceTypes.byte),
        postProcessor: frame(false, false, 1, 2) ?? null,
        decoder: new DecoderSequence([new ByteFallback(), new Fuse()]),
        addedTokens,
      }
    case 'llama': {
      const pieces = tokens.map((piece, id) => ({ piece, score: scores[id], type: types[id] }))
      const parsed: SentencePieceModel = {
        pieces,
        modelType: 'bpe',
        byteFallback: types.includes(pieceTypes.byte),
        normalizer: { addDummyPrefix: flag('add_space_prefix', true), removeExtraWhitespaces: false },
        unkSurface: ' \u2047 ',
      }
      return { ...sentencePieceParts(parsed), postProcessor: frame(true, false, 1, 2) ?? null, addedTokens }
    }
    case 't5': {
      const map = list<number>('precompiled_charsmap', 'number')
      const parsed: SentencePieceModel = {
        pieces: tokens.map((piece, id) => ({ piece, score: scores[id], type: types[id] })),
        modelType: 'unigram',
        byteFallback: types.includes(pieceTypes.byte),
        normalizer: {
          ...(map && { charsMap: Uint8Array.from(map) }),
          addDummyPrefix: flag('add_space_prefix', true),
          removeExtraWhitespaces: flag('remove_extra_whitespaces', true),
        },
        unkSurface: ' \u2047 ',
      }
      return { ...sentencePieceParts(parsed), postProcessor: frame(false, true, null, 1) ?? null, addedTokens }
    }
    case 'bert': {
      // Words are marked by a space in front instead of ## on the rest.
      const wordPieces = tokens.map((token, id) => {
        if (types[id] !== pieceTypes.normal) return token
        return token.startsWith('\u2581') ? token.slice(1) : `##${token}`
      })
      const unknown = special('unknown', 100)
      const cls = special('cls', null) ?? special('bos', 101)
      const sep =
        special('seperator', null) ?? special('separator', null) ?? special('sep', null) ?? special('eos', 102)
      const framed = cls && sep
      const lowercase = flag('normalizer.lowercase', true)
      return {
        normalizer: new BertNormalizer({ lowercase, stripAccents: flag('normalizer.strip_accents', lowercase) }),
        preTokenizer: new BertPreTokenizer(),
        model: new WordPiece({
          vocab: wordPieces.map((token, id) => [token, id] as const),
          unkToken: unknown?.token ?? '[UNK]',
          maxInputCharsPerWord: 0x7fffffff,
        }),
        postProcessor: framed ? new TemplateProcessor(template(cls, sep)) : null,
        decoder: new WordPieceDecoder(),
        addedTokens,
      }
    }
    default:
      throw new TokenizerError(
        `GGUF: tokenizer.ggml.model ${String(model)} is not supported: gpt2, gemma4, whitespace, llama, t5, bert, rwkv, plamo2 and hybriddna are`,
      )
  }
}

type Special = { token: string; id: number }

/** A text between two tokens, or only one; a second text after it, with what starts and ends it. */
function template(first?: Special, last?: Special, second?: Special): TemplateOptions {
  const token = (special: Special | undefined, typeId: number): TemplatePiece[] =>
    special ? [{ kind: 'special', id: special.token, typeId }] : []
  const single: TemplatePiece[] = [...token(first, 0), { kind: 'sequence', id: 'A', typeId: 0 }, ...token(last, 0)]
  return {
    single,
    pair: [...single, ...token(second, 1), { kind: 'sequence', id: 'B', typeId: 1 }, ...token(last, 1)],
    specialTokens: [first, last].flatMap(special => (special ? [[special.token, special.id] as const] : [])),
  }
}

/** One character for one, where Unicode's full mapping makes two of a dotted I. */
const lowercaseByCharacter = () => new NormalizerSequence([new Replace('\u0130', 'i'), new Lowercase()])

function splitMerge(merge: string, index: number): [string, string] {
  // A token may itself start with a space.
  const space = merge.indexOf(' ', 1)
  if (space < 0)
    throw new TokenizerFormatError(FORMAT, `tokenizer.ggml.merges[${index}]`, 'no space between two tokens')
  return [merge.slice(0, space), merge.slice(space + 1)]
}
