// A device whose executions fail on request, to test what the queue promises when a device does not do its part.

import type { TypedArray } from '../dtype.ts'
import { CairnError, DeviceLostError, OutOfMemoryError } from '../errors.ts'
import { Engine } from '../graph/engine.ts'
import type { Bound, Prepared } from '../graph/executor.ts'
import { ReferenceExecutor } from '../graph/reference.ts'
import { Storage } from '../graph/storage.ts'
import { Tensor } from '../ops/methods.ts'

export class FlakyExecutor extends ReferenceExecutor {
  /** 'refuse', 'full': throws before anything has changed, the latter for want of memory; 'break': the work fails after it was begun; 'hold': it ends when `release` is called; 'together': when `endTogether` is */
  mode: 'work' | 'refuse' | 'full' | 'break' | 'hold' | 'together' = 'work'
  executed = 0
  #held: (() => void)[] = []
  #last: Promise<void> = Promise.resolve()
  #together: PromiseWithResolvers<void>[] = []

  override run(prepared: Prepared, bound: Bound): Promise<void> {
    if (this.mode === 'refuse') throw new CairnError('compile', 'the kernel is refused')
    if (this.mode === 'full') throw new OutOfMemoryError('allocate', 'the device is full', { bytes: 1024 })
    this.executed++
    const done = super.run(prepared, bound)
    if (this.mode === 'together') {
      const ended = Promise.withResolvers<void>()
      this.#together.push(ended)
      return ended.promise
    }
    return this.#inOrder(this.#outcome(done))
  }

  override async read(storage: Storage): Promise<TypedArray> {
    const values = await super.read(storage)
    await this.#last
    return values
  }

  #outcome(done: Promise<void>): () => Promise<void> {
    if (this.mode === 'hold') {
      const held = new Promise<void>(resolve => this.#held.push(resolve))
      return () => held
    }
    if (this.mode === 'break')
      return async () => {
        await new Promise(resolve => setImmediate(resolve))
        throw new DeviceLostError('matmul', 'the device was lost')
      }
    return () => done
  }

  /** As on a device, work ends in the order in which it was handed over, and reads come after it. */
  #inOrder(outcome: () => Promise<void>): Promise<void> {
    const finished = this.#last.then(outcome)
    this.#last = finished.catch(() => {})
    return finished
  }

  /** The host sees at once that all of these have ended, and that the first one failed. */
  endTogether(): void {
    const [first, ...others] = this.#together.splice(0)
    first.reject(new DeviceLostError('matmul', 'the device was lost'))
    for (const { resolve } of others) resolve()
  }

  /** Ends the oldest execution that is held. */
  release(): void {
    this.#held.shift()?.()
  }
}

export interface FlakyDevice {
  readonly engine: Engine
  readonly executor: FlakyExecutor
  tensor(values: readonly number[], requiresGrad?: boolean): Tensor
}

/** @param started false: the executor is there with the first run, as for a device that was not started */
export async function flakyDevice(started = true): Promise<FlakyDevice> {
  const executor = new FlakyExecutor()
  const engine = new Engine('flaky', () => Promise.resolve(executor))
  if (started) await engine.ready()
  return {
    engine,
    executor,
    tensor(values, requiresGrad = false) {
      const out = new Tensor(new Storage(engine, [values.length], 'f32').hold(Float32Array.from(values)))
      if (requiresGrad) out.requiresGrad = true
      return out
    },
  }
}
