// A worker of a pool: what the pool needs of it, and how a browser's has it.

export type PoolWorker = {
  post(message: unknown): void
  /** Keep the process alive, or don't; browsers have no such thing. */
  ref(): void
  unref(): void
  stop(): Promise<void>
}

export type PoolEvents = { message(data: unknown): void; died(reason: string): void }

export function browserWorker(worker: Worker, events: PoolEvents): PoolWorker {
  worker.onmessage = event => events.message(event.data)
  worker.onerror = event => events.died(event.message || 'its script could not be loaded')
  return {
    post: message => worker.postMessage(message),
    ref() {},
    unref() {},
    async stop() {
      worker.terminate()
    },
  }
}
