// Convolutions and transposed convolutions with torch's names, shapes and initial values.

import { CairnError, checkOptions, ShapeError, type Tensor } from '@cairn/tensor'
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type PerAxis,
} from '@cairn/tensor/functional'
import { checkSizes } from '../check.ts'
import { uniform } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

const paddingModes = ['zeros', 'reflect', 'replicate', 'circular'] as const
type PaddingMode = (typeof paddingModes)[number]

export interface ConvLayerOptions {
  /** default 1 */
  readonly stride?: PerAxis
  /** on both sides, default 0; 'same' keeps the size (stride 1) */
  readonly padding?: PerAxis | 'same' | 'valid'
  /** what stands in the padding, default zeros */
  readonly paddingMode?: PaddingMode
  /** default 1 */
  readonly dilation?: PerAxis
  /** default 1 */
  readonly groups?: number
  /** default true */
  readonly bias?: boolean
}

export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, 'padding' | 'paddingMode'> {
  readonly padding?: PerAxis
  /** added to one side of the result's size, default 0 */
  readonly outputPadding?: PerAxis
}

type Rank = 1 | 2 | 3
const convolve = { 1: conv1d, 2: conv2d, 3: conv3d }
const transpose = { 1: convTranspose1d, 2: convTranspose2d, 3: convTranspose3d }

const shared = { stride: 0, padding: 0, dilation: 0, groups: 0, bias: 0 }

function perAxis(name: string, what: string, given: PerAxis, rank: Rank): number[] {
  if (typeof given !== 'number' && !Array.isArray(given))
    throw new ShapeError(name, `the ${what} is a number or an array of ${rank}, not ${String(given)}`)
  const list = typeof given === 'number' ? new Array<number>(rank).fill(given) : [...given]
  if (list.length !== rank) throw new ShapeError(name, `the ${what} needs ${rank} values, got ${list.length}`)
  return list
}

function checkGroups(name: string, inputs: number, outputs: number, groups: number): void {
  checkSizes(name, { inputs, outputs })
  if (!Number.isInteger(groups) || groups < 1 || inputs % groups !== 0 || outputs % groups !== 0)
    throw new CairnError(name, `${groups} groups do not divide ${inputs} input and ${outputs} output channels`)
}

/** weight [rows, columns, ...kernel] and bias [channels] as torch starts them: U(-b, b), b = 1 / sqrt(columns * kernel). */
function initial(shape: readonly number[], channels: number, bias: boolean): [Tensor, Tensor | null] {
  const fan = shape.slice(1).reduce((a, b) => a * b, 1)
  const bound = fan > 0 ? 1 / Math.sqrt(fan) : 0
  return [parameter(uniform(shape, -bound, bound)), bias ? parameter(uniform([channels], -bound, bound)) : null]
}

abstract class Conv extends Module {
  /** [outputs, inputs / groups, ...kernel] */
  weight: Tensor
  /** [outputs], or null */
  bias: Tensor | null
  readonly stride: number[]
  readonly padding: number[] | 'same' | 'valid'
  readonly paddingMode: PaddingMode
  readonly dilation: number[]
  readonly groups: number
  readonly #rank: Rank

  constructor(rank: Rank, inputs: number, outputs: number, kernel: PerAxis, options: ConvLayerOptions) {
    super()
    const name = `Conv${rank}d`
    checkOptions(name, options, { ...shared, paddingMode: 0 })
    const { padding = 0, groups = 1, paddingMode = 'zeros' } = options
    if (!paddingModes.includes(paddingMode))
      throw new CairnError(name, `there is no padding mode '${paddingMode}'; there are ${paddingModes.join(', ')}`)
    checkGroups(name, inputs, outputs, groups)
    this.#rank = rank
    this.stride = perAxis(name, 'stride', options.stride ?? 1, rank)
    this.padding = typeof padding === 'string' ? padding : perAxis(name, 'padding', padding, rank)
    this.paddingMode = paddingMode
    this.dilation = perAxis(name, 'dilation', options.dilation ?? 1, rank)
    this.groups = groups
    const shape = [outputs, inputs / groups, ...perAxis(name, 'kernel size', kernel, rank)]
    ;[this.weight, this.bias] = initial(shape, outputs, options.bias !== false)
  }

