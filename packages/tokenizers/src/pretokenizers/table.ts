// The pre-tokenizers that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { ByteLevel } from './byte-level.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'
import { PreTokenizerSequence } from './sequence.ts'

const readers: Record<string, (json: JsonObject, where: string) => PreTokenizer> = {
  ByteLevel: (json, where) => ByteLevel.fromJSON(json, where),
  Sequence: (json, where) => PreTokenizerSequence.fromJSON(json, where),
}

export function readPreTokenizer(json: unknown, where: string): PreTokenizer {
  return byType(readers, json, where)
}
