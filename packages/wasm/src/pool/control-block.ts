// The main thread's side of the control block: submits runs, rings the bell, reads what has finished.

import { control, controlBytes, maxMessageBytes, ringCapacity, slot, slotBytes, slotCount } from './control.ts'
import { step, stepBytes } from './tape.ts'

/** One run of a tape. */
export interface Run {
  readonly tape: number
  readonly steps: number
  readonly scratch: number
  readonly scratchStride: number
}

/** What a trapped kernel left behind. */
export interface Trap {
  readonly step: number
  readonly kernel: number
  readonly reason: string
}

export class ControlBlock {
  readonly memory: WebAssembly.Memory
  readonly address: number
  /** The words of the block. Memory only grows, so a shared buffer's old view stays good; an unshared one is detached. */
  #words: Int32Array
  /** Runs written so far, and runs whose end has been seen; both wrap around at 2^32. */
  #submitted = 0
  #seen = 0

  constructor(memory: WebAssembly.Memory, address: number) {
    this.memory = memory
    this.address = address
    this.#words = new Int32Array(memory.buffer, address, controlBytes / 4)
    this.reset()
  }

  get words(): Int32Array {
    if (this.#words.byteLength === 0) this.#words = new Int32Array(this.memory.buffer, this.address, controlBytes / 4)
    return this.#words
  }

  /** Runs whose end has been seen. */
  get seen(): number {
    return this.#seen
  }

  /** As if nothing had ever waited here. Runs that were submitted and not seen to end are forgotten. */
  reset(): void {
    this.words.fill(0, 0, control.slots / 4)
    this.#submitted = this.#seen
    this.words[control.submitted / 4] = this.#seen
    this.words[control.completed / 4] = this.#seen
  }

  get full(): boolean {
    return ((this.#submitted - this.#seen) | 0) >= ringCapacity
  }

  submit({ tape, steps, scratch, scratchStride }: Run): void {
    const { words } = this
    const at = this.#slot(this.#submitted)
    words[at + slot.tape / 4] = tape
    words[at + slot.steps / 4] = steps
    words[at + slot.scratch / 4] = scratch
    words[at + slot.scratchStride / 4] = scratchStride
    words[at + slot.trapped / 4] = 0
    this.#submitted = (this.#submitted + 1) | 0
    Atomics.store(words, control.submitted / 4, this.#submitted)
    this.#call()
  }

  /** A message was posted to every worker. */
  mailed(): void {
    Atomics.add(this.words, control.mail / 4, 1)
    this.#call()
  }

  /** Makes every worker leave the runner, wherever it waits. */
  stop(): void {
    Atomics.store(this.words, control.stop / 4, 1)
    this.#ring(control.phase)
    this.#ring(control.bell)
    Atomics.notify(this.words, control.completed / 4)
  }

  /** Sees the end of the oldest run that has finished and was not seen yet. */
  next(): { readonly trap: Trap | undefined } | undefined {
    if (Atomics.load(this.words, control.completed / 4) === this.#seen) return undefined
    const at = this.#slot(this.#seen)
    this.#seen = (this.#seen + 1) | 0
    return { trap: this.words[at + slot.trapped / 4] === 0 ? undefined : this.#trap(at) }
  }

  #trap(at: number): Trap {
    const { words } = this
    const address = words[at + slot.trapStep / 4] >>> 0
    const start = this.address + at * 4 + slot.message
    const length = Math.min(words[at + slot.messageBytes / 4], maxMessageBytes)
    return {
      step: (address - (words[at + slot.tape / 4] >>> 0)) / stepBytes,
      kernel: new Int32Array(this.memory.buffer, address + step.kernel, 1)[0],
      // A copy: TextDecoder takes no shared memory.
      reason: new TextDecoder().decode(new Uint8Array(this.memory.buffer, start, length).slice()),
    }
  }

  /** Makes idle workers look. Who looks already wakes the others, and spares this thread two calls of the system. */
  #call(): void {
    const { words } = this
    Atomics.add(words, control.bell / 4, 2)
    if (Atomics.load(words, control.looking / 4) === 0) Atomics.notify(words, control.bell / 4)
  }

  #ring(offset: number): void {
    Atomics.add(this.words, offset / 4, 2)
    Atomics.notify(this.words, offset / 4)
  }

  #slot(run: number): number {
    return (control.slots + (run & (slotCount - 1)) * slotBytes) / 4
  }
}
