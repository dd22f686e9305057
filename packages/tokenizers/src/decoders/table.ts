// The decoders that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { BPEDecoder } from './bpe.ts'
import { ByteFallback } from './byte-fallback.ts'
import { ByteLevelDecoder } from './byte-level.ts'
import { CTC } from './ctc.ts'
import type { Decoder } from './decoder.ts'
import { Fuse } from './fuse.ts'
import { MetaspaceDecoder } from './metaspace.ts'
import { ReplaceDecoder } from './replace.ts'
import { DecoderSequence } from './sequence.ts'
import { StripDecoder } from './strip.ts'
import { WordPieceDecoder } from './word-piece.ts'

const readers: Record<string, (json: JsonObject, where: string) => Decoder> = {
  BPEDecoder: (json, where) => BPEDecoder.fromJSON(json, where),
  ByteFallback: () => new ByteFallback(),
  ByteLevel: json => new ByteLevelDecoder(json),
  CTC: (json, where) => CTC.fromJSON(json, where),
  Fuse: () => new Fuse(),
  Metaspace: (json, where) => MetaspaceDecoder.fromJSON(json, where),
  Replace: (json, where) => ReplaceDecoder.fromJSON(json, where),
  Sequence: (json, where) => DecoderSequence.fromJSON(json, where),
  Strip: (json, where) => StripDecoder.fromJSON(json, where),
  WordPiece: (json, where) => WordPieceDecoder.fromJSON(json, where),
}

export function readDecoder(json: unknown, where: string): Decoder {
  return byType(readers, json, where)
}
