// A sorted list of terms that answers what a hash table cannot: which terms begin with this, which differ from it by a few
// letters. The edit distance is Damerau's with adjacent transpositions (optimal string alignment); the list is walked like a
// trie, each prefix costs one row of the table however many terms share it, and a prefix that is too far off is skipped whole.

export interface FuzzyMatch {
  term: string
  distance: number
}

/** How many edits a word of so many letters may have by default: none up to 2, one up to 5, then two. */
export function defaultEdits(length: number): number {
  return length <= 2 ? 0 : length <= 5 ? 1 : 2
}

export class TermDictionary {
  /** In the order of UTF-16 units. */
  readonly terms: readonly string[]

  constructor(terms: Iterable<string>) {
    this.terms = [...new Set(terms)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }

  /** The first place whose term is not below `term`. */
  private lowerBound(term: string, from = 0): number {
    let low = from
    let high = this.terms.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.terms[middle]! < term) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Terms that begin with `prefix`, in order, at most `limit`. */
  withPrefix(prefix: string, limit = Number.POSITIVE_INFINITY): string[] {
    const found: string[] = []
    for (let i = this.lowerBound(prefix); i < this.terms.length && found.length < limit; i++) {
      if (!this.terms[i]!.startsWith(prefix)) break
      found.push(this.terms[i]!)
    }
    return found
  }

  /**
   * Terms within `edits` insertions, deletions, replacements and swaps of neighbours, nearest first.
   * @param prefixLength letters at the beginning that must be right: fewer terms to look at
   */
  within(word: string, edits = defaultEdits(word.length), prefixLength = 0): FuzzyMatch[] {
    const prefix = word.slice(0, prefixLength)
    const width = word.length + 1
    const rows: Uint16Array[] = [Uint16Array.from({ length: width }, (_, j) => j)]
    const found: FuzzyMatch[] = []
    let before = ''
    let known = 0 // letters of `before` whose rows are right
    for (let i = this.lowerBound(prefix); i < this.terms.length; ) {
      const term = this.terms[i]!
      if (!term.startsWith(prefix)) break
      let shared = 0
      while (shared < known && shared < term.length && term[shared] === before[shared]) shared++
      before = term
      known = shared
      let dead = false
      for (let depth = shared; depth < term.length; depth++) {
        rows[depth + 1] ??= new Uint16Array(width)
        const row = rows[depth + 1]!
        const least = fillRow(row, rows[depth]!, depth ? rows[depth - 1]! : null, word, term, depth)
        known = depth + 1
        // A swap of neighbours reaches two rows back, so both must be hopeless.
        if (least > edits && (depth === 0 || minimum(rows[depth]!) > edits || depth + 1 > word.length + edits)) {
          dead = true
          // Every term with this beginning is as far off: go to the first one behind them.
          i = this.lowerBound(nextPrefix(term.slice(0, depth + 1)), i + 1)
          break
        }
      }
      if (dead) continue
      const distance = rows[term.length]![word.length]!
      if (distance <= edits) found.push({ term, distance })
      i++
    }
    return found.sort((a, b) => a.distance - b.distance || (a.term < b.term ? -1 : 1))
  }
}

/** Fills the row of one more letter of `term` and gives its least value. */
function fillRow(
  row: Uint16Array,
  above: Uint16Array,
  twoAbove: Uint16Array | null,
  word: string,
  term: string,
  depth: number,
): number {
  const letter = term.charCodeAt(depth)
  row[0] = depth + 1
  let least = row[0]
  for (let j = 1; j < row.length; j++) {
    const same = word.charCodeAt(j - 1) === letter
    let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
    if (twoAbove && j > 1 && word.charCodeAt(j - 2) === letter && word.charCodeAt(j - 1) === term.charCodeAt(depth - 1))
      cost = Math.min(cost, twoAbove[j - 2]! + 1)
    row[j] = cost
    if (cost < least) least = cost
  }
  return least
}

function minimum(row: Uint16Array): number {
  let least = row[0]!
  for (const value of row) if (value < least) least = value
  return least
}

/** The least string above every string that begins with `prefix`. */
function nextPrefix(prefix: string): string {
  let end = prefix.length
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xffff) end--
  return end ? prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1) : '\uffff'.repeat(64)
}
