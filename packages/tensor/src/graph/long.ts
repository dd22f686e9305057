// When a reduction is long enough to be cut into pieces: the scheduler keeps such rows out of kernels over rows, the lowering makes two kernels of them.

/** Elements of one piece: independent of the number of threads, so results are too. */
export const pieceLength = 4096

/**
 * Sums down columns are cut sooner where a device wants many items at once and runs columns side by side: into pieces of `piece` elements. 0: it does not.
 */
export const isLongDown = (outer: number, inner: number, piece: number): boolean =>
  piece > 0 && outer <= 4096 && inner >= 4 * piece

/** Whether reductions of `inner` elements to `outer` results each are worth two kernels. */
export const isLong = (outer: number, inner: number): boolean => outer <= 64 && inner >= 4 * pieceLength
