// When a reduction is long enough to be cut into pieces: the scheduler keeps such rows out of kernels over rows, the lowering makes two kernels of them.

/** Elements of one piece: independent of the number of threads, so results are too. */
export const pieceLength = 4096

/** Whether reductions of `inner` elements to `outer` results each are worth two kernels. */
export const isLong = (outer: number, inner: number): boolean => outer <= 64 && inner >= 4 * pieceLength
