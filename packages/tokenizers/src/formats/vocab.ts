// The vocabulary files that models had before tokenizer.json: BERT's vocab.txt, GPT-2's vocab.json and merges.txt.
import { addedToken } from '../added/added-token.ts'
import { ByteLevelDecoder } from '../decoders/byte-level.ts'
import { WordPieceDecoder } from '../decoders/word-piece.ts'
import { TokenizerFormatError } from '../errors.ts'
import { BPE } from '../models/bpe.ts'
import { Vocabulary } from '../models/vocabulary.ts'
import { WordPiece } from '../models/word-piece.ts'
import { BertNormalizer, type BertNormalizerOptions } from '../normalizers/bert.ts'
import { BertProcessor } from '../postprocessors/framed.ts'
import { BertPreTokenizer } from '../pretokenizers/bert.ts'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import type { TokenizerParts } from '../tokenizer.ts'

export type BertOptions = BertNormalizerOptions & {
  unkToken?: string
  clsToken?: string
  sepToken?: string
  /** Control tokens, if the vocabulary has them. */
  specialTokens?: readonly string[]
}

export function readVocabTxt(text: string, options: BertOptions = {}): TokenizerParts {
  const { unkToken = '[UNK]', clsToken = '[CLS]', sepToken = '[SEP]' } = options
  const lines = text.split('\n').map(line => line.replace(/\r$/, ''))
  if (lines.at(-1) === '') lines.pop()
  const ids = new Map(lines.map((token, id) => [token, id] as const))
  if (!ids.has(unkToken))
    throw new TokenizerFormatError('vocab.txt', 'the file', `it has no ${unkToken}: name unkToken`)
  const specials = [...(options.specialTokens ?? ['[PAD]', '[MASK]']), unkToken, clsToken, sepToken]
  const cls = ids.get(clsToken)
  const sep = ids.get(sepToken)
  return {
    normalizer: new BertNormalizer(options),
    preTokenizer: new BertPreTokenizer(),
    model: new WordPiece({ vocab: ids, unkToken }),
    postProcessor: cls !== undefined && sep !== undefined ? new BertProcessor([sepToken, sep], [clsToken, cls]) : null,
    decoder: new WordPieceDecoder(),
    addedTokens: specials.flatMap(content => {
      const id = ids.get(content)
      return id === undefined ? [] : [[id, addedToken({ content, special: true })] as const]
    }),
  }
}

export type ByteLevelBpeOptions = {
  addPrefixSpace?: boolean
  /** Control tokens; their ids are those of the vocabulary. */
  specialTokens?: readonly string[]
}

export function readVocabAndMerges(vocab: unknown, merges: string, options: ByteLevelBpeOptions = {}): TokenizerParts {
  const { addPrefixSpace = false, specialTokens = ['<|endoftext|>'] } = options
  const { ids } = Vocabulary.fromJSON(vocab, 'vocab.json')
  const pairs: [string, string][] = []
  merges.split('\n').forEach((line, i) => {
    const merge = line.replace(/\r$/, '')
    if (merge === '' || (i === 0 && merge.startsWith('#version'))) return
    const parts = merge.split(' ')
    if (parts.length !== 2) {
      throw new TokenizerFormatError('merges.txt', `line ${i + 1}`, `expected two tokens, got ${merge.slice(0, 80)}`)
    }
    pairs.push([parts[0], parts[1]])
  })
  return {
    preTokenizer: new ByteLevel({ addPrefixSpace }),
    model: new BPE({ vocab: ids, merges: pairs }),
    decoder: new ByteLevelDecoder(),
    addedTokens: specialTokens.flatMap(content => {
      const id = ids.get(content)
      return id === undefined ? [] : [[id, addedToken({ content, special: true })] as const]
    }),
  }
}
