// Images of a canvas to tensors and back: [channels, height, width] in [0, 1], as torchvision's to_tensor.

import { type TensorOptions, tensor } from '../creation.ts'
import { ShapeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'

/** What ImageData has: rows of red, green, blue and alpha, a byte each. */
export interface Pixels {
  readonly data: Uint8ClampedArray | Uint8Array
  readonly width: number
  readonly height: number
}

/** @param options.channels 3 (default) drops alpha, 4 keeps it @returns f32 [channels, height, width] in [0, 1] */
export function fromImageData(
  image: Pixels,
  options: Omit<TensorOptions, 'dtype'> & { readonly channels?: 3 | 4 } = {},
): Tensor {
  const { data, width, height } = image
  const { channels = 3, ...rest } = options
  if (data.length !== 4 * width * height)
    throw new ShapeError('fromImageData', `${data.length} bytes are not ${width} x ${height} pixels of 4`)
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length)
  const pixels = tensor(bytes, [height, width, 4], { ...rest, dtype: 'u8' })
  return pixels.narrow(2, 0, channels).permute([2, 0, 1]).to('f32').div(k(255))
}

/** The pixels of [height, width] or [1, 3 or 4, height, width] values in [0, 1]; others are clamped. `new ImageData(p.data, p.width)` shows them. */
export async function toImageData(
  x: Tensor,
): Promise<{ data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number }> {
  const image = x.ndim === 2 ? x.unsqueeze(0) : x
  const [channels, height, width] = image.shape
  if (image.ndim !== 3 || ![1, 3, 4].includes(channels))
    throw new ShapeError('toImageData', 'needs [height, width] or [1, 3 or 4 channels, height, width]', {
      shape: [...x.shape],
    })
  const bytes = await image.detach().to('f32').clamp(0, 1).mul(255).round().to('u8').data()
  const plane = width * height
  const data = new Uint8ClampedArray(4 * plane)
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 4; c++)
      data[4 * i + c] = c === 3 && channels < 4 ? 255 : Number(bytes[(channels === 1 ? 0 : c) * plane + i])
  return { data, width, height }
}
