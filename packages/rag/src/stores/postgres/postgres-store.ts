// The store on PostgreSQL with pgvector: documents as rows, vectors searched by pgvector, words by BM25 over a table of postings
// (PostgreSQL's own ranking knows no document frequencies). Filters and access are conditions of the same statement.

import type { Analyzer } from '../../analysis/analyzer.ts'
import { type Metric, normalized, type VectorLike } from '../../dense/vector.ts'
import { RagArgumentError, RagError } from '../../errors.ts'
import { type Bm25Options, formulaOf } from '../../lexical/bm25.ts'
import type { Interval } from '../currency.ts'
import { checkDocuments, checkSearch, readScope, type Search, type VectorSpace } from '../request.ts'
import { currentTimes, documentOf, hitOfRow, rowsOf, type StoredTimes } from '../rows.ts'
import type {
  Damage,
  DocumentHead,
  DocumentInput,
  Hit,
  ReadOptions,
  SearchRequest,
  Store,
  StoredDocument,
} from '../store.ts'
import { filterSql, Parameters, scopeSql } from './sql.ts'

/** What the store asks of a connection, whichever library makes it. */
export interface PostgresClient {
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Runs a body in one transaction, on one connection. */
  transaction<T>(body: (query: PostgresClient['query']) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface PostgresStoreParts {
  readonly kind: string
  readonly client: PostgresClient
  readonly space: VectorSpace
  readonly analyzer: Analyzer
  readonly bm25: Bm25Options | undefined
  /** What its tables' names begin with. */
  readonly prefix: string
}

type Query = PostgresClient['query']

const distances: Record<Metric, { operator: string; opclass: string; score: (distance: number) => number }> = {
  // Vectors of length 1: the product is the cosine.
  cosine: { operator: '<#>', opclass: 'vector_ip_ops', score: d => -d },
  dot: { operator: '<#>', opclass: 'vector_ip_ops', score: d => -d },
  l2: { operator: '<->', opclass: 'vector_l2_ops', score: d => -d * d },
}

/** pgvector indexes vectors of at most so many numbers; larger ones are compared one by one. */
const INDEXABLE = 2000

const normalizedFor = (metric: Metric, vector: VectorLike): VectorLike =>
  metric === 'cosine' ? normalized(vector) : vector

const literal = (vector: ArrayLike<number>): string => `[${Array.from(vector).join(',')}]`

export class PostgresStore implements Store {
  readonly kind: string
  private readonly parts: PostgresStoreParts
  private readonly chunks: string
  private readonly postings: string
  private readonly settings: string
  private open = true

  constructor(parts: PostgresStoreParts) {
    this.parts = parts
    this.kind = parts.kind
    if (!/^[a-z_][a-z0-9_]{0,40}$/.test(parts.prefix))
      throw new RagArgumentError(
        'open',
        `the prefix is ${JSON.stringify(parts.prefix)}`,
        'use a-z, 0-9 and _, at most 41',
      )
    this.chunks = `${parts.prefix}_chunks`
    this.postings = `${parts.prefix}_postings`
    this.settings = `${parts.prefix}_settings`
  }

  /** Makes the tables if they are not there, and holds them to the options. */
  async prepare(): Promise<void> {
    const { client, space, analyzer } = this.parts
    const { chunks, postings, settings } = this
    await client.transaction(async query => {
      // Two programs that begin at the same time would both make the tables.
      await query('SELECT pg_advisory_xact_lock(hashtext($1))', [chunks])
      if (space.dimensions !== undefined) await query('CREATE EXTENSION IF NOT EXISTS vector')
      await query(`CREATE TABLE IF NOT EXISTS ${settings} (name text PRIMARY KEY, value jsonb NOT NULL)`)
      await query(`CREATE TABLE IF NOT EXISTS ${chunks} (
        row bigserial PRIMARY KEY, document text NOT NULL, version bigint NOT NULL, chunk integer NOT NULL, stretch integer NOT NULL,
        current_from float8 NOT NULL, current_until float8 NOT NULL, valid_from float8 NOT NULL, valid_until float8 NOT NULL,
        open boolean NOT NULL, principals text[] NOT NULL, metadata jsonb NOT NULL, body text NOT NULL, length integer NOT NULL
        ${space.dimensions === undefined ? '' : `, vector vector(${space.dimensions})`},
        UNIQUE (document, version, chunk, stretch))`)
      await query(`CREATE TABLE IF NOT EXISTS ${postings} (term text NOT NULL, row bigint NOT NULL REFERENCES ${chunks} ON DELETE CASCADE,
        count integer NOT NULL, PRIMARY KEY (term, row))`)
      await query(`CREATE INDEX IF NOT EXISTS ${postings}_row ON ${postings} (row)`)
      await query(`CREATE INDEX IF NOT EXISTS ${chunks}_metadata ON ${chunks} USING gin (metadata)`)
      if (space.dimensions !== undefined && space.dimensions <= INDEXABLE)
        await query(
          `CREATE INDEX IF NOT EXISTS ${chunks}_vector ON ${chunks} USING hnsw (vector ${distances[space.metric].opclass})`,
        )
      const wanted = { dimensions: space.dimensions ?? null, metric: space.metric, analyzer: analyzer.settings }
      await query(`INSERT INTO ${settings} VALUES ('settings', $1::text::jsonb) ON CONFLICT DO NOTHING`, [
        JSON.stringify(wanted),
      ])
      const [{ same, value }] = await query(
        `SELECT value = $1::text::jsonb AS same, value::text FROM ${settings} WHERE name = 'settings'`,
        [JSON.stringify(wanted)],
      )
      if (!same)
        throw new RagArgumentError(
          'open',
          `the tables ${chunks} were made with other settings: ${String(value).slice(0, 80)}...`,
          'give the same dimensions, metric and analyzer, or another prefix',
        )
    })
  }

  async put(documents: readonly DocumentInput[]): Promise<void> {
    this.check('put')
    checkDocuments(documents, this.parts.space)
    const byId = Map.groupBy(documents, document => document.id)
    await this.parts.client.transaction(async query => {
      await this.lock(query)
      for (const [id, versions] of byId) {
        const there = (await this.versionsOf(query, id)).filter(
          old => !versions.some(({ version = 0 }) => version === old.version),
        )
        await query(`DELETE FROM ${this.chunks} WHERE document = $1 AND version = ANY($2::bigint[])`, [
          id,
          versions.map(({ version = 0 }) => version),
        ])
        const times = currentTimes(there, versions)
        for (const document of versions) await this.insert(query, document, times.get(document.version ?? 0)!)
        for (const { version } of there) await this.retime(query, id, version, times.get(version)!)
      }
    })
  }

  /** Writers come one after the other: when a version is current depends on the others. */
  private async lock(query: Query): Promise<void> {
    await query('SELECT pg_advisory_xact_lock(hashtext($1))', [this.chunks])
  }

  private async versionsOf(query: Query, id: string): Promise<StoredTimes[]> {
    const rows = await query(
      `SELECT DISTINCT version::float8 AS version, valid_from, valid_until FROM ${this.chunks} WHERE document = $1`,
      [id],
    )
    return rows.map(row => ({
      version: Number(row.version),
      validFrom: Number(row.valid_from),
      validUntil: Number(row.valid_until),
    }))
  }

  private async insert(query: Query, document: DocumentInput, current: readonly Interval[]): Promise<void> {
    const { space, analyzer } = this.parts
    for (const row of rowsOf(document, current, space.metric)) {
      const terms = analyzer.terms(row.text)
      const values: unknown[] = [
        row.document,
        row.version,
        row.chunk,
        row.stretch,
        row.currentFrom,
        row.currentUntil,
        row.validFrom,
        row.validUntil,
        row.open,
        row.principals,
        JSON.stringify(row.metadata),
        row.body,
        terms.length,
      ]
      const withVector = space.dimensions !== undefined
      if (withVector) values.push(row.vector ? literal(row.vector) : null)
      const [{ row: number }] = await query(
        `INSERT INTO ${this.chunks} (document, version, chunk, stretch, current_from, current_until, valid_from, valid_until, open,
          principals, metadata, body, length${withVector ? ', vector' : ''})
         VALUES ($1, $2::bigint, $3, $4, $5::float8, $6::float8, $7::float8, $8::float8, $9, $10::text[], $11::text::jsonb, $12, $13${withVector ? ', $14::text::vector' : ''})
         RETURNING row::text`,
        values,
      )
      const counts = new Map<string, number>()
      for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1)
      if (counts.size)
        await query(
          `INSERT INTO ${this.postings} SELECT term, $1::bigint, count FROM unnest($2::text[], $3::int[]) AS t(term, count)`,
          [number, [...counts.keys()], [...counts.values()]],
        )
    }
  }

  /** Rewrites when a version is current. Its rows are copied for each stretch, with their postings. */
  private async retime(query: Query, id: string, version: number, current: readonly Interval[]): Promise<void> {
    const { chunks, postings } = this
    const which = [id, version]
    await query(`DELETE FROM ${chunks} WHERE document = $1 AND version = $2::bigint AND stretch > 0`, which)
    const [from, until] = current[0] ?? [8.64e15, 8.64e15]
    await query(
      `UPDATE ${chunks} SET current_from = $3::float8, current_until = $4::float8 WHERE document = $1 AND version = $2::bigint`,
      [...which, from, until],
    )
    const vector = this.parts.space.dimensions === undefined ? '' : ', vector'
    for (let stretch = 1; stretch < current.length; stretch++) {
      await query(
        `INSERT INTO ${chunks} (document, version, chunk, stretch, current_from, current_until, valid_from, valid_until, open,
          principals, metadata, body, length${vector})
         SELECT document, version, chunk, $3::int, $4::float8, $5::float8, valid_from, valid_until, open, principals, metadata, body,
          length${vector} FROM ${chunks} WHERE document = $1 AND version = $2::bigint AND stretch = 0`,
        [...which, stretch, ...current[stretch]],
      )
      await query(
        `INSERT INTO ${postings} SELECT p.term, n.row, p.count FROM ${chunks} n JOIN ${chunks} o
           ON o.document = n.document AND o.version = n.version AND o.chunk = n.chunk AND o.stretch = 0
         JOIN ${postings} p ON p.row = o.row WHERE n.document = $1 AND n.version = $2::bigint AND n.stretch = $3::int`,
        [...which, stretch],
      )
    }
  }

  async delete(documents: readonly (string | { id: string; version: number })[]): Promise<number> {
    this.check('delete')
    return this.parts.client.transaction(async query => {
      await this.lock(query)
      let count = 0
      for (const which of documents) {
        const id = typeof which === 'string' ? which : which.id
        const version = typeof which === 'string' ? null : which.version
        const [{ gone }] = await query(
          `WITH gone AS (DELETE FROM ${this.chunks} WHERE document = $1 AND ($2::bigint IS NULL OR version = $2::bigint) RETURNING version)
           SELECT count(DISTINCT version)::int AS gone FROM gone`,
          [id, version],
        )
        count += Number(gone)
        if (version === null) continue
        const left = await this.versionsOf(query, id)
        const times = currentTimes(left, [])
        for (const { version: other } of left) await this.retime(query, id, other, times.get(other)!)
      }
      return count
    })
  }

  async get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined> {
    this.check('get')
    const parameters = new Parameters()
    const document = parameters.add(id)
    const scope = scopeSql(readScope('get', options), parameters)
    const rows = await this.parts.client.query(
      `SELECT body FROM (SELECT body, chunk, version, max(version) OVER () AS newest FROM ${this.chunks} c
        WHERE document = ${document} AND ${scope}) v WHERE version = newest ORDER BY chunk`,
      parameters.values,
    )
    return rows.length ? documentOf(rows.map(row => row.body as string)) : undefined
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.check('search')
    const search = checkSearch(request, this.parts.space)
    return search.vector === undefined ? this.searchWords(search) : this.searchVectors(search)
  }

  private condition(search: Search, parameters: Parameters): string {
    const filter = search.filter === undefined ? 'true' : filterSql(search.filter, parameters)
    return `c.chunk >= 0 AND ${scopeSql(search, parameters)} AND ${filter}`
  }

  private async searchVectors(search: Search): Promise<Hit[]> {
    const parameters = new Parameters()
    const { metric } = this.parts.space
    const { operator, score } = distances[metric]
    const vector = parameters.add(literal(normalizedFor(metric, search.vector!)))
    const condition = this.condition(search, parameters)
    const distance = `c.vector ${operator} ${vector}::text::vector`
    const sql = `SELECT c.body, c.chunk, ${distance} AS distance FROM ${this.chunks} c
      WHERE c.vector IS NOT NULL AND ${condition} ORDER BY ${distance} LIMIT ${parameters.add(search.k)}::int`
    const rows = await this.parts.client.transaction(async query => {
      // The graph is walked on until enough rows pass the conditions, in order.
      await query('SET LOCAL hnsw.iterative_scan = strict_order')
      await query(`SET LOCAL hnsw.ef_search = ${Math.min(1000, Math.max(100, search.k))}`)
      return query(sql, parameters.values)
    })
    return rows.map(row => hitOfRow(row.body as string, Number(row.chunk), score(Number(row.distance))))
  }

  private async searchWords(search: Search): Promise<Hit[]> {
    const counts = new Map<string, number>()
    for (const term of this.parts.analyzer.terms(search.text!)) counts.set(term, (counts.get(term) ?? 0) + 1)
    if (counts.size === 0) return []
    const { k1, b, scale, inside, outside, idf } = formulaOf(this.parts.bm25)
    const terms = [...counts.keys()]
    const statistics = await this.parts.client.query(
      `SELECT (SELECT count(*) FROM ${this.chunks} WHERE stretch = 0 AND chunk >= 0)::int AS n,
        (SELECT avg(length) FROM ${this.chunks} WHERE stretch = 0 AND chunk >= 0)::float8 AS average,
        t.term, (SELECT count(*) FROM ${this.postings} p JOIN ${this.chunks} c USING (row) WHERE p.term = t.term AND c.stretch = 0)::int AS documents
       FROM unnest($1::text[]) AS t(term)`,
      [terms],
    )
    const known = statistics.filter(row => Number(row.documents) > 0)
    if (known.length === 0) return []
    const weights = known.map(row => counts.get(row.term as string)! * idf(Number(row.documents), Number(row.n)))
    const parameters = new Parameters()
    const list = `unnest(${parameters.add(known.map(row => row.term))}::text[], ${parameters.add(weights)}::float8[]) AS t(term, weight)`
    const number = (value: number): string => `${parameters.add(value)}::float8`
    const length = `(1 - ${number(b)} + ${number(b)} * c.length / ${number(Math.max(Number(known[0].average), 1e-9))})`
    const frequency = `(p.count / ${length} + ${number(inside)})`
    const score = `sum(t.weight * (${number(scale)} * ${frequency} / (${frequency} + ${number(k1)}) + ${number(outside)}))`
    const rows = await this.parts.client.query(
      `SELECT c.body, c.chunk, ${score} AS score FROM ${list} JOIN ${this.postings} p USING (term) JOIN ${this.chunks} c USING (row)
       WHERE ${this.condition(search, parameters)} GROUP BY c.row ORDER BY score DESC, c.row LIMIT ${parameters.add(search.k)}::int`,
      parameters.values,
    )
    return rows.map(row => hitOfRow(row.body as string, Number(row.chunk), Number(row.score)))
  }

  async statistics() {
    this.check('statistics')
    const [row] = await this.parts.client.query(
      `SELECT count(DISTINCT document)::int AS documents, count(DISTINCT (document, version))::int AS versions,
        count(*) FILTER (WHERE chunk >= 0)::int AS chunks FROM ${this.chunks} WHERE stretch = 0`,
    )
    return { documents: Number(row.documents), versions: Number(row.versions), chunks: Number(row.chunks) }
  }

  async list(): Promise<DocumentHead[]> {
    this.check('list')
    const rows = await this.parts.client.query(`SELECT body FROM ${this.chunks} WHERE stretch = 0 AND chunk <= 0`)
    return rows.map(row => {
      const { chunks: _, ...head } = documentOf([row.body as string])
      return head
    })
  }

  async verify(): Promise<Damage[]> {
    this.check('verify')
    const rows = await this.parts.client.query(
      `SELECT document, version::float8 AS version, count(*) FILTER (WHERE chunk >= 0)::int AS there, max((body::jsonb ->> 'chunks')::int) AS wanted
       FROM ${this.chunks} WHERE stretch = 0 GROUP BY document, version
       HAVING count(*) FILTER (WHERE chunk >= 0) <> max((body::jsonb ->> 'chunks')::int)`,
    )
    return rows.map(row => ({
      what: `document ${JSON.stringify(row.document)} version ${row.version}`,
      problem: `${row.there} of its ${row.wanted} chunks are there`,
      repaired: false,
    }))
  }

  private check(op: string): void {
    if (!this.open) throw new RagError(`${op}: the store is closed`)
  }

  async close(): Promise<void> {
    if (!this.open) return
    this.open = false
    await this.parts.client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
