import { ShapeError, type Tensor } from '@cairn/tensor'
import { uniform } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** torch.nn.Bilinear: y_k = a^T W_k b + bias_k over the last axes. */
export class Bilinear extends Module {
  /** [out, in1, in2] */
  weight: Tensor
  /** [out], or null */
  bias: Tensor | null

  constructor(in1: number, in2: number, outputs: number, options: { bias?: boolean } = {}) {
    super()
    const bound = 1 / Math.sqrt(in1)
    this.weight = parameter(uniform([outputs, in1, in2], -bound, bound))
    this.bias = options.bias === false ? null : parameter(uniform([outputs], -bound, bound))
  }

  /** a [..., in1] and b [..., in2] to [..., out] */
  forward(a: Tensor, b: Tensor): Tensor {
    const [out, in1, in2] = this.weight.shape
    const rows = a.shape.slice(0, -1)
    if (a.shape.at(-1) !== in1 || b.shape.at(-1) !== in2 || b.ndim !== a.ndim || rows.some((n, d) => n !== b.shape[d]))
      throw new ShapeError('Bilinear', `needs [..., ${in1}] and [..., ${in2}] with equal first axes`, {
        a: [...a.shape],
        b: [...b.shape],
      })
    // a W for all outputs at once, then row by row against b
    const left = a.reshape([-1, in1]).matmul(this.weight.permute([1, 0, 2]).reshape([in1, out * in2]))
    const products = left
      .reshape([-1, out, in2])
      .mul(b.reshape([-1, 1, in2]))
      .sum(-1)
    const y = products.reshape([...rows, out])
    return this.bias ? y.add(this.bias) : y
  }
}
