// The copy limit: bytes a second that one thread moves from one place in memory to another, 16 at a time. Kernels that
// touch each value once (elementwise, matrix times vector) are held against it.

import { type MemoryType, ModuleBuilder } from '@cairn/wasm'

/**
 * A module importing `env.memory` and exporting `copy(from, to, bytes)` and `read(from, bytes)` (which returns a sum, so
 * that nothing is optimized away). Addresses in bytes; `bytes` a multiple of 64. Its `kernel` is the copy for many threads: an
 * item is 64 bytes, parameters are the addresses read and written.
 */
export function copyLimitModule(memory: { min: number; max?: number; shared?: boolean }): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', memory)
  module.func({ params: ['i32', 'i32', 'i32'], export: 'copy' }, (f, from, to, bytes) => {
    f.while(
      () => f.get(bytes),
      () => {
        for (const at of [0, 16, 32, 48]) f.get(to).get(from).v128_load(at).v128_store(at)
        f.get(from).i32_const(64).i32_add().set(from)
        f.get(to).i32_const(64).i32_add().set(to)
        f.get(bytes).i32_const(64).i32_sub().set(bytes)
      },
    )
  })
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end) => {
    const [from, to] = f.localArray('i32', 2)
    for (const [word, local] of [from, to].entries())
      f.get(params)
        .i32_load(4 * word)
        .get(begin)
        .i32_const(6)
        .i32_shl()
        .i32_add()
        .set(local)
    f.while(
      () => f.get(begin).get(end).i32_lt_u(),
      () => {
        for (const at of [0, 16, 32, 48]) f.get(to).get(from).v128_load(at).v128_store(at)
        for (const local of [from, to]) f.get(local).i32_const(64).i32_add().set(local)
        f.get(begin).i32_const(1).i32_add().set(begin)
      },
    )
  })
  module.func({ params: ['i32', 'i32'], results: ['f32'], export: 'read' }, (f, from, bytes) => {
    const sums = f.localArray('v128', 4)
    f.while(
      () => f.get(bytes),
      () => {
        for (const [i, sum] of sums.entries())
          f.get(from)
            .v128_load(i * 16)
            .get(sum)
            .f32x4_add()
            .set(sum)
        f.get(from).i32_const(64).i32_add().set(from)
        f.get(bytes).i32_const(64).i32_sub().set(bytes)
      },
    )
    f.get(sums[0]).get(sums[1]).f32x4_add().get(sums[2]).get(sums[3]).f32x4_add().f32x4_add().f32x4_extract_lane(0)
  })
  return module.build()
}

/** Reading alone, for many threads: an item is 64 bytes from the address in the first parameter; the sum goes to the thread's scratch. */
export function readLimitModule(memory: MemoryType): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', memory)
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end, scratch) => {
    const from = f.local('i32')
    const sums = f.localArray('v128', 4)
    f.get(params).i32_load(0).get(begin).i32_const(6).i32_shl().i32_add().set(from)
    f.while(
      () => f.get(begin).get(end).i32_lt_u(),
      () => {
        for (const [i, sum] of sums.entries())
          f.get(from)
            .v128_load(i * 16)
            .get(sum)
            .f32x4_add()
            .set(sum)
        for (const [local, by] of [
          [from, 64],
          [begin, 1],
        ] as const)
          f.get(local).i32_const(by).i32_add().set(local)
      },
    )
    f.get(scratch)
    f.get(sums[0]).get(sums[1]).f32x4_add().get(sums[2]).get(sums[3]).f32x4_add().f32x4_add()
    f.v128_store(0)
  })
  return module.build()
}

/** Rates in GB/s: of bytes read plus bytes written for `copy`, of bytes read for `read`. */
export interface CopyRates {
  readonly copy: number
  readonly read: number
}

/** Measures both over buffers of `bytes` (a multiple of 64; beyond the caches for memory bandwidth), best of `rounds`. */
export function copyLimit(bytes: number = 1 << 26, rounds = 5): CopyRates {
  const pages = Math.ceil((2 * bytes) / 65536)
  const memory = new WebAssembly.Memory({ initial: pages })
  // pages never written are all the system's one page of zeros, which would be read from the cache
  new Uint8Array(memory.buffer).fill(1)
  const module = new WebAssembly.Module(copyLimitModule({ min: pages }))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const copy = exports.copy as (from: number, to: number, bytes: number) => void
  const read = exports.read as (from: number, bytes: number) => number
  const rate = (moved: number, work: () => void): number => {
    let best = 0
    for (let i = 0; i <= rounds; i++) {
      const start = performance.now()
      work()
      const elapsed = performance.now() - start
      if (i > 0) best = Math.max(best, moved / elapsed / 1e6)
    }
    return best
  }
  return { copy: rate(2 * bytes, () => copy(0, bytes, bytes)), read: rate(bytes, () => void read(0, bytes)) }
}
