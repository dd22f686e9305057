// Several normalizers, one after the other.
import { asArray, type JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { Normalizer } from './normalizer.ts'
import { readNormalizer } from './table.ts'

export class NormalizerSequence implements Normalizer {
  readonly type = 'Sequence'
  readonly normalizers: readonly Normalizer[]

  constructor(normalizers: Iterable<Normalizer>) {
    this.normalizers = [...normalizers]
  }

  static fromJSON(json: JsonObject, where: string): NormalizerSequence {
    const steps = asArray(json.normalizers, `${where}.normalizers`)
    return new NormalizerSequence(steps.map((step, i) => readNormalizer(step, `${where}.normalizers[${i}]`)))
  }

  normalize(text: AlignedText): void {
    for (const step of this.normalizers) step.normalize(text)
  }

  toJSON(): JsonObject {
    return { type: this.type, normalizers: this.normalizers.map(step => step.toJSON()) }
  }
}
