// A suffix array sorted as deep as anyone looks: multikey quicksort (Bentley and Sedgewick 1997) over code points, and the
// intervals of equal prefixes in it, which are the inner nodes of the suffix tree (Abouelkhoda et al. 2004). Negative
// code points end a word: nothing is compared behind them.

const INSERTION_SORT = 12

/** Orders the positions `suffixes` of `text` by what follows, up to `depth` code points. `text` needs `depth` more behind. */
export function sortSuffixes(text: Int32Array, suffixes: Int32Array, depth: number): void {
  const stack = [0, suffixes.length, 0]
  while (stack.length > 0) {
    const from = stack.pop()!
    const end = stack.pop()!
    const start = stack.pop()!
    if (from >= depth || end - start < 2) continue
    if (end - start <= INSERTION_SORT) {
      for (let i = start + 1; i < end; i++) {
        const suffix = suffixes[i]
        let at = i
        while (at > start && comesBefore(text, suffix, suffixes[at - 1], from, depth)) suffixes[at] = suffixes[--at]
        suffixes[at] = suffix
      }
      continue
    }
    const pivot = median(
      text[suffixes[start] + from],
      text[suffixes[(start + end) >> 1] + from],
      text[suffixes[end - 1] + from],
    )
    let low = start
    let high = end
    for (let i = start; i < high; ) {
      const suffix = suffixes[i]
      const char = text[suffix + from]
      if (char < pivot) {
        suffixes[i++] = suffixes[low]
        suffixes[low++] = suffix
      } else if (char > pivot) {
        suffixes[i] = suffixes[--high]
        suffixes[high] = suffix
      } else i++
    }
    stack.push(start, low, from, high, end, from)
    if (pivot >= 0) stack.push(low, high, from + 1)
  }
}

function comesBefore(text: Int32Array, a: number, b: number, from: number, depth: number): boolean {
  for (let i = from; i < depth; i++) {
    const difference = text[a + i] - text[b + i]
    if (difference !== 0) return difference < 0
    if (text[a + i] < 0) return false
  }
  return false
}

const median = (a: number, b: number, c: number) => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/**
 * Calls back with each range [left, right) of at least two sorted suffixes that share a prefix of `length` and no more:
 * longer prefixes before those that they extend, otherwise in order of the suffixes.
 */
export function commonPrefixes(
  text: Int32Array,
  sorted: Int32Array,
  depth: number,
  visit: (left: number, right: number, length: number) => void,
): void {
  const lefts = [0]
  const lengths = [0]
  for (let i = 1; i <= sorted.length; i++) {
    let common = 0
    if (i < sorted.length) {
      const a = sorted[i - 1]
      const b = sorted[i]
      while (common < depth && text[a + common] === text[b + common]) if (text[a + common++] < 0) break
    }
    let left = i - 1
    while (lengths[lengths.length - 1] > common) {
      left = lefts.pop()!
      visit(left, i, lengths.pop()!)
    }
    if (lengths[lengths.length - 1] < common) {
      lefts.push(left)
      lengths.push(common)
    }
  }
}
