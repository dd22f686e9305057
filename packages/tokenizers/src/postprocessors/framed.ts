// BERT's and RoBERTa's post-processors, which are templates with a name of their own:
// `[CLS] A [SEP] B [SEP]` and `<s> A </s></s> B </s>`.
import { Encoding } from '../encoding.ts'
import { asArray, asBoolean, asId, asString, type Json, type JsonObject, optional } from '../json.ts'
import type { PostProcessor } from './post-processor.ts'
import { trimOffsets } from './trim-offsets.ts'

/** A special token and its id. */
export type TokenAndId = readonly [token: string, id: number]

const special = ([token, id]: TokenAndId, typeId: number) => Encoding.special([id], [token], typeId)

/** Puts special tokens around an encoding and around each of its windows. */
function framed(encoding: Encoding, before: TokenAndId[], after: TokenAndId[], typeId: number): Encoding {
  const frame = (window: Encoding) =>
    [...before.map(t => special(t, typeId)), new Encoding(window), ...after.map(t => special(t, typeId))].reduce(
      (all, part) => all.concat(part),
    )
  const out = frame(encoding)
  out.overflowing = encoding.overflowing.map(frame)
  return out
}

export class BertProcessor implements PostProcessor {
  readonly type = 'BertProcessing'
  readonly sep: TokenAndId
  readonly cls: TokenAndId

  constructor(sep: TokenAndId, cls: TokenAndId) {
    this.sep = sep
    this.cls = cls
  }

  static fromJSON(json: JsonObject, where: string): BertProcessor {
    return new BertProcessor(readToken(json.sep, `${where}.sep`), readToken(json.cls, `${where}.cls`))
  }

  addedTokens(isPair: boolean): number {
    return isPair ? 3 : 2
  }

  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[] {
    const { cls, sep } = this
    const labelled = encodings.map((encoding, i) => encoding.labelled(i, i))
    if (!addSpecialTokens) return labelled
    return labelled.map((encoding, i) => framed(encoding, i === 0 ? [cls] : [], [sep], i))
  }

  toJSON(): JsonObject {
    return { type: this.type, sep: [...this.sep], cls: [...this.cls] }
  }
}

export type RobertaOptions = { trimOffsets?: boolean; addPrefixSpace?: boolean }

export class RobertaProcessor implements PostProcessor {
  readonly type = 'RobertaProcessing'
  readonly sep: TokenAndId
  readonly cls: TokenAndId
  readonly trimOffsets: boolean
  readonly addPrefixSpace: boolean

  constructor(sep: TokenAndId, cls: TokenAndId, options: RobertaOptions = {}) {
    this.sep = sep
    this.cls = cls
    this.trimOffsets = options.trimOffsets ?? true
    this.addPrefixSpace = options.addPrefixSpace ?? true
  }

  static fromJSON(json: JsonObject, where: string): RobertaProcessor {
    return new RobertaProcessor(readToken(json.sep, `${where}.sep`), readToken(json.cls, `${where}.cls`), {
      trimOffsets: optional(json.trim_offsets, `${where}.trim_offsets`, asBoolean, true),
      addPrefixSpace: optional(json.add_prefix_space, `${where}.add_prefix_space`, asBoolean, true),
    })
  }

  addedTokens(isPair: boolean): number {
    return isPair ? 4 : 2
  }

  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[] {
    const { cls, sep } = this
    // RoBERTa has no segments: every type id is 0.
    const labelled = encodings.map((encoding, i) =>
      (this.trimOffsets ? trimOffsets(encoding, this.addPrefixSpace) : encoding).labelled(i, 0),
    )
    if (!addSpecialTokens) return labelled
    return labelled.map((encoding, i) => framed(encoding, i === 0 ? [cls] : [sep], [sep], 0))
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      sep: [...this.sep],
      cls: [...this.cls],
      trim_offsets: this.trimOffsets,
      add_prefix_space: this.addPrefixSpace,
    }
  }
}

function readToken(json: Json | undefined, where: string): TokenAndId {
  const [token, id] = asArray(json, where)
  return [asString(token, `${where}[0]`), asId(id, `${where}[1]`)]
}
