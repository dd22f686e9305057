// A mixture of experts (Shazeer et al. 2017; Fedus et al. 2022): a gate chooses the best few experts for each token and mixes their results.

import { CairnError, type Tensor } from '@cairn/tensor'
import { type Layer, Module } from '../module.ts'
import { ModuleList } from './containers.ts'
import { Linear } from './linear.ts'

/** Llama's feed-forward part: w2(silu(w1 x) * w3 x), the three without bias. */
export class GatedFeedForward extends Module {
  w1: Linear
  w2: Linear
  w3: Linear
  readonly activation: (x: Tensor) => Tensor
  /** @param options.activation of w1 x, default silu (SwiGLU); gelu makes it GEGLU */
  constructor(width: number, hidden: number, options: { activation?: (x: Tensor) => Tensor; bias?: boolean } = {}) {
    super()
    const bias = options.bias ?? false
    this.activation = options.activation ?? (x => x.silu())
    this.w1 = new Linear(width, hidden, { bias })
    this.w2 = new Linear(hidden, width, { bias })
    this.w3 = new Linear(width, hidden, { bias })
  }
  forward(x: Tensor): Tensor {
    return this.w2.forward(this.activation(this.w1.forward(x)).mul(this.w3.forward(x)))
  }
}

export interface MixtureOptions {
  /** experts for each token, default 2 */
  readonly topK?: number
  /**
   * each expert takes at most ceil(tokens * topK / experts * capacityFactor) tokens, the ones with the largest weights; without it every expert
   * computes every token, and none is dropped
   */
  readonly capacityFactor?: number
}

/** Keys as in Mixtral's checkpoints: gate.weight, experts.0.w1.weight ... */
export class MixtureOfExperts extends Module {
  gate: Linear
  experts: ModuleList<Layer>
  readonly topK: number
  readonly capacityFactor: number | null

  /** @param make gives an expert: [tokens, width] to [tokens, width] */
  constructor(width: number, count: number, make: (position: number) => Layer, options: MixtureOptions = {}) {
    super()
    this.topK = options.topK ?? 2
    this.capacityFactor = options.capacityFactor ?? null
    if (this.topK < 1 || this.topK > count)
      throw new CairnError('MixtureOfExperts', `cannot choose ${this.topK} of ${count} experts`)
    this.gate = new Linear(width, count, { bias: false })
    this.experts = new ModuleList(Array.from({ length: count }, (_, i) => make(i)))
  }

  /** [..., width] to the same shape. */
  forward(x: Tensor): Tensor {
    return this.forwardWithLoss(x).output
  }

  /**
   * Also the loss that balances the experts (Fedus et al. 2022): experts * sum of (share of choices * mean probability), which is
   * 1 for even choices. Add it to the training loss with a small factor.
   */
  forwardWithLoss(x: Tensor): { output: Tensor; balance: Tensor } {
    const width = x.shape[x.ndim - 1]
    const tokens = x.reshape([-1, width])
    const [count, experts] = [tokens.shape[0], this.experts.length]
    const probabilities = this.gate.forward(tokens).softmax(-1) // [tokens, experts]
    const [best, chosen] = probabilities.topk(this.topK, -1)
    const shares = best.div(best.sum(-1, { keepDim: true }))
    // the weight of each expert for each token, 0 where it was not chosen: [tokens, experts]
    const hits = chosen.oneHot(experts).to(tokens.dtype)
    const weights = hits.mul(shares.unsqueeze(-1)).sum(1)
    const output = this.capacityFactor === null ? this.#all(tokens, weights) : this.#some(tokens, weights, count)
    const balance = hits
      .sum([0, 1])
      .div(count * this.topK)
      .mul(probabilities.mean(0))
      .sum()
      .mul(experts)
    return { output: output.reshape(x.shape), balance }
  }

  #all(tokens: Tensor, weights: Tensor): Tensor {
    const parts = [...this.experts].map((expert, i) => expert.forward(tokens).mul(weights.narrow(1, i, 1)))
    return parts.reduce((a, b) => a.add(b))
  }

  #some(tokens: Tensor, weights: Tensor, count: number): Tensor {
    const even = (count * this.topK) / this.experts.length
    const capacity = Math.min(count, Math.ceil(even * this.capacityFactor!))
    let out = tokens.zerosLike()
    for (const [i, expert] of [...this.experts].entries()) {
      const [share, rows] = weights.select(1, i).topk(capacity, 0)
      const results = expert.forward(tokens.indexSelect(0, rows)).mul(share.unsqueeze(-1))
      out = out.indexAdd(0, rows, results)
    }
    return out
  }
}
