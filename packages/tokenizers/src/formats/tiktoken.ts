// tiktoken's rank files: a line per token, its bytes in base64, a space, its rank. Ranks are ids, and the order of merging:
// whichever two neighbours make the token of lowest rank are joined first. Each token is made from two tokens in one way
// only (whatever else would make it has been merged before), so ranks are a merge list, found by encoding each token with
// the tokens before it.

import { addedToken } from '../added/added-token.ts'
import { ByteLevelDecoder } from '../decoders/byte-level.ts'
import { TokenizerFormatError } from '../errors.ts'
import { BPE } from '../models/bpe.ts'
import { Merger } from '../models/merger.ts'
import { PairTable } from '../models/pair-table.ts'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { patterns } from '../pretokenizers/patterns.ts'
import { PreTokenizerSequence } from '../pretokenizers/sequence.ts'
import { Split } from '../pretokenizers/split.ts'
import { Regex } from '../regex/regex.ts'
import type { TokenizerParts } from '../tokenizer.ts'
import { byteChars } from '../unicode/byte-chars.ts'

export type TiktokenOptions = {
  /** How text is cut first: a preset's name or a regular expression in Rust's syntax. */
  pattern: 'gpt2' | 'r50k_base' | 'p50k_base' | 'cl100k_base' | 'o200k_base' | (string & {})
  /** Control tokens and their ids. Default: those of the preset. */
  specialTokens?: Readonly<Record<string, number>>
}

const FORMAT = 'tiktoken ranks'

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
  const text = typeof file === 'string' ? file : new TextDecoder().decode(file)
  const tokens = readRanks(text)
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
    model: new BPE({ vocab: tokens, merges: mergesOf(tokens), ignoreMerges: true }),
    decoder: new ByteLevelDecoder(),
    addedTokens: specials.map(([content, id]) => [id, addedToken({ content, special: true })] as const),
  }
}

/** Tokens in the byte alphabet with their ranks, by rank. */
function readRanks(text: string): [token: string, rank: number][] {
  const out: [string, number][] = []
  let line = 0
  let sorted = true
  for (let at = 0; at < text.length; line++) {
    let end = text.indexOf('\n', at)
    if (end < 0) end = text.length
    const row = text.slice(at, end).trimEnd()
    at = end + 1
    if (row === '') continue
    const space = row.indexOf(' ')
    const rank = Number(row.slice(space + 1))
    if (space < 1 || !Number.isInteger(rank) || rank < 0 || rank > 0x7fffffff || row.length === space + 1) {
      throw new TokenizerFormatError(
        FORMAT,
        `line ${line + 1}`,
        `expected base64, a space and a rank, got ${row.slice(0, 80)}`,
      )
    }
    let bytes: string
    try {
      bytes = atob(row.slice(0, space))
    } catch {
      throw new TokenizerFormatError(FORMAT, `line ${line + 1}`, `not base64: ${row.slice(0, space).slice(0, 80)}`)
    }
    let token = ''
    for (let i = 0; i < bytes.length; i++) token += byteChars[bytes.charCodeAt(i)]
    if (out.length > 0 && rank < out[out.length - 1][1]) sorted = false
    out.push([token, rank])
  }
  if (out.length === 0) throw new TokenizerFormatError(FORMAT, 'line 1', 'no ranks')
  return sorted ? out : out.sort((a, b) => a[1] - b[1])
}

/** The one pair that makes each token, by rank of the token. */
export function mergesOf(tokens: readonly (readonly [token: string, rank: number])[]): PairTable {
  const table = new PairTable(tokens.length)
  const merger = new Merger(table)
  const single = new Int32Array(0x144).fill(-1)
  for (const [token, rank] of tokens) if (token.length === 1) single[token.charCodeAt(0)] = rank
  for (const [token, rank] of tokens) {
    if (token.length < 2) continue
    merger.reset()
    let complete = true
    for (let i = 0; i < token.length; i++) {
      const id = single[token.charCodeAt(i)]
      if (id < 0) complete = false
      else merger.push(id, i, i + 1)
    }
    if (!complete) continue
    merger.run()
    // A token that the ones before it leave in more than two parts is reached only as a whole pre-token.
    if (merger.length === 2) table.add(merger.ids[0], merger.ids[1], rank, rank)
  }
  return table
}
