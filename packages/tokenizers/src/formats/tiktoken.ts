// tiktoken's encodings: a rank file that the user has (ranks.ts), and for the known ones the pattern and special tokens.
import { addedToken } from '../added/added-token.ts'
import { ByteLevelDecoder } from '../decoders/byte-level.ts'
import { BPE } from '../models/bpe.ts'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { patterns } from '../pretokenizers/patterns.ts'
import { PreTokenizerSequence } from '../pretokenizers/sequence.ts'
import { Split } from '../pretokenizers/split.ts'
import { Regex } from '../regex/regex.ts'
import type { TokenizerParts } from '../tokenizer.ts'
import { readRanks } from './ranks.ts'

export type TiktokenOptions = {
  /** How text is cut first: a preset's name or a regular expression in Rust's syntax. */
  pattern: 'gpt2' | 'r50k_base' | 'p50k_base' | 'cl100k_base' | 'o200k_base' | (string & {})
  /** Control tokens and their ids. Default: those of the preset. */
  specialTokens?: Readonly<Record<string, number>>
}

/** The presets of tiktoken: pattern and special tokens. The rank files are the user's. */
const presets: Record<string, { pattern: string; specialTokens: Record<string, number> }> = {
  gpt2: { pattern: patterns.gpt2, specialTokens: { '<|endoftext|>': 50256 } },
  r50k_base: { pattern: patterns.gpt2, specialTokens: { '<|endoftext|>': 50256 } },
  p50k_base: { pattern: patterns.gpt2, specialTokens: { '<|endoftext|>': 50256 } },
  p50k_edit: {
    pattern: patterns.gpt2,
    specialTokens: {
      '<|endoftext|>': 50256,
      '<|fim_prefix|>': 50281,
      '<|fim_middle|>': 50282,
      '<|fim_suffix|>': 50283,
    },
  },
  cl100k_base: {
    pattern: patterns.cl100k,
    specialTokens: {
      '<|endoftext|>': 100257,
      '<|fim_prefix|>': 100258,
      '<|fim_middle|>': 100259,
      '<|fim_suffix|>': 100260,
      '<|endofprompt|>': 100276,
    },
  },
  o200k_base: { pattern: patterns.o200k, specialTokens: { '<|endoftext|>': 199999, '<|endofprompt|>': 200018 } },
}

export function readTiktoken(file: Uint8Array | string, options: TiktokenOptions): TokenizerParts {
  const ranks = readRanks(typeof file === 'string' ? new TextEncoder().encode(file) : file)
  const preset = Object.hasOwn(presets, options.pattern) ? presets[options.pattern] : undefined
  const specials = Object.entries(options.specialTokens ?? preset?.specialTokens ?? {})
  const isGpt2 = preset?.pattern === patterns.gpt2
  return {
    preTokenizer: isGpt2
      ? new ByteLevel({ addPrefixSpace: false })
      : new PreTokenizerSequence([
          new Split(new Regex(preset?.pattern ?? options.pattern, preset ? 'oniguruma' : 'rust'), 'Isolated'),
          new ByteLevel({ addPrefixSpace: false, useRegex: false }),
        ]),
    model: new BPE({ ranks, ignoreMerges: true }),
    decoder: new ByteLevelDecoder(),
    addedTokens: specials.map(([content, id]) => [id, addedToken({ content, special: true })] as const),
  }
}
