// Several pre-tokenizers, each cutting what the one before left.
import { asArray, type JsonObject } from '../json.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'
import { readPreTokenizer } from './table.ts'

export class PreTokenizerSequence implements PreTokenizer {
  readonly type = 'Sequence'
  readonly preTokenizers: readonly PreTokenizer[]

  constructor(preTokenizers: Iterable<PreTokenizer>) {
    this.preTokenizers = [...preTokenizers]
  }

  static fromJSON(json: JsonObject, where: string): PreTokenizerSequence {
    const steps = asArray(json.pretokenizers, `${where}.pretokenizers`)
    return new PreTokenizerSequence(steps.map((step, i) => readPreTokenizer(step, `${where}.pretokenizers[${i}]`)))
  }

  preTokenize(text: PreTokenizedText): void {
    for (const step of this.preTokenizers) step.preTokenize(text)
  }

  toJSON(): JsonObject {
    return { type: this.type, pretokenizers: this.preTokenizers.map(step => step.toJSON()) }
  }
}
