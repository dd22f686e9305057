// The normalizers that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import type { Normalizer } from './normalizer.ts'
import { Prepend } from './prepend.ts'
import { NormalizerSequence } from './sequence.ts'

const readers: Record<string, (json: JsonObject, where: string) => Normalizer> = {
  Prepend: (json, where) => Prepend.fromJSON(json, where),
  Sequence: (json, where) => NormalizerSequence.fromJSON(json, where),
}

export function readNormalizer(json: unknown, where: string): Normalizer {
  return byType(readers, json, where)
}
