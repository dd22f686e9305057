// Benches of the WASM device, for a number of threads each.

import { availableParallelism } from 'node:os'
import { disposeDevice, setDefaultDevice } from '@cairn/tensor'
import type { DeviceName, Measurement } from './bench.ts'

/** The numbers of threads that are measured: one, and two where there are as many. */
export const threadCounts: readonly number[] = availableParallelism() > 1 ? [1, 2] : [1]

/** The word after a measurement's name. */
export const onThreads = (threads: number): string => (threads === 1 ? '1 thread' : `${threads} threads`)

/**
 * Runs `measure` once for each number of threads, on a device started for it; on other devices once.
 * @param measure its argument is undefined where the limits of this machine's processor say nothing
 */
export async function* eachThreadCount(
  device: DeviceName,
  measure: (threads: number | undefined) => AsyncIterable<Measurement>,
): AsyncGenerator<Measurement> {
  if (device !== 'wasm') {
    await setDefaultDevice(device)
    yield* measure(undefined)
    return
  }
  for (const threads of threadCounts) {
    await disposeDevice('wasm')
    await setDefaultDevice('wasm', { threads })
    yield* measure(threads)
  }
  await disposeDevice('wasm')
}

/**
 * Milliseconds to settle before a timing: threads that slept while others worked wake up on one processor, and the system takes 0.1 s and more
 * to move them apart. Timed at once, two threads have the rate of one.
 */
export const settling = (threads: number): number => (threads > 1 ? 300 : 0)
