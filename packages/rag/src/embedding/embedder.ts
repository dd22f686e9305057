// What turns texts into vectors. Anything can be one: word vectors (word-vectors.ts), a model of @cairn/models, a remote service.

export interface Embedder {
  /** Numbers in a vector. */
  readonly dimensions: number
  /**
   * One vector per text, in their order, as one array of `texts.length * dimensions` numbers. A text of which nothing is known
   * gives zeros. Queries and passages may be treated differently.
   */
  embed(texts: readonly string[], kind: 'query' | 'passage'): Promise<Float32Array>
}
