// The models that tokenizer.json can name, one row a kind. Files older than the `type` field are told by their parts.
import { asObject, byType, type JsonObject } from '../json.ts'
import { BPE } from './bpe.ts'
import type { Model } from './model.ts'
import { Unigram } from './unigram.ts'
import { WordLevel } from './word-level.ts'
import { WordPiece } from './word-piece.ts'

const readers: Record<string, (json: JsonObject, where: string) => Model> = {
  BPE: (json, where) => BPE.fromJSON(json, where),
  Unigram: (json, where) => Unigram.fromJSON(json, where),
  WordLevel: (json, where) => WordLevel.fromJSON(json, where),
  WordPiece: (json, where) => WordPiece.fromJSON(json, where),
}

export function readModel(json: unknown, where: string): Model {
  const model = asObject(json, where)
  return byType(readers, model.type === undefined ? { ...model, type: guessType(model) } : model, where)
}

function guessType(model: JsonObject): string {
  if ('merges' in model) return 'BPE'
  if (Array.isArray(model.vocab)) return 'Unigram'
  return 'continuing_subword_prefix' in model ? 'WordPiece' : 'WordLevel'
}
