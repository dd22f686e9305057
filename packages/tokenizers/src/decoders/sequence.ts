// Several decoders, each fed by the one before.
import { asArray, type JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'
import { readDecoder } from './table.ts'

export class DecoderSequence implements Decoder {
  readonly type = 'Sequence'
  readonly decoders: readonly Decoder[]

  constructor(decoders: Iterable<Decoder>) {
    this.decoders = [...decoders]
  }

  static fromJSON(json: JsonObject, where: string): DecoderSequence {
    const steps = asArray(json.decoders, `${where}.decoders`)
    return new DecoderSequence(steps.map((step, i) => readDecoder(step, `${where}.decoders[${i}]`)))
  }

  start(sink: Sink): Sink {
    return this.decoders.reduceRight((next, decoder) => decoder.start(next), sink)
  }

  toJSON(): JsonObject {
    return { type: this.type, decoders: this.decoders.map(step => step.toJSON()) }
  }
}
