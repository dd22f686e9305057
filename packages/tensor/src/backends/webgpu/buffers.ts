// The allocator: buffers come from a pool of freed ones of the same rounded size, and real allocations are counted to the
// byte. WebGPU confirms an allocation only later, so a fresh block is `pending` until it has; what is queued on a
// block that failed rejects with OutOfMemoryError and nothing else is harmed.

import { OutOfMemoryError, StaleError } from '../../errors.ts'
import type { Binding, DeviceBuffer } from '../backend.ts'
import { usage } from './device.ts'
import type { DeviceQueue } from './queue.ts'

type Kind = 'storage' | 'uniform' | 'staging'

const usages: Record<Kind, number> = {
  storage: usage.storage | usage.copySource | usage.copyTarget,
  uniform: usage.uniform | usage.copyTarget,
  staging: usage.mapRead | usage.copyTarget,
}

/** One GPUBuffer. Its number tells it from every other one, also from those destroyed. */
export interface Block {
  readonly id: number
  readonly kind: Kind
  readonly gpu: GPUBuffer
  readonly size: number
  /** settles when the device has confirmed or refused the allocation; null after that */
  pending: Promise<void> | null
  failed: boolean
}

/** What the engine holds: a block until it is freed. */
export class Memory implements DeviceBuffer {
  readonly bytes: number
  block: Block | null
  constructor(bytes: number, block: Block) {
    this.bytes = bytes
    this.block = block
  }
}

/** Freed blocks kept for reuse, in bytes. */
const poolBytes = 1 << 28

export class Buffers {
  /** bytes of the blocks in use: storages and parameters, not the pool and not transfers under way */
  inUse = 0
  /** bytes of all blocks, pooled ones too */
  held = 0
  private ids = 0
  private readonly pool: Block[] = []
  private pooled = 0
  private readonly device: GPUDevice
  private readonly queue: DeviceQueue
  private readonly maxBytes: number
  private readonly maxBlock: number

  constructor(device: GPUDevice, queue: DeviceQueue, maxBytes: number, maxBlock: number) {
    this.device = device
    this.queue = queue
    this.maxBytes = maxBytes
    this.maxBlock = maxBlock
  }

  /** @throws OutOfMemoryError past the limit of one buffer or of all */
  take(bytes: number, kind: Kind): Block {
    const size = roundSize(bytes)
    if (bytes > this.maxBlock)
      throw new OutOfMemoryError('webgpu', 'larger than one buffer of this GPU', { bytes, limit: this.maxBlock })
    const at = this.pool.findLastIndex(b => b.kind === kind && b.size === size && !b.failed)
    if (at >= 0) {
      const [block] = this.pool.splice(at, 1)
      this.pooled -= block.size
      this.count(block, 1)
      return block
    }
    while (this.held + size > this.maxBytes && this.pool.length > 0) this.evict()
    if (this.held + size > this.maxBytes)
      throw new OutOfMemoryError('webgpu', 'out of memory', { bytes: size, inUse: this.inUse, limit: this.maxBytes })
    const block = this.create(Math.min(size, this.maxBlock), kind)
    this.count(block, 1)
    return block
  }

  /** Gives a block back; what is queued later may have it at once, because the queue is ordered. */
  give(block: Block): void {
    this.count(block, -1)
    this.pool.push(block)
    this.pooled += block.size
    while (this.pooled > poolBytes || this.pool[0]?.failed) this.evict()
  }

  allocate(bytes: number): Memory {
    return new Memory(bytes, this.take(bytes, 'storage'))
  }

  free(buffer: DeviceBuffer): void {
    const { block } = buffer as Memory
    if (!block) return
    ;(buffer as Memory).block = null
    this.give(block)
  }

  /** @throws StaleError for a buffer that was freed */
  blockOf(binding: Binding): Block {
    const { block } = binding.buffer as Memory
    if (!block) throw new StaleError('webgpu', 'a buffer that was freed', { bytes: binding.bytes })
    return block
  }

  private count(block: Block, sign: 1 | -1): void {
    if (block.kind !== 'staging') this.inUse += sign * block.size
  }

  private create(size: number, kind: Kind): Block {
    this.device.pushErrorScope('validation')
    this.device.pushErrorScope('out-of-memory')
    const gpu = this.device.createBuffer({ size, usage: usages[kind] })
    const block: Block = { id: this.ids++, kind, gpu, size, pending: null, failed: false }
    block.pending = Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]).then(
      ([memory, validation]) => {
        block.pending = null
        block.failed = memory !== null || validation !== null
      },
      () => {
        block.pending = null
      },
    )
    this.held += size
    return block
  }

  /** Destroys the block that has been unused longest, once nothing queued needs it. */
  private evict(): void {
    const block = this.pool.shift()!
    this.pooled -= block.size
    this.held -= block.size
    this.queue.afterSubmit(() => block.gpu.destroy())
  }
}

export const refused = (block: Block): OutOfMemoryError =>
  new OutOfMemoryError('webgpu', 'the GPU has no memory left', { bytes: block.size })

/** Sizes that blocks come in: four steps an octave up to 16 MiB, then multiples of 2 MiB. */
export function roundSize(bytes: number): number {
  if (bytes <= 256) return 256
  const step = bytes > 1 << 24 ? 1 << 21 : Math.max(256, 2 ** (Math.ceil(Math.log2(bytes)) - 3))
  return Math.ceil(bytes / step) * step
}
