// The best k of a stream of scored documents: a heap with the worst of them on top. Of equal scores the earlier document is better,
// so results do not depend on the order in which documents were looked at.

export class Top {
  readonly capacity: number
  size = 0
  private readonly scores: Float64Array
  private readonly keys: Float64Array

  constructor(capacity: number) {
    this.capacity = capacity
    this.scores = new Float64Array(capacity)
    this.keys = new Float64Array(capacity)
  }

  /** What a score must reach to have a chance; -Infinity while there is room. */
  get threshold(): number {
    return this.size < this.capacity ? Number.NEGATIVE_INFINITY : this.scores[0]
  }

  /** @param key a number that grows in the order of documents */
  add(score: number, key: number): void {
    const { scores, keys } = this
    if (this.size < this.capacity) {
      let at = this.size++
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!worse(score, key, scores[parent], keys[parent])) break
        scores[at] = scores[parent]
        keys[at] = keys[parent]
        at = parent
      }
      scores[at] = score
      keys[at] = key
      return
    }
    if (this.capacity === 0 || !worse(scores[0], keys[0], score, key)) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.size) break
      if (child + 1 < this.size && worse(scores[child + 1], keys[child + 1], scores[child], keys[child])) child++
      if (!worse(scores[child], keys[child], score, key)) break
      scores[at] = scores[child]
      keys[at] = keys[child]
      at = child
    }
    scores[at] = score
    keys[at] = key
  }

  /** Best first. */
  results(): { score: number; key: number }[] {
    return Array.from({ length: this.size }, (_, i) => ({ score: this.scores[i], key: this.keys[i] })).sort(
      (a, b) => b.score - a.score || a.key - b.key,
    )
  }
}

const worse = (score: number, key: number, than: number, thanKey: number): boolean =>
  score < than || (score === than && key > thanKey)
