// The normalizers that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { BertNormalizer } from './bert.ts'
import { ByteLevelNormalizer } from './byte-level.ts'
import { Lowercase } from './lowercase.ts'
import { Nmt } from './nmt.ts'
import type { Normalizer } from './normalizer.ts'
import { Precompiled } from './precompiled.ts'
import { Prepend } from './prepend.ts'
import { Replace } from './replace.ts'
import { NormalizerSequence } from './sequence.ts'
import { Strip } from './strip.ts'
import { StripAccents } from './strip-accents.ts'
import { UnicodeForm } from './unicode-form.ts'

const readers: Record<string, (json: JsonObject, where: string) => Normalizer> = {
  BertNormalizer: (json, where) => BertNormalizer.fromJSON(json, where),
  ByteLevel: () => new ByteLevelNormalizer(),
  Lowercase: () => new Lowercase(),
  NFC: () => new UnicodeForm('NFC'),
  NFD: () => new UnicodeForm('NFD'),
  NFKC: () => new UnicodeForm('NFKC'),
  NFKD: () => new UnicodeForm('NFKD'),
  Nmt: () => new Nmt(),
  Precompiled: (json, where) => Precompiled.fromJSON(json, where),
  Prepend: (json, where) => Prepend.fromJSON(json, where),
  Replace: (json, where) => Replace.fromJSON(json, where),
  Sequence: (json, where) => NormalizerSequence.fromJSON(json, where),
  Strip: (json, where) => Strip.fromJSON(json, where),
  StripAccents: () => new StripAccents(),
}

export function readNormalizer(json: unknown, where: string): Normalizer {
  return byType(readers, json, where)
}
