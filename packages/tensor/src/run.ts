// What runs the queue by name: `realize`, `readAll`, and `step` for optimizers.

import { type DeviceName, defaultEngine, engineOf } from './device.ts'
import type { TypedArray } from './dtype.ts'
import type { Engine } from './graph/engine.ts'
import type { Statistics } from './graph/executor.ts'
import { builtCount } from './graph/node.ts'
import { checkEffect, checkRead, state } from './graph/scope.ts'
import type { Tensor } from './tensor.ts'

const groups = (tensors: readonly Tensor[]): Map<Engine, Tensor[]> => Map.groupBy(tensors, t => t.engine)

/**
 * Computes the tensors and keeps their values; without arguments, runs everything queued on the default device (inside of a jitted function it
 * is left queued) and waits for what was started before. Resolves when it is done.
 */
export function realize(...tensors: readonly Tensor[]): Promise<void> {
  checkEffect('realize')
  if (!state.trace) return run(tensors)
  if (tensors.length) state.trace.refuse('read')
  return Promise.resolve()
}

async function run(tensors: readonly Tensor[]): Promise<void> {
  if (tensors.length === 0) return defaultEngine().queue.realize([])
  await Promise.all([...groups(tensors)].map(([engine, list]) => engine.queue.realize(list.map(t => t.node))))
}

/** Reads several tensors in one execution. */
export function readAll(tensors: readonly Tensor[]): Promise<TypedArray[]> {
  checkRead('readAll')
  return read(tensors)
}

async function read(tensors: readonly Tensor[]): Promise<TypedArray[]> {
  const runs = [...groups(tensors)].map(([engine, list]) => engine.queue.compute(list.map(t => t.node)))
  for (const run of runs) run.catch(() => {})
  const reads = tensors.map(t => t.data())
  for (const read of reads) read.catch(() => {})
  await Promise.all(runs)
  return Promise.all(reads)
}

/**
 * Runs what is queued on the devices of these tensors; resolves when at most two plans are in flight, which is back-pressure. Optimizers end
 * their step with it. Inside of a jitted function it queues only.
 */
export function step(tensors: readonly Tensor[]): Promise<void> {
  checkEffect('step')
  if (state.trace) {
    for (const engine of groups(tensors).keys()) engine.queue.cut()
    return Promise.resolve()
  }
  return stepAll(tensors)
}

async function stepAll(tensors: readonly Tensor[]): Promise<void> {
  await Promise.all([...groups(tensors).keys()].map(engine => engine.queue.step()))
}

/** Bytes of device memory in use, by the allocator's own count. */
export const bytesInUse = (device: DeviceName): number => engineOf(device).bytesInUse

/**
 * What a device has compiled and run since it started, as of now. The difference around an execution says how many kernels it took; all 0
 * but `nodesBuilt` before the device's first run and on 'reference', which has no kernels.
 */
export const statistics = (device: DeviceName): Statistics => ({
  plansCompiled: 0,
  kernelsCompiled: 0,
  runs: 0,
  launches: 0,
  captures: 0,
  submits: 0,
  ...engineOf(device).executor?.statistics,
  nodesBuilt: builtCount(),
})
