// What the pool asks of its host: Node's worker threads or the browser's Web Workers, chosen by the `#platform` import.

import type { Report } from './worker-source.ts'

export interface WorkerEvents {
  report(report: Report): void
  /** Once, when the worker is gone without having been asked to. */
  died(reason: string, cause: unknown): void
}

export interface WorkerHandle {
  post(message: unknown): void
  /** While referenced, the worker keeps the process alive (it does when new). */
  ref(): void
  unref(): void
  /** Resolves when the worker's code is certain not to run any more. The stop word is set before. */
  stop(): Promise<void>
}

export interface Platform {
  /** Processors that this process may use. */
  cores(): number
  /** Starts a worker from `url`, or from `source` without one. May throw. */
  startWorker(source: string, url: string | URL | undefined, name: string, events: WorkerEvents): WorkerHandle
}
