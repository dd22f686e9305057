// Which kernels are tuned as one: those of the same operation, layout and dtypes whose sizes are alike to a factor of two.

import type { Kernel } from '../../../kernel/ir.ts'
import { contiguous, inFours } from '../matmul.ts'
import { longestLoop, mostCombined } from '../strategy.ts'

const about = (n: number): number => Math.ceil(Math.log2(Math.max(1, n)))
const product = (sizes: readonly { readonly size: { readonly sample: number } }[]): number =>
  sizes.reduce((n, axis) => n * axis.size.sample, 1)

/** The class of a kernel as a text; null where nothing is tuned. */
export function classOf(kernel: Kernel, alias: readonly number[]): string | null {
  if (kernel.kind === 'matmul') {
    const { a, b, m, n, k, batch, buffers } = kernel
    const operand = (of: typeof a, axis: typeof m): string => {
      const along = contiguous(of.index, k) ? 'k' : 'mn'
      return `${buffers[of.buffer].dtype}:${along}${inFours(kernel, of, axis, alias) ? ' in fours' : ''}`
    }
    const stored = kernel.body.map(s => (s.kind === 'store' ? buffers[s.buffer].dtype : '')).join()
    const sizes = [product(batch), m.size.sample, n.size.sample, k.size.sample].map(about).join(' ')
    return `product ${operand(a, m)} ${operand(b, n)} to ${stored}, ${sizes}`
  }
  if (kernel.kind === 'loop') {
    const dtypes = [...new Set(kernel.buffers.map(b => b.dtype))].sort().join('+')
    const loops = kernel.body.filter(s => s.kind === 'loop').length
    const shape = `${about(product(kernel.parallel))} x ${about(longestLoop(kernel))}`
    return `loops ${kernel.vector ? 'across' : 'along'} ${dtypes} ${loops} by ${mostCombined(kernel)}, ${shape}`
  }
  return null
}
