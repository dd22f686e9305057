// Finds many strings in a text in one pass, the longest of those that start leftmost: a trie over UTF-16 units.

type Node = { next: Map<number, Node> | undefined; pattern: number }

/** A match: [start, end) and which pattern. */
export type Match = { start: number; end: number; pattern: number }

export class Matcher {
  private readonly root: Node = { next: undefined, pattern: -1 }

  constructor(patterns: Iterable<string>) {
    let index = 0
    for (const pattern of patterns) {
      let node = this.root
      for (let i = 0; i < pattern.length; i++) {
        node.next ??= new Map()
        const unit = pattern.charCodeAt(i)
        let child = node.next.get(unit)
        if (!child) node.next.set(unit, (child = { next: undefined, pattern: -1 }))
        node = child
      }
      if (pattern !== '' && node.pattern < 0) node.pattern = index
      index++
    }
  }

  get isEmpty(): boolean {
    return this.root.next === undefined
  }

  /** Matches from left to right, none overlapping another. */
  *matches(text: string): Iterable<Match> {
    const first = this.root.next
    if (!first) return
    for (let start = 0; start < text.length; ) {
      let node = first.get(text.charCodeAt(start))
      if (!node) {
        start++
        continue
      }
      let end = -1
      let pattern = -1
      for (let at = start + 1; ; at++) {
        if (node.pattern >= 0) {
          end = at
          pattern = node.pattern
        }
        const child: Node | undefined = at < text.length ? node.next?.get(text.charCodeAt(at)) : undefined
        if (!child) break
        node = child
      }
      if (pattern < 0) start++
      else {
        yield { start, end, pattern }
        start = end
      }
    }
  }
}
