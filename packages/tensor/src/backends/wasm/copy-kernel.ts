// A kernel that copies bytes, so that writes, reads and copies join the pool's queue in order with what computes.

import { ModuleBuilder } from '@cairn/wasm'
import { importMemory, kernelParams } from './print.ts'

/** Bytes that one item copies. */
export const copyUnit = 65536

/** kernel(params, begin, end): params are source, target and bytes; the two do not overlap unless one item does it all. */
export function printCopyKernel(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  importMemory(module, shared)
  module.func({ params: kernelParams, export: 'kernel' }, (f, params, begin, end) => {
    const from = f.local('i32')
    const bytes = f.local('i32')
    f.get(begin).i32_const(copyUnit).i32_mul().set(from)
    // the end of the last item, at most the end of all
    f.get(end).i32_const(copyUnit).i32_mul().tee(bytes).get(params).i32_load(8).get(bytes).get(params).i32_load(8)
    f.i32_lt_u().select().get(from).i32_sub().set(bytes)
    f.get(params).i32_load(4).get(from).i32_add()
    f.get(params).i32_load(0).get(from).i32_add()
    f.get(bytes).memory_copy()
  })
  return module.build()
}
