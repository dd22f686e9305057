// Padding of the spatial axes of [batch, channels, ...] as modules, in torch's order: [left, right, top, bottom, front, back].

import { type PadMode, ShapeError, type Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'

/** One number for all sides, or [before, after] of the last axis, then of the one before ... */
export type Padding = number | readonly number[]

abstract class Pad extends Module {
  readonly padding: readonly number[]
  readonly mode: PadMode
  readonly value: number
  constructor(rank: number, padding: Padding, mode: PadMode, value = 0) {
    super()
    this.padding = typeof padding === 'number' ? new Array<number>(2 * rank).fill(padding) : padding
    if (this.padding.length !== 2 * rank)
      throw new ShapeError(new.target.name, `needs ${2 * rank} widths, got ${this.padding.length}`)
    this.mode = mode
    this.value = value
  }
  forward(x: Tensor): Tensor {
    return x.padLast(this.padding, this.mode, this.value)
  }
}

/** Around the last axis: zeros. */
export class ZeroPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, 'constant')
  }
}
/** Around the last 2 axes: zeros. */
export class ZeroPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, 'constant')
  }
}
/** Around the last 3 axes: zeros. */
export class ZeroPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, 'constant')
  }
}
/** Around the last axis: the mirror image, without the edge. */
export class ReflectionPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, 'reflect')
  }
}
/** Around the last 2 axes: the mirror image, without the edge. */
export class ReflectionPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, 'reflect')
  }
}
/** Around the last 3 axes: the mirror image, without the edge. */
export class ReflectionPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, 'reflect')
  }
}
/** Around the last axis: the edge. */
export class ReplicationPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, 'replicate')
  }
}
/** Around the last 2 axes: the edge. */
export class ReplicationPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, 'replicate')
  }
}
/** Around the last 3 axes: the edge. */
export class ReplicationPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, 'replicate')
  }
}
/** Around the last axis: the other end. */
export class CircularPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, 'circular')
  }
}
/** Around the last 2 axes: the other end. */
export class CircularPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, 'circular')
  }
}
/** Around the last 3 axes: the other end. */
export class CircularPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, 'circular')
  }
}
/** Around the last axis: a number. */
export class ConstantPad1d extends Pad {
  constructor(padding: Padding, value: number) {
    super(1, padding, 'constant', value)
  }
}
/** Around the last 2 axes: a number. */
export class ConstantPad2d extends Pad {
  constructor(padding: Padding, value: number) {
    super(2, padding, 'constant', value)
  }
}
/** Around the last 3 axes: a number. */
export class ConstantPad3d extends Pad {
  constructor(padding: Padding, value: number) {
    super(3, padding, 'constant', value)
  }
}
