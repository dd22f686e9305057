// Whether this place can run threads on shared memory, as a sentence for people.

import { features } from '../features.ts'

/** Why workers cannot share memory here; undefined when they can. */
export function threadsBlocked(): string | undefined {
  if (features().sharedMemory) return undefined
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false)
    return 'the page is not cross-origin isolated (serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
  return 'this engine has no shared WebAssembly memory'
}

let said = false

/** Says once a process that threads were asked for and cannot be had. */
export function sayInline(reason: string): void {
  if (said) return
  said = true
  console.warn(`cairn: running on one thread: ${reason}`)
}
