// The pre-tokenizers that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { BertPreTokenizer } from './bert.ts'
import { ByteLevel } from './byte-level.ts'
import { CharDelimiterSplit } from './char-delimiter-split.ts'
import { Digits } from './digits.ts'
import { FixedLength } from './fixed-length.ts'
import { Metaspace } from './metaspace.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'
import { Punctuation } from './punctuation.ts'
import { PreTokenizerSequence } from './sequence.ts'
import { Split } from './split.ts'
import { UnicodeScripts } from './unicode-scripts.ts'
import { Whitespace } from './whitespace.ts'
import { WhitespaceSplit } from './whitespace-split.ts'

const readers: Record<string, (json: JsonObject, where: string) => PreTokenizer> = {
  BertPreTokenizer: () => new BertPreTokenizer(),
  ByteLevel: (json, where) => ByteLevel.fromJSON(json, where),
  CharDelimiterSplit: (json, where) => CharDelimiterSplit.fromJSON(json, where),
  Digits: (json, where) => Digits.fromJSON(json, where),
  FixedLength: (json, where) => FixedLength.fromJSON(json, where),
  Metaspace: (json, where) => Metaspace.fromJSON(json, where),
  Punctuation: (json, where) => Punctuation.fromJSON(json, where),
  Sequence: (json, where) => PreTokenizerSequence.fromJSON(json, where),
  Split: (json, where) => Split.fromJSON(json, where),
  UnicodeScripts: () => new UnicodeScripts(),
  Whitespace: () => new Whitespace(),
  WhitespaceSplit: () => new WhitespaceSplit(),
}

export function readPreTokenizer(json: unknown, where: string): PreTokenizer {
  return byType(readers, json, where)
}
