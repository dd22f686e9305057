// Rotary position embedding (Su et al. 2021, "RoFormer"): pairs of features turn by an angle proportional to the position, so that
// products of queries and keys depend on their distance. Two layouts of the pairs are in use: 'half' (x[i] with x[i + width/2]: Hugging Face,
// NeoX) and 'interleaved' (x[2i] with x[2i + 1]: the paper, llama2.c, GPT-J).

import { arange, cat, type DeviceName, ShapeError, stack, type Tensor, tensor } from '@cairn/tensor'

export type RotaryStyle = 'half' | 'interleaved'

/** The angle per position of each pair: theta^(-2i / width), f32 [width / 2]. Rounded once, from double precision. */
export function rotaryFrequencies(width: number, options: { theta?: number; device?: DeviceName } = {}): Tensor {
  if (width % 2 !== 0) throw new ShapeError('rotaryFrequencies', `the width must be even, not ${width}`)
  const { theta = 10_000, device } = options
  return tensor(
    Float32Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width)),
    [width / 2],
    { device },
  )
}

/** Cosines and sines of positions, computed once and used by every layer. */
export interface Rotation {
  readonly cos: Tensor
  readonly sin: Tensor
}

/**
 * The rotation of positions.
 * @param positions integers [queries] or [batch, queries]   @param frequencies [width / 2]
 */
export function rotationAt(positions: Tensor, frequencies: Tensor): Rotation {
  const angles = positions.to('f32').unsqueeze(-1).mul(frequencies) // [(batch,) queries, width / 2]
  const perHead = angles.ndim === 3 ? angles.unsqueeze(1) : angles
  return { cos: perHead.cos(), sin: perHead.sin() }
}

/** Turns the pairs of x. @param x [batch, heads, queries, width] */
export function rotate(x: Tensor, { cos, sin }: Rotation, style: RotaryStyle = 'half'): Tensor {
  const half = x.shape[x.ndim - 1] / 2
  if (style === 'half') {
    const a = x.narrow(-1, 0, half)
    const b = x.narrow(-1, half, half)
    return cat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1)
  }
  const pairs = x.reshape([...x.shape.slice(0, -1), half, 2])
  const a = pairs.select(-1, 0)
  const b = pairs.select(-1, 1)
  return stack([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1).reshape(x.shape)
}

/** Rotary embedding of x in one call. @param x [batch, heads, queries, width]   @param options.positions 0, 1, 2 ... by default */
export function rope(x: Tensor, options: { theta?: number; positions?: Tensor; style?: RotaryStyle } = {}): Tensor {
  const device = x.device as DeviceName
  const positions = options.positions ?? arange(0, x.shape[x.ndim - 2], 1, { device })
  const frequencies = rotaryFrequencies(x.shape[x.ndim - 1], { theta: options.theta, device })
  return rotate(x, rotationAt(positions, frequencies), options.style)
}
