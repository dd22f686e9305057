// A kernel and what it runs over: which slots of a program it binds, once or in several parts.

import type { Kernel } from './ir.ts'

/** What a kernel runs over. */
export interface Part {
  /** for each buffer of the kernel, the slot of the program that binds it */
  readonly buffers: readonly number[]
  /** for each scalar of the kernel, the scalar slot of the program */
  readonly scalars: readonly number[]
  /** the part's own sizes: Dim symbols of the kernel, numbered after those of the run */
  readonly sizes?: readonly number[]
}

export interface Launch extends Part {
  readonly kernel: Kernel
  /** the same kernel over other memory, independent of each other and of the first: one launch, only where `limits.parts` */
  readonly more?: readonly Part[]
}

export const partsOf = (launch: Launch): readonly Part[] => (launch.more ? [launch, ...launch.more] : [launch])

/** Values of a kernel's Dim symbols in one part of a launch. */
export const symbolsOfPart = ({ sizes }: Part, symbols: ArrayLike<number>): ArrayLike<number> =>
  sizes ? [...Array.from(symbols), ...sizes] : symbols
