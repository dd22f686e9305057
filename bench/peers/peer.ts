// What a peer is: another library that does the same work in the same process, so that both meet the same clock and the same load.

/** Work every library is asked for; a peer that cannot do one says so by leaving it out. */
export const works = ['matmul', 'gelu', 'softmax', 'layerNorm', 'add', 'sum', 'mlp', 'gpt'] as const
export type WorkName = (typeof works)[number]

/** Once through the work: resolves when the result is there, and leaves nothing behind. */
export type Once = () => Promise<void>

export interface Peer {
  readonly name: string
  /** Inputs made, ready to run; undefined where the library cannot do it. */
  prepare(work: WorkName): Promise<Once | undefined>
}

/** The sizes of the works, the same for everybody. */
export const sizes = {
  matmul: 1024,
  count: 1 << 22,
  rows: [4096, 768],
  mlp: { batch: 128, inputs: 784, hidden: 256, classes: 10 },
  gpt: { layers: 4, heads: 4, width: 128, block: 64, batch: 12, vocabulary: 65 },
} as const
