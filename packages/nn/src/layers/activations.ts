// Activations as modules, for Sequential; the functions are methods of Tensor.

import type { Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'

export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x
  }
}
/** All axes from `start` on become one. */
export class Flatten extends Module {
  readonly start: number
  constructor(start = 1) {
    super()
    this.start = start
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.start)
  }
}
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return x.relu()
  }
}
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
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return x.silu()
  }
}
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return x.mish()
  }
}
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return x.hardswish()
  }
}
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return x.sigmoid()
  }
}
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return x.tanh()
  }
}
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return x.softplus()
  }
}
export class Softmax extends Module {
  readonly axis: number
  constructor(axis = -1) {
    super()
    this.axis = axis
  }
  forward(x: Tensor): Tensor {
    return x.softmax(this.axis)
  }
}
