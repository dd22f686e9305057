// Groups of entities that have more to do with each other than with others: modularity by local moves (Louvain, Blondel et al. 2008),
// and, as Leiden adds (Traag, Waltman and van Eck 2019), a group that has come apart is divided, so each is connected.

type Adjacency = readonly ReadonlyMap<number, number>[]

/** The parts of a graph's nodes, by number; nodes in the order given, so the result is always the same. */
export function communities(edges: Adjacency, resolution = 1): number[] {
  let level: Map<number, number>[] = edges.map(near => new Map(near))
  let member = edges.map((_, i) => i)
  for (;;) {
    const groups = connected(level, moved(level, resolution))
    const count = groups.reduce((a, b) => Math.max(a, b), -1) + 1
    member = member.map(node => groups[node])
    if (count === level.length) return member
    const next = Array.from({ length: count }, () => new Map<number, number>())
    level.forEach((near, node) => {
      for (const [other, weight] of near) {
        const [from, to] = [groups[node], groups[other]]
        next[from].set(to, (next[from].get(to) ?? 0) + weight)
      }
    })
    level = next
  }
}

/** Each node goes to the neighbouring group that raises modularity most, until none does. */
function moved(edges: Adjacency, resolution: number): number[] {
  const group = edges.map((_, i) => i)
  const degree = edges.map(near => [...near.values()].reduce((a, b) => a + b, 0))
  const total = [...degree]
  const all = degree.reduce((a, b) => a + b, 0) || 1
  // Each move raises modularity, so it ends; the bound is for rounding.
  for (let round = 0, moves = 1; moves > 0 && round < 100; round++) {
    moves = 0
    for (let node = 0; node < edges.length; node++) {
      const links = new Map<number, number>([[group[node], 0]])
      for (const [other, weight] of edges[node])
        if (other !== node) links.set(group[other], (links.get(group[other]) ?? 0) + weight)
      const own = group[node]
      total[own] -= degree[node]
      const gain = (to: number) => links.get(to)! - (resolution * degree[node] * total[to]) / all
      let best = own
      for (const to of links.keys()) if (gain(to) > gain(best) + 1e-12) best = to
      total[best] += degree[node]
      if (best !== own) {
        group[node] = best
        moves++
      }
    }
  }
  return group
}

/** Groups divided into parts that hang together, numbered from 0. */
function connected(edges: Adjacency, group: readonly number[]): number[] {
  const parts = new Array<number>(edges.length).fill(-1)
  let count = 0
  for (let first = 0; first < edges.length; first++) {
    if (parts[first] >= 0) continue
    parts[first] = count
    for (const stack = [first]; stack.length; ) {
      const node = stack.pop()!
      for (const other of edges[node].keys())
        if (parts[other] < 0 && group[other] === group[first]) {
          parts[other] = count
          stack.push(other)
        }
    }
    count++
  }
  return parts
}

/** How much more of the weight lies inside of groups than chance would put there: -0.5 to 1. */
export function modularity(edges: Adjacency, group: readonly number[], resolution = 1): number {
  let inside = 0
  let all = 0
  const total = new Map<number, number>()
  edges.forEach((near, node) => {
    for (const [other, weight] of near) {
      all += weight
      if (group[other] === group[node]) inside += weight
      total.set(group[node], (total.get(group[node]) ?? 0) + weight)
    }
  })
  if (all === 0) return 0
  return [...total.values()].reduce((sum, degree) => sum - resolution * (degree / all) ** 2, inside / all)
}
