// The post-processors that tokenizer.json can name, one row a kind.
import { byType, type JsonObject } from '../json.ts'
import { ByteLevelProcessor } from './byte-level.ts'
import { BertProcessor, RobertaProcessor } from './framed.ts'
import type { PostProcessor } from './post-processor.ts'
import { PostProcessorSequence } from './sequence.ts'
import { TemplateProcessor } from './template.ts'

const readers: Record<string, (json: JsonObject, where: string) => PostProcessor> = {
  BertProcessing: (json, where) => BertProcessor.fromJSON(json, where),
  ByteLevel: (json, where) => ByteLevelProcessor.fromJSON(json, where),
  RobertaProcessing: (json, where) => RobertaProcessor.fromJSON(json, where),
  Sequence: (json, where) => PostProcessorSequence.fromJSON(json, where),
  TemplateProcessing: (json, where) => TemplateProcessor.fromJSON(json, where),
}

export function readPostProcessor(json: unknown, where: string): PostProcessor {
  return byType(readers, json, where)
}
