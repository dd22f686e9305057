// Activations as modules, for Sequential; most functions are methods of Tensor, the others are in functional/activation.ts.

import { type Tensor, uniform } from '@cairn/tensor'
import * as f from '../functional/activation.ts'
import { constant } from '../init.ts'
import { type Layer, Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** A layer that is a function of its input and nothing else. */
function plain(run: (x: Tensor) => Tensor): new () => Layer {
  return class extends Module {
    forward(x: Tensor): Tensor {
      return run(x)
    }
  }
}

/** A layer that is a function of its input along one axis, by default the last. */
function along(run: (x: Tensor, axis: number) => Tensor): new (axis?: number) => Layer & { readonly axis: number } {
  return class extends Module {
    readonly axis: number
    constructor(axis = -1) {
      super()
      this.axis = axis
    }
    forward(x: Tensor): Tensor {
      return run(x, this.axis)
    }
  }
}

export class Identity extends /* @__PURE__ */ plain(x => x) {}
export class ReLU extends /* @__PURE__ */ plain(x => x.relu()) {}
export class SiLU extends /* @__PURE__ */ plain(x => x.silu()) {}
export class Mish extends /* @__PURE__ */ plain(x => x.mish()) {}
export class Hardswish extends /* @__PURE__ */ plain(x => x.hardswish()) {}
export class Hardsigmoid extends /* @__PURE__ */ plain(x => x.hardsigmoid()) {}
export class Sigmoid extends /* @__PURE__ */ plain(x => x.sigmoid()) {}
export class LogSigmoid extends /* @__PURE__ */ plain(x => x.logSigmoid()) {}
export class Tanh extends /* @__PURE__ */ plain(x => x.tanh()) {}
/** min(max(x, 0), 6) */
export class ReLU6 extends /* @__PURE__ */ plain(x => x.clamp(0, 6)) {}
/** Scaled exponential linear unit (Klambauer et al. 2017). */
export class SELU extends /* @__PURE__ */ plain(f.selu) {}
/** x / (1 + |x|) */
export class Softsign extends /* @__PURE__ */ plain(f.softsign) {}
/** x - tanh x */
export class Tanhshrink extends /* @__PURE__ */ plain(x => x.sub(x.tanh())) {}
export class LeakyReLU extends Module {
  readonly slope: number
  constructor(slope = 0.01) {
    super()
    this.slope = slope
  }
  forward(x: Tensor): Tensor {
    return x.leakyRelu(this.slope)
  }
}
export class ELU extends Module {
  readonly alpha: number
  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }
  forward(x: Tensor): Tensor {
    return x.elu(this.alpha)
  }
}
/** max(0, x) + min(0, alpha (exp(x / alpha) - 1)) */
export class CELU extends Module {
  readonly alpha: number
  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }
  forward(x: Tensor): Tensor {
    return f.celu(x, this.alpha)
  }
}
/** 0 where |x| <= lambda */
export class Hardshrink extends Module {
  readonly lambda: number
  constructor(lambda = 0.5) {
    super()
    this.lambda = lambda
  }
  forward(x: Tensor): Tensor {
    return f.hardshrink(x, this.lambda)
  }
}
/** x moved towards 0 by lambda */
export class Softshrink extends Module {
  readonly lambda: number
  constructor(lambda = 0.5) {
    super()
    this.lambda = lambda
  }
  forward(x: Tensor): Tensor {
    return f.softshrink(x, this.lambda)
  }
}
export class Softmax extends /* @__PURE__ */ along((x, axis) => x.softmax(axis)) {}
export class LogSoftmax extends /* @__PURE__ */ along((x, axis) => x.logSoftmax(axis)) {}
export class Softmin extends /* @__PURE__ */ along((x, axis) => x.neg().softmax(axis)) {}
/** a * sigmoid(b) of the halves of an axis (Dauphin et al. 2017). */
export class GLU extends /* @__PURE__ */ along(f.glu) {}
/** silu(a) * b of the halves of an axis (Shazeer 2020). */
export class SwiGLU extends /* @__PURE__ */ along(f.swiglu) {}
/** gelu(a) * b of the halves of an axis (Shazeer 2020). */
export class GEGLU extends /* @__PURE__ */ along(f.geglu) {}
/** relu(a) * b of the halves of an axis (Shazeer 2020). */
export class ReGLU extends /* @__PURE__ */ along(f.reglu) {}
/** Softmax over the channels of [batch, channels, height, width]. */
export class Softmax2d extends /* @__PURE__ */ plain(x => x.softmax(-3)) {}
/** Gaussian error linear unit; 'tanh' is GPT-2's approximation. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh'
  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super()
    this.approximate = options.approximate ?? 'none'
  }
  forward(x: Tensor): Tensor {
    return x.gelu(this)
  }
}
/** log(1 + exp(beta x)) / beta; linear where beta x is above the threshold. */
export class Softplus extends Module {
  readonly beta: number
  readonly threshold: number
  constructor(beta = 1, threshold = 20) {
    super()
    this.beta = beta
    this.threshold = threshold
  }
  forward(x: Tensor): Tensor {
    return f.softplus(x, this.beta, this.threshold)
  }
}
/** min(max(x, low), high) */
export class Hardtanh extends Module {
  readonly low: number
  readonly high: number
  constructor(low = -1, high = 1) {
    super()
    this.low = low
    this.high = high
  }
  forward(x: Tensor): Tensor {
    return x.clamp(this.low, this.high)
  }
}
/** x where it is above the threshold, else the value. */
export class Threshold extends Module {
  readonly threshold: number
  readonly value: number
  constructor(threshold: number, value: number) {
    super()
    this.threshold = threshold
    this.value = value
  }
  forward(x: Tensor): Tensor {
    return x.where(x.gt(this.threshold), this.value)
  }
}
/** Leaky ReLU with slopes that learn (He et al. 2015). */
export class PReLU extends Module {
  /** One slope, or one for each channel (axis 1): [count] */
  weight: Tensor
  constructor(count = 1, slope = 0.25) {
    super()
    this.weight = parameter(constant([count], slope))
  }
  forward(x: Tensor): Tensor {
    return f.prelu(x, this.weight)
  }
}
/** Leaky ReLU with a slope drawn from [low, high] for each element in training, and their mean otherwise (Xu et al. 2015). */
export class RReLU extends Module {
  readonly low: number
  readonly high: number
  constructor(low = 1 / 8, high = 1 / 3) {
    super()
    this.low = low
    this.high = high
  }
  forward(x: Tensor): Tensor {
    if (!this.training) return x.leakyRelu((this.low + this.high) / 2)
    const slopes = uniform(x.shape, this.low, this.high, { device: x.device as 'wasm' }).to(x.dtype)
    return x.where(x.ge(0), x.mul(slopes))
  }
}
