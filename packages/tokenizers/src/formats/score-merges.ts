// Merges for a vocabulary that has scores instead: sentencepiece and llama2.c join any two neighbours whose union is a
// token, the best score first, the leftmost of equals. As a merge list: every way to cut a token in two tokens, in order
// of the whole's score, equal scores with equal priority.

/**
 * @param tokens by id   @param scores by id, higher merges first
 * @param isPiece whether a token takes part: control, byte and user-defined tokens do not
 */
export function scoreMerges(
  tokens: readonly string[],
  scores: ArrayLike<number>,
  isPiece: (id: number) => boolean,
): [left: string, right: string, priority: number][] {
  const ids = new Map<string, number>()
  const order: number[] = []
  tokens.forEach((token, id) => {
    if (!isPiece(id)) return
    if (!ids.has(token)) ids.set(token, id)
    order.push(id)
  })
  order.sort((a, b) => scores[b] - scores[a] || a - b)
  const merges: [string, string, number][] = []
  let priority = -1
  let lastScore = Number.NaN
  for (const id of order) {
    const token = tokens[id]
    if (scores[id] !== lastScore) priority++
    lastScore = scores[id]
    for (let cut = 1; cut < token.length; cut++) {
      const left = token.slice(0, cut)
      const right = token.slice(cut)
      if (ids.has(left) && ids.has(right)) merges.push([left, right, priority])
    }
  }
  return merges
}
