// Vectors for tests: random, and in clusters, which is what makes graphs hard to walk.

/** Numbers in [0, 1) from a seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

export function gaussian(next: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
}

export function randomVectors(count: number, dimensions: number, seed: number): Float32Array[] {
  const next = gaussian(random(seed))
  return Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, next))
}

/** Vectors in clusters; the first `count` and the queries after them come from the same clusters. */
export function clustered(count: number, dimensions: number, clusters: number, seed: number): Float32Array[] {
  const next = random(seed)
  const normal = gaussian(next)
  const centers = Array.from({ length: clusters }, () => Float32Array.from({ length: dimensions }, normal))
  return Array.from({ length: count }, () => {
    const center = centers[Math.floor(next() * clusters)]
    return center.map(value => value + 0.6 * normal())
  })
}

/** The k nearest by plain loops in double precision, best first. */
export function bruteForce(
  vectors: readonly (Float32Array | undefined)[],
  query: Float32Array,
  k: number,
  metric: 'cosine' | 'dot' | 'l2',
): { id: number; score: number }[] {
  const length = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0))
  const score = (v: Float32Array): number => {
    let sum = 0
    for (let i = 0; i < v.length; i++) sum += metric === 'l2' ? -((v[i] - query[i]) ** 2) : v[i] * query[i]
    return metric === 'cosine' ? sum / (length(v) * length(query)) : sum
  }
  return vectors
    .flatMap((v, id) => (v ? [{ id, score: score(v) }] : []))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
}

/** The share of the true ids that were found. */
export function recall(found: readonly { id: number }[], truth: readonly { id: number }[]): number {
  const ids = new Set(found.map(hit => hit.id))
  return truth.filter(hit => ids.has(hit.id)).length / truth.length
}
