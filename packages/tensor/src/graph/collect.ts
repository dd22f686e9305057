// Device memory is invisible to the garbage collector: a loop can leave gigabytes of dead buffers behind a few kilobytes of dead
// handles. Where the host offers its collector (Node), the queue asks for it when memory has doubled or has run out.

import { letGo } from './weak-table.ts'

interface Builtins {
  getBuiltinModule?(name: 'node:v8'): { setFlagsFromString(flags: string): void }
  getBuiltinModule?(name: 'node:vm'): { runInNewContext(code: string): unknown }
}

let collector: (() => void) | null | undefined

function findCollector(): (() => void) | null {
  const given = (globalThis as { gc?: () => void }).gc
  if (given) return given
  const builtins = (globalThis as { process?: Builtins }).process
  if (!builtins?.getBuiltinModule) return null
  builtins.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc')
  return builtins.getBuiltinModule('node:vm').runInNewContext('gc') as () => void
}

/** Collects garbage where the host lets one, and gives finalizers a turn of the event loop. */
export async function collectGarbage(macrotask: () => Promise<void>): Promise<void> {
  letGo()
  if (collector === undefined) collector = findCollector()
  // handles made in this turn are alive until it ends
  await macrotask()
  collector?.()
  await macrotask()
}
