// Unigram behind normalizers and no pre-tokenizer, as sentencepiece has it: from a text to ids. A last normalizer that only writes
// spaces in another way is done on the units, which costs a tenth of what it does on a string.
import type { Normalizer } from '../normalizers/normalizer.ts'
import { Replace } from '../normalizers/replace.ts'
import { NormalizerSequence } from '../normalizers/sequence.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { IdList } from './id-list.ts'
import type { Unigram } from './unigram.ts'
import type { IdEncoder } from './word-encoder.ts'

export class UnigramLines implements IdEncoder {
  private readonly model: Unigram
  private readonly steps: readonly Normalizer[]
  /** The last step, if it replaces each space by another unit. */
  private readonly spaces: Replace | undefined
  private readonly counted = new IdList(256)

  constructor(normalizer: Normalizer | null, model: Unigram) {
    this.model = model
    const steps = normalizer instanceof NormalizerSequence ? normalizer.normalizers : normalizer ? [normalizer] : []
    const last = steps.at(-1)
    const isOfSpaces = last instanceof Replace && last.pattern === ' ' && last.content.length === 1
    this.spaces = isOfSpaces ? last : undefined
    this.steps = isOfSpaces ? steps.slice(0, -1) : steps
  }

  encode(text: string, out: IdList): void {
    if (text === '') return
    const aligned = AlignedText.untracked(text)
    for (const step of this.steps) step.normalize(aligned)
    if (this.model.encode(aligned.text, out, this.spaces?.content.charCodeAt(0))) return
    this.spaces?.normalize(aligned)
    for (const { id } of this.model.tokenize(aligned.text)) out.push(id)
  }

  count(text: string): number {
    this.counted.length = 0
    this.encode(text, this.counted)
    return this.counted.length
  }
}
