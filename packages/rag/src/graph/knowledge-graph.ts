// Entities, the triples between them, and where each was said: every fact leads back to a stretch of a document.
import type { Hit } from '../stores/store.ts'
import type { Extraction } from './extract.ts'

/** A passage by what identifies it in a store. */
export type PassageReference = Pick<Hit, 'id' | 'version' | 'chunk' | 'span'>

export interface Provenance {
  readonly passage: PassageReference
  /** In the document's text. */
  readonly span: readonly [start: number, end: number]
}

export interface Entity {
  /** As it is written most often. */
  readonly name: string
  readonly type: string
  readonly mentions: readonly Provenance[]
}

export interface Triple {
  readonly subject: string
  readonly relation: string
  readonly object: string
  readonly said: readonly Provenance[]
}

interface Node {
  readonly names: Map<string, number>
  readonly types: Map<string, number>
  readonly mentions: Provenance[]
}

/** What a name is known by: case and white space do not matter. */
export const keyOf = (name: string): string => name.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()

export const passageKey = ({ id, version, chunk }: Omit<PassageReference, 'span'>): string =>
  JSON.stringify([id, version, chunk])

/** How much two names in one sentence say beside a relation between them. */
const TOGETHER = 0.25

export class KnowledgeGraph {
  private readonly nodes = new Map<string, Node>()
  private readonly triples = new Map<
    string,
    { subject: string; relation: string; object: string; said: Provenance[] }
  >()
  /** Weights of the undirected edges. */
  private readonly edges = new Map<string, Map<string, number>>()
  private readonly passages = new Map<string, Set<string>>()

  get entityCount(): number {
    return this.nodes.size
  }

  get tripleCount(): number {
    return this.triples.size
  }

  /** Adds what was extracted from a passage. */
  add(passage: PassageReference, { entities, relations }: Extraction): void {
    const at = (span: readonly [number, number]): Provenance => ({
      passage,
      span: [passage.span[0] + span[0], passage.span[0] + span[1]],
    })
    const here = new Set<string>()
    const touch = (name: string, type: string | undefined, span: readonly [number, number] | undefined): string => {
      const key = keyOf(name)
      let node = this.nodes.get(key)
      if (!node) this.nodes.set(key, (node = { names: new Map(), types: new Map(), mentions: [] }))
      node.names.set(name, (node.names.get(name) ?? 0) + 1)
      if (type) node.types.set(type, (node.types.get(type) ?? 0) + 1)
      if (span) node.mentions.push(at(span))
      here.add(key)
      return key
    }
    for (const { name, type, span } of entities) touch(name, type, span)
    for (const { subject, relation, object, span } of relations) {
      const [from, to] = [touch(subject, undefined, undefined), touch(object, undefined, undefined)]
      const key = JSON.stringify([from, relation, to])
      const triple = this.triples.get(key)
      if (triple) triple.said.push(at(span))
      else this.triples.set(key, { subject: from, relation, object: to, said: [at(span)] })
      this.connect(from, to, 1)
    }
    // Neighbours in the text are near each other in the graph; all pairs of a long passage would say nothing.
    const ordered = [...entities].sort((a, b) => a.span[0] - b.span[0]).map(({ name }) => keyOf(name))
    for (let i = 1; i < ordered.length; i++) this.connect(ordered[i - 1], ordered[i], TOGETHER)
    const key = passageKey(passage)
    this.passages.set(key, (this.passages.get(key) ?? new Set()).union(here))
  }

  private connect(a: string, b: string, weight: number): void {
    if (a === b) return
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      let near = this.edges.get(from)
      if (!near) this.edges.set(from, (near = new Map()))
      near.set(to, (near.get(to) ?? 0) + weight)
    }
  }

  entity(name: string): Entity | undefined {
    const node = this.nodes.get(keyOf(name))
    return node && ({ name: most(node.names), type: most(node.types) ?? 'thing', mentions: node.mentions } as Entity)
  }

  /** The keys of all entities: their names in small letters. */
  keys(): string[] {
    return [...this.nodes.keys()]
  }

  nameOf(key: string): string {
    const node = this.nodes.get(key)
    return (node && most(node.names)) ?? key
  }

  neighbours(key: string): ReadonlyMap<string, number> {
    return this.edges.get(key) ?? new Map()
  }

  /** The triples, of one entity if it is named. */
  *facts(name?: string): Generator<Triple> {
    const key = name === undefined ? undefined : keyOf(name)
    for (const { subject, relation, object, said } of this.triples.values())
      if (key === undefined || subject === key || object === key)
        yield { subject: this.nameOf(subject), relation, object: this.nameOf(object), said }
  }

  /** The keys of the entities of a passage. */
  entitiesIn(passage: Omit<PassageReference, 'span'>): ReadonlySet<string> {
    return this.passages.get(passageKey(passage)) ?? new Set()
  }
}

/** What was counted most, of equal counts the first. */
const most = (counts: ReadonlyMap<string, number>): string | undefined =>
  [...counts].reduce<[string, number] | undefined>(
    (best, one) => (best && best[1] >= one[1] ? best : one),
    undefined,
  )?.[0]
