// From a question to passages: every form of the question by words and by vectors, fused, looked at again, newer ones first if wanted.
// Who may see what, and which version holds, is decided by the store inside of each search.
import type { ScoredDocument } from '@cairn/metrics'
import type { Embedder } from '../embedding/embedder.ts'
import { RagArgumentError } from '../errors.ts'
import { reciprocalRankFusion } from '../fusion/fuse.ts'
import { fuseByAgreement } from '../fusion/weights.ts'
import { type Reranker, rerank } from '../rerank/reranker.ts'
import type { Filter } from '../stores/filter.ts'
import type { Hit, ReadOptions, SearchRequest, Store } from '../stores/store.ts'
import type { Expansion, QueryExpander } from './expand-query.ts'

export interface RetrieveOptions extends ReadOptions {
  /** How many passages. Default 10. */
  readonly k?: number
  /** How many each search gives before they are fused. Default 50. */
  readonly depth?: number
  readonly filter?: Filter
  /** Left out, the search is by words only. */
  readonly embedder?: Embedder
  readonly reranker?: Reranker
  readonly expand?: readonly QueryExpander[]
  /** Prefers what is newer by a number of its metadata, in milliseconds since 1970. */
  readonly recency?: Recency
}

export interface Recency {
  /** Default `modified`, which `folderFiles` gives. */
  readonly field?: string
  /** The age in milliseconds at which a passage counts half. */
  readonly halfLife: number
  /** How much of a score age can take, from 0 to 1. Default 0.5. What has no date is taken for old. */
  readonly share?: number
}

/**
 * The best passages for a question, best first.
 * @throws RagArgumentError for options that make no sense; what the store throws
 */
export async function retrieve(store: Store, question: string, options: RetrieveOptions = {}): Promise<Hit[]> {
  const { k = 10, depth = 50, embedder, reranker, expand = [], recency, filter, access, at, versions } = options
  if (!(Number.isInteger(k) && k >= 1))
    throw new RagArgumentError('retrieve', `k is ${k}`, 'give a whole number from 1 up')
  checkRecency(recency)
  const scope = { k: Math.max(k, depth), filter, access, at, versions }
  const found = new Map<string, Hit>()
  const searched = async (request: SearchRequest): Promise<ScoredDocument[]> =>
    (await store.search(request)).map(hit => {
      const id = JSON.stringify([hit.id, hit.version, hit.chunk])
      found.set(id, hit)
      return { id, score: hit.score }
    })
  const more = (await Promise.all(expand.map(expander => expander(question)))).flat()
  const forms: Expansion[] = [{ text: question, kind: 'query' }, ...more]
  const rankings: ScoredDocument[][] = []
  for (const { text, kind } of forms) {
    const byWords = await searched({ ...scope, text })
    if (!embedder) rankings.push(byWords)
    else {
      const vector = await embedder.embed([text], kind)
      // Of a text of which nothing is known there is no meaning to search for.
      const byMeaning = vector.some(value => value !== 0) ? await searched({ ...scope, vector }) : []
      rankings.push(
        byWords.length && byMeaning.length
          ? fuseByAgreement([byWords, byMeaning])
          : byWords.length
            ? byWords
            : byMeaning,
      )
    }
  }
  let ranking = rankings.length === 1 ? rankings[0] : reciprocalRankFusion(rankings)
  if (reranker) ranking = await rerank(question, ranking, ({ id }) => found.get(id)!.text, reranker, { depth })
  const hits = ranking.map(({ id, score }) => ({ ...found.get(id)!, score }))
  return (recency ? newerFirst(hits, recency, at ?? Date.now()) : hits).slice(0, k)
}

function checkRecency(recency: Recency | undefined): void {
  if (!recency) return
  const { halfLife, share = 0.5 } = recency
  if (!(halfLife > 0))
    throw new RagArgumentError('retrieve', `recency.halfLife is ${halfLife}`, 'give milliseconds above 0')
  if (!(share >= 0 && share <= 1))
    throw new RagArgumentError('retrieve', `recency.share is ${share}`, 'give a number from 0 to 1')
}

/** Scores, brought to 0 to 1, less what age takes. */
function newerFirst(hits: readonly Hit[], { field = 'modified', halfLife, share = 0.5 }: Recency, now: number): Hit[] {
  const scores = hits.map(({ score }) => score)
  const most = scores.reduce((a, b) => Math.max(a, b), 0)
  const least = scores.reduce((a, b) => Math.min(a, b), 0)
  return hits
    .map(hit => {
      const date = hit.metadata[field]
      const fresh = typeof date === 'number' ? 2 ** -(Math.max(0, now - date) / halfLife) : 0
      const unit = most > least ? (hit.score - least) / (most - least) : 1
      return { ...hit, score: unit * (1 - share + share * fresh) }
    })
    .sort((a, b) => b.score - a.score)
}

/**
 * Passages with the wider stretch that their chunker gave as context (`contextStart`, `contextEnd`), put together from the other
 * chunks of the document. What cannot be seen, or is not the same version any more, stays as it is.
 */
export async function withContext(store: Store, hits: readonly Hit[], scope: ReadOptions = {}): Promise<Hit[]> {
  return Promise.all(
    hits.map(async hit => {
      const { contextStart: start, contextEnd: end } = hit.metadata
      if (typeof start !== 'number' || typeof end !== 'number') return hit
      const document = await store.get(hit.id, scope)
      if (document?.version !== hit.version) return hit
      let text = ''
      let at = start
      for (const chunk of [...document.chunks].sort((a, b) => a.span[0] - b.span[0])) {
        const [from, to] = [Math.max(chunk.span[0], at), Math.min(chunk.span[1], end)]
        if (to <= from) continue
        // Between chunks there was nothing but white space.
        text +=
          (from - at > 1 ? '\n' : ' ').repeat(from - at) + chunk.text.slice(from - chunk.span[0], to - chunk.span[0])
        at = to
      }
      return at > start ? { ...hit, text, span: [start, at] as const } : hit
    }),
  )
}