  /** [batch, inputs, ...] or [inputs, ...] to the same with `outputs` channels */
  forward(x: Tensor): Tensor {
    const { weight, stride, dilation, groups, paddingMode } = this
    const bias = this.bias ?? undefined
    const run = convolve[this.#rank]
    if (paddingMode === 'zeros') return run(x, weight, bias, { stride, dilation, groups, padding: this.padding })
    return run(x.padLast(this.#widths(), paddingMode), weight, bias, { stride, dilation, groups })
  }

  /** [before, after] of each axis, the last axis first */
  #widths(): number[] {
    const { padding, dilation } = this
    return dilation
      .map((d, i): [number, number] => {
        if (padding === 'valid') return [0, 0]
        if (padding !== 'same') return [padding[i], padding[i]]
        const total = (this.weight.shape[2 + i] - 1) * d
        return [Math.floor(total / 2), total - Math.floor(total / 2)]
      })
      .reverse()
      .flat()
  }
}

/** torch.nn.Conv1d over [batch, inputs, length]. */
export class Conv1d extends Conv {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvLayerOptions = {}) {
    super(1, inputs, outputs, kernel, options)
  }
}
/** torch.nn.Conv2d over [batch, inputs, height, width]. */
export class Conv2d extends Conv {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvLayerOptions = {}) {
    super(2, inputs, outputs, kernel, options)
  }
}
/** torch.nn.Conv3d over [batch, inputs, depth, height, width]. */
export class Conv3d extends Conv {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvLayerOptions = {}) {
    super(3, inputs, outputs, kernel, options)
  }
}

abstract class ConvTranspose extends Module {
  /** [inputs, outputs / groups, ...kernel] */
  weight: Tensor
  /** [outputs], or null */
  bias: Tensor | null
  readonly stride: number[]
  readonly padding: number[]
  readonly outputPadding: number[]
  readonly dilation: number[]
  readonly groups: number
  readonly #rank: Rank

  constructor(rank: Rank, inputs: number, outputs: number, kernel: PerAxis, options: ConvTransposeLayerOptions) {
    super()
    const name = `ConvTranspose${rank}d`
    checkOptions(name, options, { ...shared, outputPadding: 0 })
    const { groups = 1 } = options
    checkGroups(name, inputs, outputs, groups)
    this.#rank = rank
    this.stride = perAxis(name, 'stride', options.stride ?? 1, rank)
    this.padding = perAxis(name, 'padding', options.padding ?? 0, rank)
    this.outputPadding = perAxis(name, 'outputPadding', options.outputPadding ?? 0, rank)
    this.dilation = perAxis(name, 'dilation', options.dilation ?? 1, rank)
    this.groups = groups
    const shape = [inputs, outputs / groups, ...perAxis(name, 'kernel size', kernel, rank)]
    ;[this.weight, this.bias] = initial(shape, outputs, options.bias !== false)
  }

  /** [batch, inputs, ...] or [inputs, ...] to the same with `outputs` channels */
  forward(x: Tensor): Tensor {
    const { weight, stride, padding, outputPadding, dilation, groups } = this
    const options = { stride, padding, outputPadding, dilation, groups }
    return transpose[this.#rank](x, weight, this.bias ?? undefined, options)
  }
}

/** torch.nn.ConvTranspose1d over [batch, inputs, length]. */
export class ConvTranspose1d extends ConvTranspose {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(1, inputs, outputs, kernel, options)
  }
}
/** torch.nn.ConvTranspose2d over [batch, inputs, height, width]. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(2, inputs, outputs, kernel, options)
  }
}
/** torch.nn.ConvTranspose3d over [batch, inputs, depth, height, width]. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(inputs: number, outputs: number, kernel: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(3, inputs, outputs, kernel, options)
  }
}
