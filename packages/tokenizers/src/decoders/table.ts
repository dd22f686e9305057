// The decoders that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { ByteFallback } from './byte-fallback.ts'
import { ByteLevelDecoder } from './byte-level.ts'
import type { Decoder } from './decoder.ts'
import { Fuse } from './fuse.ts'
import { DecoderSequence } from './sequence.ts'
import { StripDecoder } from './strip.ts'

const readers: Record<string, (json: JsonObject, where: string) => Decoder> = {
  ByteFallback: () => new ByteFallback(),
  ByteLevel: json => new ByteLevelDecoder(json),
  Fuse: () => new Fuse(),
  Sequence: (json, where) => DecoderSequence.fromJSON(json, where),
  Strip: (json, where) => StripDecoder.fromJSON(json, where),
}

export function readDecoder(json: unknown, where: string): Decoder {
  return byType(readers, json, where)
}
