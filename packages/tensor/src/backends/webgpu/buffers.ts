// The allocator: buffers come from a pool of freed ones of the same rounded size, and real allocations are counted to the
// byte. WebGPU confirms an allocation only later, so a fresh block is `pending` until it has; what is queued on a
// block that failed rejects with OutOfMemoryError and nothing else is harmed. Small values share blocks: making a buffer and asking whether it
// was made costs the host more than a dozen dispatches, and a training loop keeps a loss at every step.

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

/** What the engine holds: a block, or a cell of one, until it is freed. */
export class Memory implements DeviceBuffer {
  readonly bytes: number
  block: Block | null
  /** where it begins in the block */
  readonly begin: number
  readonly slab: Slab | null
  constructor(bytes: number, block: Block, begin = 0, slab: Slab | null = null) {
    this.bytes = bytes
    this.block = block
    this.begin = begin
    this.slab = slab
  }
}

/** A block of cells for small values. */
class Slab {
  readonly block: Block
  /** where free cells begin; the last freed is the next used, so that bind groups of before fit again */
  readonly free: number[] = []
  constructor(block: Block) {
    this.block = block
    for (let at = slabBytes - cellBytes; at >= 0; at -= cellBytes) this.free.push(at)
  }
}

/** The smallest unit of memory, to which offsets of bindings are aligned. */
const cellBytes = 256
const slabBytes = 256 * cellBytes

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
  private readonly slabs: Slab[] = []
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
    const slab = bytes <= cellBytes ? this.slab() : null
    if (!slab) return new Memory(bytes, this.take(bytes, 'storage'))
    this.inUse += cellBytes
    return new Memory(bytes, slab.block, slab.free.pop(), slab)
  }

  free(buffer: DeviceBuffer): void {
    const memory = buffer as Memory
    const { block, begin, slab } = memory
    if (!block) return
    memory.block = null
    if (!slab) {
      this.give(block)
      return
    }
    this.inUse -= cellBytes
    slab.free.push(begin)
    const empty = slab.free.length * cellBytes === slabBytes
    // one stays, since a value that comes and goes must not make and destroy it each time
    if (!empty || (this.slabs.length === 1 && !block.failed)) return
    this.slabs.splice(this.slabs.indexOf(slab), 1)
    this.inUse += slabBytes
    this.give(block)
  }

  /** One with a free cell; null where there is no memory for another. */
  private slab(): Slab | null {
    const found = this.slabs.findLast(s => s.free.length > 0 && !s.block.failed)
    if (found) return found
    if (this.held + slabBytes > this.maxBytes) return null
    const slab = new Slab(this.take(slabBytes, 'storage'))
    this.inUse -= slabBytes
    this.slabs.push(slab)
    return slab
  }

  /** @throws StaleError for a buffer that was freed */
  blockOf(binding: Binding): Block {
    const { block } = binding.buffer as Memory
    if (!block) throw new StaleError('webgpu', 'a buffer that was freed', { bytes: binding.bytes })
    return block
  }

  /** Where a binding begins in its block. */
  offsetOf({ buffer, offset }: Binding): number {
    return (buffer as Memory).begin + offset
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
  if (bytes <= cellBytes) return cellBytes
  const step = bytes > 1 << 24 ? 1 << 21 : Math.max(cellBytes, 2 ** (Math.ceil(Math.log2(bytes)) - 3))
  return Math.ceil(bytes / step) * step
}
