// The heap inside the WebAssembly memory: best fit over free ranges that merge when they meet. The memory grows when no
// range fits, and never shrinks. Plans allocate few and large blocks, so a sorted list is enough.

import { OutOfMemoryError } from '../../errors.ts'

export const pageBytes = 65536
/** Blocks begin at multiples of a cache line. */
export const blockAlignment = 64
/** No block reaches to the end of memory: a masked load of four elements, of which one is there, may read the others from behind a block. */
export const guardBytes = 64

interface Range {
  begin: number
  end: number
}

export class Block {
  readonly address: number
  readonly bytes: number
  /** not released; on the block, since every run asks it of all that it binds */
  live = true
  constructor(address: number, bytes: number) {
    this.address = address
    this.bytes = bytes
  }
}

const aligned = (bytes: number): number => Math.max(1, Math.ceil(bytes / blockAlignment)) * blockAlignment

export class Heap {
  readonly memory: WebAssembly.Memory
  /** Bytes of all blocks, rounded up to the alignment. */
  used = 0
  private readonly maxBytes: number
  private readonly maxEnd: number
  /** ascending, never touching each other */
  private readonly free: Range[] = []

  /**
   * @param begin where the heap starts; below it is the caller's
   * @param maxBytes most bytes in blocks
   * @param maxPages the size to which the memory may grow
   */
  constructor(memory: WebAssembly.Memory, begin: number, maxBytes: number, maxPages: number) {
    this.memory = memory
    this.maxBytes = maxBytes
    this.maxEnd = maxPages * pageBytes
    const from = aligned(begin)
    const end = this.end
    if (end > from) this.free.push({ begin: from, end })
  }

  /** Where blocks must end. */
  private get end(): number {
    return this.memory.buffer.byteLength - guardBytes
  }

  /** @throws OutOfMemoryError naming `what`; nothing is changed then */
  allocate(bytes: number, what: string): Block {
    const size = aligned(bytes)
    if (this.used + size > this.maxBytes) throw this.refuse(bytes, what)
    let best = -1
    for (let i = 0; i < this.free.length; i++) {
      const room = this.free[i].end - this.free[i].begin
      if (room >= size && (best < 0 || room < this.free[best].end - this.free[best].begin)) best = i
    }
    if (best < 0) {
      if (!this.grow(size)) throw this.refuse(bytes, what)
      best = this.free.length - 1
    }
    const range = this.free[best]
    const block = new Block(range.begin, size)
    range.begin += size
    if (range.begin === range.end) this.free.splice(best, 1)
    this.used += size
    return block
  }

  release(block: Block): void {
    if (!block.live) return
    block.live = false
    this.used -= block.bytes
    const begin = block.address
    const end = begin + block.bytes
    // the first free range behind the block
    let low = 0
    let high = this.free.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.free[middle].begin < begin) low = middle + 1
      else high = middle
    }
    const before = this.free[low - 1]
    const after = this.free[low]
    const joinsBefore = before?.end === begin
    const joinsAfter = after?.begin === end
    if (joinsBefore && joinsAfter) {
      before.end = after.end
      this.free.splice(low, 1)
    } else if (joinsBefore) before.end = end
    else if (joinsAfter) after.begin = begin
    else this.free.splice(low, 0, { begin, end })
  }

  /** The same memory as another block; the old one is released. */
  reissue(block: Block): Block {
    const next = new Block(block.address, block.bytes)
    next.live = block.live
    block.live = false
    return next
  }

  /** Grows so that `size` bytes are free at the end; by an eighth at least, so that growing is rare. */
  private grow(size: number): boolean {
    const { end } = this
    const last = this.free.at(-1)
    const tail = last?.end === end ? last.end - last.begin : 0
    const needed = size - tail
    if (end + guardBytes + needed > this.maxEnd) return false
    const wanted = Math.min(Math.max(needed, end / 8, pageBytes), this.maxEnd - guardBytes - end)
    if (!this.growPages(Math.ceil(wanted / pageBytes)) && !this.growPages(Math.ceil(needed / pageBytes))) return false
    const now = this.end
    if (tail) last!.end = now
    else this.free.push({ begin: end, end: now })
    return true
  }

  private growPages(pages: number): boolean {
    try {
      this.memory.grow(pages)
      return true
    } catch {
      return false
    }
  }

  private refuse(bytes: number, what: string): OutOfMemoryError {
    return new OutOfMemoryError(
      what,
      'the WebAssembly memory is full; free tensors with `using` or use a smaller batch',
      {
        bytes,
        inUse: this.used,
        limit: Math.min(this.maxBytes, this.maxEnd),
      },
    )
  }
}
