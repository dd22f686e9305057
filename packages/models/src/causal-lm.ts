// What generation needs of a model: the architectures implement it, `generate` uses nothing else.

import type { Module } from '@cairn/nn'
import type { Tensor } from '@cairn/tensor'
import type { KVCache } from './kv-cache.ts'

export interface ForwardOptions {
  /** keys and values of earlier positions; this call's are added to it */
  readonly cache?: KVCache
  /** in training, keep of each layer only what goes into it, and compute the rest again in the backward pass */
  readonly checkpoint?: boolean
}

export interface CausalLM extends Module {
  readonly config: {
    readonly vocabSize: number
    /** most positions the model was made for */
    readonly contextLength: number
    /** ids that end a text */
    readonly eosTokenIds?: readonly number[]
  }
  /** Ids [batch, positions] to the last layer's states [batch, positions, width]. */
  hidden(ids: Tensor, options?: ForwardOptions): Tensor
  /** States [..., width] to logits [..., vocab]. */
  logits(hidden: Tensor): Tensor
  /** Ids [batch, positions] to logits [batch, positions, vocab]. */
  forward(ids: Tensor, options?: ForwardOptions): Tensor
  /** An empty cache for `batch` texts of at most `capacity` positions. */
  createCache(batch: number, capacity: number): KVCache
}
