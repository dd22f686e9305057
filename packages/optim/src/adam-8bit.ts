// Adam whose averages take a byte an element (Dettmers et al. 2022, "8-bit optimizers via block-wise quantization"): blocks of the averages are divided by their
// largest absolute value, and each element becomes the number of the nearest entry of a table whose steps are fine near 0 ("dynamic tree" quantization).
// A step computes in f32 and stores bytes; the parameter moves by the averages before they are rounded.

import { CairnError, type DeviceName, type Tensor, tensor } from '@cairn/tensor'
import { type AdamOptions, average, biasCorrection } from './adam.ts'
import { Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface Adam8bitOptions extends Omit<AdamOptions, 'amsgrad'> {
  /** elements that share a scale, default 256 */
  blockSize?: number
  /** parameters of fewer elements keep averages in f32, default 4096 */
  min8bitSize?: number
}

/** Exponents of the table: 1e-6 to 1. */
const exponents = 7

/**
 * The 256 values that a byte stands for, ascending, from -1 (0 without a sign) to 1: for each power of ten an equal share of the values in [0.1, 1] of it,
 * twice as many as of the power below.
 */
export function dynamicMap(signed: boolean): Float32Array {
  const values = [0, 1]
  for (let i = 0; i < exponents; i++) {
    const count = 2 ** (signed ? i : i + 1)
    for (let n = 0; n < count; n++) {
      const value = 10 ** (i + 1 - exponents) * (0.1 + (0.9 * (n + 0.5)) / count)
      values.push(value, ...(signed ? [-value] : []))
    }
  }
  return Float32Array.from(values).sort()
}

interface Tables {
  readonly values: Tensor
  /** halfway between neighbours: 255 */
  readonly limits: Tensor
  /** where each byte of a word begins: u32 [4] */
  readonly shifts: Tensor
}

function tablesOf(signed: boolean, device: DeviceName): Tables {
  const values = dynamicMap(signed)
  const limits = values.subarray(1).map((v, i) => (v + values[i]) / 2)
  return {
    values: tensor(values, [256], { device }),
    limits: tensor(limits, [255], { device }),
    shifts: tensor(Uint32Array.of(0, 8, 16, 24), [4], { device }),
  }
}

/** One average: its bytes, four to a word [blocks, size / 4] (a GPU gives each byte of a u8 tensor a word), and the largest absolute value of each block. */
const averages = [
  { name: 'exp_avg', signed: true },
  { name: 'exp_avg_sq', signed: false },
] as const
type Name = (typeof averages)[number]['name']
const scaleOf = (name: Name): string => `${name}_absmax`

/** Four times the byte that stands for 0. */
const zeroWord = (signed: boolean): number => (signed ? 0x7f7f7f7f : 0)

abstract class EightBit extends Optimizer<Adam8bitOptions> {
  /** made when the first state is, so that a jitted step finds them there */
  readonly #tables = new Map<string, Tables>()

  constructor(params: Parameters<Adam8bitOptions>, defaults: Adam8bitOptions) {
    super(params, defaults)
    for (const p of this.groups.flatMap(g => g.params)) for (const { signed } of averages) this.#tablesFor(p, signed)
  }
  #tablesFor(p: Tensor, signed: boolean): Tables {
    const key = `${p.device} ${signed}`
    let tables = this.#tables.get(key)
    if (!tables) this.#tables.set(key, (tables = tablesOf(signed, p.device as DeviceName)))
    return tables
  }

  protected override slots({ blockSize = 256, min8bitSize = 4096 }: Adam8bitOptions, p: Tensor): Slots {
    if (!(blockSize > 0) || blockSize % 4 !== 0)
      throw new CairnError(this.constructor.name, `blockSize must be a multiple of 4, not ${blockSize}`)
    if (p.size < min8bitSize) return { exp_avg: 0, exp_avg_sq: 0 }
    const blocks = Math.ceil(p.size / blockSize)
    return Object.fromEntries(
      averages.flatMap(({ name, signed }) => [
        [name, { initial: zeroWord(signed), shape: [blocks, blockSize / 4], dtype: 'u32' as const }],
        [scaleOf(name), { initial: 0, shape: [blocks] }],
      ]),
    )
  }

  protected adam(update: Update<Adam8bitOptions>, decoupled: boolean): Updated {
    const { g, options, state, clock, lr, group } = update
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    const p = decoupled && weightDecay ? update.p.mul(update.live(o => 1 - o.lr * weightDecay)) : update.p
    const slope = !decoupled && weightDecay ? g.add(p.mul(weightDecay)) : g
    const narrow = state('exp_avg').dtype === 'u32'
    const laid = narrow ? inBlocks(slope, state('exp_avg').shape) : slope
    const next = averages.map(({ name, signed }, i) => {
      const before = narrow ? opened(state(name), state(scaleOf(name)), this.#tablesFor(p, signed)) : state(name)
      return average(before, i === 0 ? laid : laid.mul(laid), betas[i])
    })
    const [m, v] = next
    const root = clock.derive(`1 / sqrt(1 - ${betas[1]}^t)`, () => biasCorrection(clock, betas[1]).rsqrt())
    const size = clock.derive(`lr ${group} / (1 - ${betas[0]}^t)`, () =>
      biasCorrection(clock, betas[0]).reciprocal().mul(lr),
    )
    const moved = m.div(v.sqrt().mul(root).add(eps)).mul(size)
    const way = narrow ? moved.reshape([moved.size]).narrow(0, 0, p.size).reshape(p.shape) : moved
    if (!narrow) return { p: p.sub(way), state: { exp_avg: m, exp_avg_sq: v } }
    const stored = averages.flatMap(({ name, signed }, i) => {
      const { words, scale } = closed(next[i], this.#tablesFor(p, signed))
      return [[name, words] as const, [scaleOf(name), scale] as const]
    })
    return { p: p.sub(way), state: Object.fromEntries(stored) }
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    for (const tables of this.#tables.values()) for (const t of Object.values(tables)) t[Symbol.dispose]()
    this.#tables.clear()
  }
}

/** As [blocks, size], zeros behind the last element. */
function inBlocks(x: Tensor, [blocks, words]: readonly number[]): Tensor {
  const flat = x.reshape([x.size])
  const rest = 4 * blocks * words - x.size
  return (rest ? flat.pad([[0, rest]]) : flat).reshape([blocks, 4 * words])
}
/** From bytes to numbers. */
function opened(words: Tensor, scale: Tensor, { values, shifts }: Tables): Tensor {
  const [blocks, count] = words.shape
  const bytes = words
    .unsqueeze(2)
    .shiftRight(shifts)
    .bitwiseAnd(255)
    .reshape([blocks, 4 * count])
  return values.indexSelect(0, bytes).mul(scale.unsqueeze(1))
}
/** From numbers to bytes. */
function closed(x: Tensor, { limits }: Tables): { words: Tensor; scale: Tensor } {
  const [blocks, size] = x.shape
  const scale = x.abs().max(1)
  const share = x.div(scale.where(scale.gt(0), 1).unsqueeze(1))
  const bytes = limits
    .searchsorted(share)
    .to('u32')
    .reshape([blocks, size / 4, 4])
  const words = [0, 1, 2, 3].map(i => bytes.select(2, i).shiftLeft(8 * i)).reduce((a, b) => a.or(b))
  return { words, scale }
}

/** `Adam` with states of 8 bits: about 2 bytes an element instead of 8. */
export class Adam8bit extends EightBit {
  protected override readonly repeats = Adam8bit.prototype.update
  constructor(params: Parameters<Adam8bitOptions>, options: Partial<Adam8bitOptions> = {}) {
    super(params, { ...defaults(), weightDecay: 0, ...options })
  }
  protected override update(update: Update<Adam8bitOptions>): Updated {
    return this.adam(update, false)
  }
}
/** `AdamW` with states of 8 bits: about 2 bytes an element instead of 8. */
export class AdamW8bit extends EightBit {
  protected override readonly repeats = AdamW8bit.prototype.update
  constructor(params: Parameters<Adam8bitOptions>, options: Partial<Adam8bitOptions> = {}) {
    super(params, { ...defaults(), weightDecay: 0.01, ...options })
  }
  protected override update(update: Update<Adam8bitOptions>): Updated {
    return this.adam(update, true)
  }
}
// each optimizer has its own list: who writes into a group's must not change those to come
const defaults = (): Partial<Adam8bitOptions> & { lr: number } => ({
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  blockSize: 256,
  min8bitSize: 4096,
})
