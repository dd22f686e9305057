// The passages that go to whoever answers: as many of the best as a budget of tokens allows, numbered, no sentence twice.
import { approximateTokens, type Count } from '../chunk/chunk.ts'
import { fixedChunker } from '../chunk/plain.ts'
import { RagArgumentError } from '../errors.ts'
import type { Metadata } from '../stores/filter.ts'
import type { Hit } from '../stores/store.ts'

/** A stretch of a document with the number by which it is cited. */
export interface Passage {
  readonly number: number
  readonly id: string
  readonly version: number
  readonly text: string
  readonly span: readonly [start: number, end: number]
  readonly metadata: Metadata
  readonly source?: string
  readonly title?: string
}

export interface PackOptions {
  /** Tokens of all passages together, what is around them included. Default 2000. */
  readonly budget?: number
  /** Default: `approximateTokens`. */
  readonly count?: Count
  /** What each passage costs beside its text. Default 40. */
  readonly overhead?: number
  /** How many passages at most. Default: as many as fit. */
  readonly most?: number
}

/**
 * Packs passages into a budget in their order; one that overlaps an earlier one of the same document becomes one with it, one that
 * does not fit is left out, and the first is cut if it has to be.
 * @throws RagArgumentError
 */
export function packContext(hits: readonly Hit[], options: PackOptions = {}): Passage[] {
  const { budget = 2000, count = approximateTokens, overhead = 40, most = Number.POSITIVE_INFINITY } = options
  if (!(budget > overhead))
    throw new RagArgumentError('packContext', `budget is ${budget}`, `give more than the overhead, ${overhead}`)
  const packed: Passage[] = []
  const costs: number[] = []
  let spent = 0
  for (const { id, version, text, span, metadata, source, title } of hits) {
    const near = packed.findIndex(
      one => one.id === id && one.version === version && one.span[0] <= span[1] && span[0] <= one.span[1],
    )
    const merged = near >= 0 ? joined(packed[near], text, span) : undefined
    if (merged) {
      const cost = count(merged.text) + overhead
      if (spent - costs[near] + cost > budget) continue
      spent += cost - costs[near]
      costs[near] = cost
      packed[near] = merged
      continue
    }
    if (packed.length >= most) continue
    let own = { text, span }
    let cost = count(text) + overhead
    if (packed.length === 0 && cost > budget) {
      const [first] = fixedChunker({ size: budget - overhead, count })({ text }) as {
        text: string
        span: readonly [number, number]
      }[]
      if (!first) continue
      own = { text: first.text, span: [span[0] + first.span[0], span[0] + first.span[1]] }
      cost = count(first.text) + overhead
    }
    if (spent + cost > budget) continue
    spent += cost
    costs.push(cost)
    packed.push({
      number: packed.length + 1,
      id,
      version,
      ...own,
      metadata,
      ...(source !== undefined && { source }),
      ...(title !== undefined && { title }),
    })
  }
  return packed
}

/** Two overlapping stretches as one, the metadata that of the one that begins first. */
function joined(passage: Passage, text: string, [start, end]: readonly [number, number]): Passage {
  const [from, to] = passage.span
  if (start >= from && end <= to) return passage
  const head = start < from ? text.slice(0, from - start) : ''
  const tail = end > to ? text.slice(to - start) : ''
  const { line } = passage.metadata
  const known: Metadata = typeof line === 'number' ? { line: line - (head.split('\n').length - 1) } : {}
  return {
    ...passage,
    metadata: { ...passage.metadata, ...known },
    text: head + passage.text + tail,
    span: [Math.min(from, start), Math.max(to, end)],
  }
}
