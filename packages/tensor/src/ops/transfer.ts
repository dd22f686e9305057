// A tensor's values on another device. The move is queued like everything else: the source is read in its queue's turn, the target's queue
// waits for the bytes before it plans what was asked of it later.

import { type DeviceName, engineOf } from '../device.ts'
import { type DType, dtypes } from '../dtype.ts'
import { DTypeError, GradientError } from '../errors.ts'
import { state } from '../graph/scope.ts'
import { Storage } from '../graph/storage.ts'
import { Tensor } from '../tensor.ts'
import { cast } from './build.ts'

const devices: ReadonlySet<string> = new Set<DeviceName>(['wasm', 'webgpu', 'reference'])

/**
 * Another dtype, or a copy of the values on another device.
 * Float to integer truncates towards zero and saturates; NaN becomes 0. Gradients do not cross devices.
 * @throws GradientError when a tensor that requires a gradient is moved: `detach()` it, or move under `noGrad`
 */
export function to(x: Tensor, target: DType | DeviceName): Tensor {
  if (devices.has(target)) return moved(x, target as DeviceName)
  if (!Object.hasOwn(dtypes, target))
    throw new DTypeError(
      'to',
      `there is no dtype and no device '${target}'; dtypes are ${Object.keys(dtypes).join(', ')}, devices ${[...devices].join(', ')}`,
    )
  return cast(x, target as DType)
}

function moved(x: Tensor, device: DeviceName): Tensor {
  const engine = engineOf(device)
  if (x.engine === engine) return x
  state.trace?.refuse('move')
  if (x.requiresGrad && state.grad)
    throw new GradientError('to', `gradients do not cross devices; use x.detach().to('${device}')`)
  const storage = new Storage(engine, x.shape, x.dtype)
  const version = storage.head
  storage.settled = version
  engine.queue.hold(
    x.data().then(
      values => {
        storage.host = values
      },
      error => {
        version.error = error
      },
    ),
  )
  return new Tensor(storage)
}
