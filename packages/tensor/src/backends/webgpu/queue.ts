// The ordered queue of a device. Jobs start in the order of the calls; one that must wait (for a pipeline to compile, for an
// allocation to be confirmed) holds back those behind it. Started jobs encode into one open command buffer, which is
// submitted at the end of the microtask, before host data is written, and where estimated work passes about 100 ms.
// Every error that WebGPU reports outside of a call ends here: it rejects all that is under way and all that comes later.

import { type CairnError, DeviceLostError } from '../../errors.ts'

export interface Job {
  /** what must settle before `start`; asked again after that */
  waits(): Promise<unknown> | null
  /** throws only before it has encoded anything */
  start(): void
  fail(error: unknown): void
}

/** Estimated milliseconds of work in one submit. */
const submitMilliseconds = 100

export class DeviceQueue {
  private readonly device: GPUDevice
  private lost: CairnError | null = null
  private jobs: Job[] = []
  private waiting = false
  private encoder: GPUCommandEncoder | null = null
  private pass: GPUComputePassEncoder | null = null
  private atSubmit: (() => void)[] = []
  private readonly pending = new Set<(error: unknown) => void>()
  /** operations that take a millisecond, estimated */
  rate: number
  /** estimated operations in the open command buffer */
  private work = 0
  private lastDone = 0
  private flushing = false
  /** command buffers handed to the device */
  submits = 0

  constructor(device: GPUDevice, software: boolean) {
    this.device = device
    this.rate = software ? 1e5 : 1e8
    device.addEventListener('uncapturederror', event => {
      event.preventDefault?.()
      this.fail(new DeviceLostError('webgpu', `the device failed: ${event.error.message}`))
    })
    void device.lost.then(info =>
      this.fail(new DeviceLostError('webgpu', `the device was lost: ${info.message || info.reason}`)),
    )
  }

  /** @throws DeviceLostError once the device has failed or was disposed */
  check(): void {
    if (this.lost) throw this.lost
  }

  get failure(): CairnError | null {
    return this.lost
  }

  fail(error: CairnError): void {
    if (this.lost) return
    this.lost = error
    this.encoder = this.pass = null
    this.atSubmit = []
    const jobs = this.jobs
    this.jobs = []
    for (const job of jobs) job.fail(error)
    for (const reject of [...this.pending]) reject(error)
  }

  /** A promise that the device's failure rejects, whatever else would have settled it; never an unhandled rejection. */
  promise<T>(): PromiseWithResolvers<T> {
    const made = Promise.withResolvers<T>()
    made.promise.catch(() => {})
    const leave = <A>(settle: (value: A) => void) => {
      return (value: A) => {
        this.pending.delete(reject)
        settle(value)
      }
    }
    const reject = leave(made.reject)
    this.pending.add(reject)
    return { promise: made.promise, resolve: leave(made.resolve), reject }
  }

  enqueue(job: Job): void {
    if (this.lost) {
      job.fail(this.lost)
      return
    }
    this.jobs.push(job)
    if (!this.waiting) this.drain()
  }

  /** Runs `then` when everything queued so far is with the device. */
  afterSubmit(then: () => void): void {
    this.enqueue({ waits: () => null, start: () => this.onSubmit(then), fail: then })
  }

  /** Whether a job queued now starts at once. */
  get idle(): boolean {
    return this.jobs.length === 0
  }

  private readonly drain = (): void => {
    this.waiting = false
    while (this.jobs.length > 0) {
      const job = this.jobs[0]
      const wait = job.waits()
      if (wait) {
        this.waiting = true
        this.submit()
        void wait.then(this.drain, this.drain)
        return
      }
      this.jobs.shift()
      try {
        job.start()
      } catch (error) {
        job.fail(error)
      }
    }
  }

  /** The open compute pass. */
  compute(): GPUComputePassEncoder {
    this.pass ??= this.commands().beginComputePass()
    return this.pass
  }

  /** The open command buffer, outside of a pass. */
  transfer(): GPUCommandEncoder {
    this.pass?.end()
    this.pass = null
    return this.commands()
  }

  private commands(): GPUCommandEncoder {
    if (!this.encoder) {
      this.encoder = this.device.createCommandEncoder()
      this.flushSoon()
    }
    return this.encoder
  }

  private flushSoon(): void {
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(() => {
      this.flushing = false
      this.submit()
    })
  }

  /** Whether the command buffer has room for so many estimated operations, so that nobody need ask on the way. */
  takesWork(operations: number): boolean {
    return this.work + operations <= this.rate * submitMilliseconds
  }

  /** Counts estimated operations; says when the command buffer holds enough of them. */
  addWork(operations: number): boolean {
    this.work += operations
    return this.work > this.rate * submitMilliseconds
  }

  /** Runs `then` when what is encoded now has been submitted. */
  onSubmit(then: () => void): void {
    this.atSubmit.push(then)
    this.flushSoon()
  }

  private asked: Promise<void> | null = null
  private askedNext: Promise<void> | null = null

  /**
   * To be called in an `onSubmit`: resolves when the device has finished what was submitted. One question is under way at a time, since each costs the host as
   * much as a dozen dispatches; who comes meanwhile shares the next one.
   */
  done(): Promise<void> {
    if (!this.asked) return (this.asked = this.ask())
    const next = (): Promise<void> => {
      this.asked = this.askedNext
      this.askedNext = null
      return this.ask()
    }
    this.askedNext ??= this.asked.then(next, next)
    return this.askedNext
  }

  private ask(): Promise<void> {
    const answer = this.device.queue.onSubmittedWorkDone()
    const end = (): void => {
      if (this.askedNext === null) this.asked = null
    }
    answer.then(end, end)
    return answer
  }

  submit(): void {
    if (this.lost) return
    if (this.encoder) {
      const encoder = this.transfer()
      this.encoder = null
      this.device.queue.submit([encoder.finish()])
      this.submits++
      if (this.work > this.rate * 5) this.measure()
      this.work = 0
    }
    const then = this.atSubmit
    this.atSubmit = []
    for (const run of then) run()
  }

  /** Learns how fast the device is from submits that take a while. */
  private measure(): void {
    const work = this.work
    const start = performance.now()
    void this.device.queue.onSubmittedWorkDone().then(
      () => {
        const now = performance.now()
        const took = now - Math.max(start, this.lastDone)
        this.lastDone = now
        if (took > 1) this.rate = (this.rate + work / took) / 2
      },
      () => {},
    )
  }
}
