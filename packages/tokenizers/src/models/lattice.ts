// All ways to cut a text into pieces, as a lattice: the best n by A* from the end, and draws by probability
// (Kudo 2018, section 3.3; sentencepiece, unigram_model.cc).

type Edge = { start: number; end: number; score: number }

export class Lattice {
  private readonly length: number
  /** Edges by where they end. */
  private readonly ending: Edge[][]

  constructor(length: number) {
    this.length = length
    this.ending = Array.from({ length: length + 1 }, () => [])
  }

  /** A piece [start, end) with its log probability. Add in order of start. */
  add(start: number, end: number, score: number): void {
    this.ending[end].push({ start, end, score })
  }

  /** The best `n` cuts, each as the ends of its pieces. */
  nbest(n: number): { ends: number[]; score: number }[] {
    const best = this.forward((a, b) => Math.max(a, b), 1)
    // A partial cut covers the text from `at` to the end; its bound is exact, so cuts come out in order.
    type Partial = { at: number; score: number; bound: number; next: Partial | undefined }
    const queue = [{ at: this.length, score: 0, bound: best[this.length], next: undefined } as Partial]
    const out: { ends: number[]; score: number }[] = []
    while (queue.length > 0 && out.length < n) {
      let top = 0
      for (let i = 1; i < queue.length; i++) if (queue[i].bound > queue[top].bound) top = i
      const [partial] = queue.splice(top, 1)
      if (partial.at === 0) {
        const ends: number[] = []
        for (let p = partial.next; p; p = p.next) ends.push(p.at)
        out.push({ ends, score: partial.score })
        continue
      }
      for (const edge of this.ending[partial.at]) {
        const score = partial.score + edge.score
        const bound = score + best[edge.start]
        if (bound > Number.NEGATIVE_INFINITY) queue.push({ at: edge.start, score, bound, next: partial })
      }
    }
    return out
  }

  /** A cut drawn with probability proportional to its own to the power alpha; from the best `nbest` only if that is above 1. */
  sample(alpha: number, nbest: number, random: () => number): number[] {
    if (nbest > 1) {
      const cuts = this.nbest(nbest)
      const top = cuts[0]?.score ?? 0
      const weights = cuts.map(cut => Math.exp(alpha * (cut.score - top)))
      return cuts[draw(weights, random)]?.ends ?? []
    }
    const sums = this.forward(logSumExp, alpha)
    const ends: number[] = []
    for (let at = this.length; at > 0; ) {
      ends.push(at)
      const edges = this.ending[at]
      const weights = edges.map(edge => Math.exp(sums[edge.start] + alpha * edge.score - sums[at]))
      at = edges[draw(weights, random)].start
    }
    return ends.reverse()
  }

  /** For each position, what all cuts of the text before it come to. */
  private forward(combine: (a: number, b: number) => number, alpha: number): Float64Array {
    const out = new Float64Array(this.length + 1).fill(Number.NEGATIVE_INFINITY)
    out[0] = 0
    for (let at = 1; at <= this.length; at++) {
      for (const edge of this.ending[at]) out[at] = combine(out[at], out[edge.start] + alpha * edge.score)
    }
    return out
  }
}

export function logSumExp(a: number, b: number): number {
  const high = Math.max(a, b)
  if (high === Number.NEGATIVE_INFINITY) return high
  return high + Math.log1p(Math.exp(Math.min(a, b) - high))
}

/** An index drawn by weight. */
function draw(weights: readonly number[], random: () => number): number {
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0)
  for (let i = 0; i < weights.length; i++) if ((left -= weights[i]) < 0) return i
  return weights.length - 1
}
