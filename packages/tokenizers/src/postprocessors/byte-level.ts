// Trims the offsets of byte-level tokens; adds nothing.
import type { Encoding } from '../encoding.ts'
import type { JsonObject } from '../json.ts'
import { type ByteLevelOptions, readByteLevel } from '../pretokenizers/byte-level.ts'
import type { PostProcessor } from './post-processor.ts'
import { trimOffsets } from './trim-offsets.ts'

export class ByteLevelProcessor implements PostProcessor {
  readonly type = 'ByteLevel'
  readonly options: Required<ByteLevelOptions>

  constructor(options: ByteLevelOptions = {}) {
    this.options = { addPrefixSpace: true, trimOffsets: true, useRegex: true, ...options }
  }

  static fromJSON(json: JsonObject, where: string): ByteLevelProcessor {
    return new ByteLevelProcessor(readByteLevel(json, where))
  }

  addedTokens(): number {
    return 0
  }

  process(encodings: Encoding[]): Encoding[] {
    const { addPrefixSpace, trimOffsets: trim } = this.options
    return encodings.map((encoding, i) => (trim ? trimOffsets(encoding, addPrefixSpace) : encoding).labelled(i, null))
  }

  toJSON(): JsonObject {
    const { addPrefixSpace, trimOffsets, useRegex } = this.options
    return { type: this.type, add_prefix_space: addPrefixSpace, trim_offsets: trimOffsets, use_regex: useRegex }
  }
}
