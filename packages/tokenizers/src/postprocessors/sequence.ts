// Several post-processors, one after the other.
import type { Encoding } from '../encoding.ts'
import { asArray, type JsonObject } from '../json.ts'
import type { PostProcessor } from './post-processor.ts'
import { readPostProcessor } from './table.ts'

export class PostProcessorSequence implements PostProcessor {
  readonly type = 'Sequence'
  readonly processors: readonly PostProcessor[]

  constructor(processors: Iterable<PostProcessor>) {
    this.processors = [...processors]
  }

  static fromJSON(json: JsonObject, where: string): PostProcessorSequence {
    const steps = asArray(json.processors, `${where}.processors`)
    return new PostProcessorSequence(steps.map((step, i) => readPostProcessor(step, `${where}.processors[${i}]`)))
  }

  addedTokens(isPair: boolean): number {
    return this.processors.reduce((sum, processor) => sum + processor.addedTokens(isPair), 0)
  }

  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[] {
    return this.processors.reduce((parts, processor) => processor.process(parts, addSpecialTokens), encodings)
  }

  toJSON(): JsonObject {
    return { type: this.type, processors: this.processors.map(step => step.toJSON()) }
  }
}
