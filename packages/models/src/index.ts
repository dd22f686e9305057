// The public surface of @cairn/models, and nothing else.

export { loadCausalLM } from './auto.ts'
export type { CausalLM, ForwardOptions } from './causal-lm.ts'
export { type GenerateIdsOptions, type GenerateOptions, generate, generateIds, type TextTokenizer } from './generate.ts'
export { GPT2, type GPT2Config } from './gpt2.ts'
export { GraphModel } from './graph/graph-model.ts'
export { HostArray } from './graph/host.ts'
export { KVCache, type KVCacheShape } from './kv-cache.ts'
export { Llama, type LlamaConfig } from './llama.ts'
export type { ModelSource, PretrainedOptions } from './pretrained.ts'
export { argmax, type SamplingOptions, sample } from './sample.ts'
export { UniversalSentenceEncoder } from './sentence-encoder.ts'
export { loadTorch } from './torch-file/load-torch.ts'
