// A launch with parts: the same kernel over several memories of several sizes. Its items are those of all parts in a row, and its parameters
// a table that says whose items are whose; an exported function finds the parts of a range of items and runs the kernel on each.

import type { DeclaredFunc, ModuleBuilder } from '@cairn/wasm'

/** Words of the table: how many parts, then for each: first item, first item after it, its own items, address of its parameters. */
export const partsHeader = 4
export const partWords = 4

/** Parts of kernels that run in lanes begin at multiples of this many items, so that chunks do not begin in the middle of a cache line. */
const partAlignment = 64

/** Where each part's items begin, and where the last ends. */
export function placeParts(items: readonly number[], vector: boolean): number[] {
  const unit = vector ? partAlignment : 1
  const starts = [0]
  for (const n of items) starts.push(starts.at(-1)! + Math.ceil(n / unit) * unit)
  return starts
}

type KernelFunc = DeclaredFunc<readonly ['i32', 'i32', 'i32', 'i32']>

export function printParts(module: ModuleBuilder, kernel: KernelFunc): void {
  const params = ['i32', 'i32', 'i32', 'i32'] as const
  module.func({ params, export: 'kernel' }, (f, table, begin, end, scratch) => {
    const entry = f.local('i32')
    const stop = f.local('i32')
    const first = f.local('i32')
    const from = f.local('i32')
    const to = f.local('i32')
    f.get(table)
      .i32_const(4 * partsHeader)
      .i32_add()
      .tee(entry)
    f.get(table)
      .i32_load(0)
      .i32_const(4 * partWords)
      .i32_mul()
      .i32_add()
      .set(stop)
    f.block(done => {
      f.loop(next => {
        f.get(entry).get(stop).i32_ge_u().br_if(done)
        f.get(entry).i32_load(0).tee(first).get(end).i32_ge_s().br_if(done)
        f.get(entry).i32_load(4).get(begin).i32_gt_s()
        f.if(() => {
          // what lies in [begin, end), counted from the part's first item
          f.get(begin).get(first).i32_sub().tee(from).i32_const(0).get(from).i32_const(0).i32_gt_s().select().set(from)
          f.get(end).get(first).i32_sub().tee(to).get(entry).i32_load(8)
          f.get(to).get(entry).i32_load(8).i32_lt_s().select().set(to)
          f.get(from).get(to).i32_lt_s()
          f.if(() => {
            f.get(entry).i32_load(12).get(from).get(to).get(scratch).call(kernel)
          })
        })
        f.get(entry)
          .i32_const(4 * partWords)
          .i32_add()
          .set(entry)
        f.br(next)
      })
    })
  })
}
