// How much an execution computes: wraps the executor of a device and counts what it is given.

import { type DeviceName, engineOf } from '../device.ts'
import { type LeafOp, leafOps } from '../graph/node.ts'
import { statistics } from '../run.ts'

export interface Work {
  /** executions: plans of the queue */
  plans: number
  /** values computed on the way: nodes evaluated, intermediate ones included */
  values: number
}

/** Counts the work of `run` on a device. Everything that `run` queues must be awaited in it. */
export async function countWork(device: DeviceName, run: () => Promise<unknown>): Promise<Work> {
  const executor = await engineOf(device).ready()
  const work: Work = { plans: 0, values: 0 }
  const { prepare, run: runPlan } = executor
  executor.prepare = captured => {
    for (const { op } of captured.nodes) if (!leafOps.includes(op as LeafOp)) work.values++
    return prepare.call(executor, captured)
  }
  executor.run = (...args) => {
    work.plans++
    return runPlan.apply(executor, args)
  }
  try {
    await run()
  } finally {
    executor.prepare = prepare
    executor.run = runPlan
  }
  return work
}

/** How many kernels `run` launches on a compiled device. Everything that `run` queues must be awaited in it. */
export async function countLaunches(device: DeviceName, run: () => Promise<unknown>): Promise<number> {
  await engineOf(device).ready()
  const before = statistics(device).launches
  await run()
  return statistics(device).launches - before
}
