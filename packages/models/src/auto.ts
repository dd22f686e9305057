// A model by what its config.json says it is.

import { FormatError } from '@cairn/tensor'
import { GPT2 } from './gpt2.ts'
import { Llama } from './llama.ts'
import { type ModelSource, type PretrainedOptions, readConfig } from './pretrained.ts'

const architectures = { gpt2: GPT2, llama: Llama } as const

/** Loads a causal language model in the Hugging Face layout, of whatever supported architecture. */
export async function loadCausalLM(source: ModelSource, options: PretrainedOptions = {}): Promise<GPT2 | Llama> {
  const { json } = await readConfig(source)
  const type = json.model_type
  if (typeof type !== 'string' || !Object.hasOwn(architectures, type))
    throw new FormatError(
      'loadCausalLM',
      `config.json: model_type ${JSON.stringify(type)} is none of ${Object.keys(architectures).join(', ')}`,
    )
  return architectures[type as keyof typeof architectures].fromPretrained(source, options)
}
