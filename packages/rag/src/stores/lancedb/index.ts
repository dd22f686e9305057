// The store on LanceDB, a columnar format in a folder or an object store: `@cairn/rag/lancedb`. Vectors and words are searched by
// LanceDB, with conditions that it applies before it searches. A change is one commit of the table: the rows of the documents that
// it touches are replaced by one merge.

import type { Connection, Table } from '@lancedb/lancedb'
import { Analyzer, createAnalyzer } from '../../analysis/analyzer.ts'
import { checkDimensions, checkMetric, normalized } from '../../dense/vector.ts'
import { RagArgumentError } from '../../errors.ts'
import { fact, factsOf, numbersOf, plainName, presence } from '../facts.ts'
import { bounds, boundsOf, type Filter } from '../filter.ts'
import type { LocalStoreOptions } from '../memory.ts'
import { checkSearch, type ReadScope, type Search, type VectorSpace } from '../request.ts'
import { type Change, type HeadRow, RowStore } from '../row-store.ts'
import { type ChunkRow, fieldsOf, hitOfRow, type RowFields } from '../rows.ts'
import type { Hit, SearchRequest, Store } from '../store.ts'

export interface LanceStoreOptions extends Omit<LocalStoreOptions, 'hnsw' | 'bm25'> {
  /** The table's name. Default: `chunks`. */
  readonly table?: string
}

/** A row of the table. Metadata are words in `facts` for equality, and columns of their own for bounds. */
interface LanceRow extends RowFields {
  readonly facts: string[]
  readonly terms: string
  readonly vector?: number[] | null
  readonly [column: `number_${string}`]: number | null
}

/** Rows that wait outside the index of words until it is brought up to date. */
const OPTIMIZE_EVERY = 64

/**
 * Opens the store in a folder (or at an address that LanceDB knows), making its table if it is not there.
 * @throws RagArgumentError if the table was made with other options
 */
export async function openLanceStore(path: string, options: LanceStoreOptions = {}): Promise<Store> {
  const { dimensions, metric = 'cosine', analyzer, table: name = 'chunks' } = options
  if (dimensions !== undefined) checkDimensions('openLanceStore', dimensions)
  checkMetric('openLanceStore', metric)
  const lancedb = await import('@lancedb/lancedb')
  const made = analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer)
  const db = await lancedb.connect(path)
  const settings = JSON.stringify({ dimensions: dimensions ?? null, metric, analyzer: made.settings })
  const there = (await db.tableNames()).includes(name)
  const table = there ? await db.openTable(name) : await createTable(db, name, dimensions, settings)
  const schema = await table.schema()
  if (schema.metadata.get('cairn') !== settings) {
    db.close()
    throw new RagArgumentError(
      'openLanceStore',
      `the table ${name} was made with other settings`,
      'give the same dimensions, metric and analyzer, or another table',
    )
  }
  const numbers = schema.fields.map(field => field.name).filter(column => column.startsWith('number_'))
  const match = (terms: string) => new lancedb.MatchQuery(terms, 'terms')
  return new LanceStore(db, table, { dimensions, metric }, made, new Set(numbers), match)
}

async function createTable(
  db: Connection,
  name: string,
  dimensions: number | undefined,
  settings: string,
): Promise<Table> {
  const { Index } = await import('@lancedb/lancedb')
  const { Bool, Field, FixedSizeList, Float32, Float64, Int32, List, Schema, Utf8 } = await import('apache-arrow')
  const column = (field: string, type: InstanceType<typeof Utf8 | typeof Float64 | typeof Int32 | typeof Bool>) =>
    new Field(field, type, false)
  const words = (field: string) => new Field(field, new List(new Field('item', new Utf8(), true)), false)
  const fields: InstanceType<typeof Field>[] = [
    ...['key', 'document', 'terms', 'body'].map(field => column(field, new Utf8())),
    ...['version', 'current_from', 'current_until', 'valid_from', 'valid_until'].map(field =>
      column(field, new Float64()),
    ),
    ...['chunk', 'stretch'].map(field => column(field, new Int32())),
    column('open', new Bool()),
    words('principals'),
    words('facts'),
  ]
  if (dimensions !== undefined)
    fields.push(new Field('vector', new FixedSizeList(dimensions, new Field('item', new Float32(), true)), true))
  const table = await db.createEmptyTable(name, new Schema(fields, new Map([['cairn', settings]])))
  // Terms are cut and stemmed already.
  const plain = { stem: false, removeStopWords: false, lowercase: false, asciiFolding: false, withPosition: false }
  await table.createIndex('terms', {
    config: Index.fts({ baseTokenizer: 'whitespace', maxTokenLength: 1000, ...plain }),
  })
  return table
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

const numberColumn = (plain: string): `number_${string}` => `number_${plain}`

const real = (value: number): string => `CAST('${value}' AS DOUBLE)`

class LanceStore extends RowStore<LanceRow> {
  readonly kind = 'lancedb'
  private readonly db: Connection
  private readonly table: Table
  private readonly analyzer: Analyzer
  private readonly numbers: Set<string>
  private readonly match: (terms: string) => import('@lancedb/lancedb').MatchQuery
  private commits = 0

  constructor(
    db: Connection,
    table: Table,
    space: VectorSpace,
    analyzer: Analyzer,
    numbers: Set<string>,
    match: (terms: string) => import('@lancedb/lancedb').MatchQuery,
  ) {
    super(space)
    this.db = db
    this.table = table
    this.analyzer = analyzer
    this.numbers = numbers
    this.match = match
  }

  /** One commit: the documents' rows are these. */
  protected async replace(changes: readonly Change<LanceRow>[]): Promise<void> {
    const where = `document IN (${changes.map(({ id }) => quoted(id)).join(', ')})`
    const rows = changes.flatMap(({ after }) => after)
    const columns = new Set(rows.flatMap(row => Object.keys(row).filter(name => name.startsWith('number_'))))
    const missing = [...columns].filter(name => !this.numbers.has(name))
    if (missing.length) {
      await this.table.addColumns(missing.map(name => ({ name, valueSql: 'CAST(NULL AS DOUBLE)' })))
      for (const name of missing) this.numbers.add(name)
    }
    if (rows.length === 0) await this.table.delete(where)
    else {
      const blank = Object.fromEntries([...this.numbers].map(name => [name, null]))
      await this.table
        .mergeInsert('key')
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .whenNotMatchedBySourceDelete({ where })
        .execute(rows.map(row => ({ ...blank, ...row })) as Record<string, unknown>[])
    }
    if (++this.commits % OPTIMIZE_EVERY === 0) await this.table.optimize()
  }

  protected made(row: ChunkRow): LanceRow {
    return {
      ...fieldsOf(row),
      facts: factsOf(row.metadata),
      terms: this.analyzer.terms(row.text).join(' '),
      ...(this.space.dimensions !== undefined && { vector: row.vector ? Array.from(row.vector) : null }),
      ...Object.fromEntries(
        Object.entries(numbersOf(row.metadata)).map(([name, value]) => [numberColumn(name), value]),
      ),
    }
  }

  protected fields(row: LanceRow): RowFields {
    return row
  }

  protected with(row: LanceRow, fields: Partial<RowFields>): LanceRow {
    return { ...row, ...fields }
  }

  protected rowsOf(id: string) {
    return this.rowsWhere(`document = ${quoted(id)}`)
  }

  protected seen(id: string, scope: ReadScope) {
    return this.rowsWhere(`document = ${quoted(id)} AND ${scopeSql(scope)}`)
  }

  private async rowsWhere(where: string): Promise<LanceRow[]> {
    const rows = (await this.table.query().where(where).toArray()) as Record<string, unknown>[]
    return rows.map(row => {
      const plain: Record<string, unknown> = { ...row }
      for (const name of ['principals', 'facts', 'vector'] as const)
        if (plain[name] !== undefined && plain[name] !== null)
          plain[name] = Array.from(plain[name] as Iterable<unknown>)
      return plain as unknown as LanceRow
    })
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.check('search')
    const search = checkSearch(request, this.space)
    const { metric } = this.space
    if (search.vector !== undefined) {
      const vector = metric === 'cosine' ? normalized(search.vector) : Float32Array.from(search.vector)
      const rows = await this.table
        .query()
        .nearestTo(vector)
        .distanceType(metric === 'l2' ? 'l2' : 'dot')
        .where(`vector IS NOT NULL AND ${this.condition(search)}`)
        .limit(search.k)
        .select(['body', 'chunk', '_distance'])
        .toArray()
      // LanceDB's distance of products is 1 - q.x, and its l2 is squared.
      return rows.map(row => hitOfRow(row.body, row.chunk, metric === 'l2' ? -row._distance : 1 - row._distance))
    }
    const terms = this.analyzer.terms(search.text!)
    if (terms.length === 0) return []
    const rows = await this.table
      .query()
      .fullTextSearch(this.match(terms.join(' ')))
      .where(this.condition(search))
      .limit(search.k)
      .select(['body', 'chunk', '_score'])
      .toArray()
    return rows.map(row => hitOfRow(row.body, row.chunk, row._score))
  }

  private condition(search: Search): string {
    const filter = search.filter === undefined ? 'true' : this.filterSql(search.filter)
    return `chunk >= 0 AND ${scopeSql(search)} AND ${filter}`
  }

  private filterSql(filter: Filter): string {
    if ('and' in filter) return filter.and.length ? `(${filter.and.map(f => this.filterSql(f)).join(' AND ')})` : 'true'
    if ('or' in filter) return filter.or.length ? `(${filter.or.map(f => this.filterSql(f)).join(' OR ')})` : 'false'
    if ('not' in filter) return `(NOT ${this.filterSql(filter.not)})`
    const has = (text: string): string => `array_has(facts, ${quoted(text)})`
    if ('exists' in filter) return filter.exists ? has(presence(filter.field)) : `(NOT ${has(presence(filter.field))})`
    if ('is' in filter) return has(fact(filter.field, filter.is))
    if ('in' in filter)
      return filter.in.length ? `(${filter.in.map(value => has(fact(filter.field, value))).join(' OR ')})` : 'false'
    const column = numberColumn(plainName(filter.field))
    if (!this.numbers.has(column)) return 'false'
    const conditions = boundsOf(filter).map(([name, bound]) => `${column} ${bounds[name]} ${real(bound)}`)
    return `(${column} IS NOT NULL AND ${conditions.join(' AND ')})`
  }

  protected async heads(): Promise<HeadRow[]> {
    return this.table.query().where('stretch = 0').select(['document', 'version', 'chunk']).toArray()
  }

  protected bodies() {
    return this.rowsWhere('stretch = 0')
  }

  protected end(): void {
    this.table.close()
    this.db.close()
  }
}

function scopeSql({ access, at, versions }: ReadScope): string {
  const moment = real(at)
  const time = {
    newest: `current_from <= ${moment} AND current_until > ${moment}`,
    valid: `stretch = 0 AND valid_from <= ${moment} AND valid_until > ${moment}`,
    all: 'stretch = 0',
  }[versions]
  if (access === 'unrestricted') return time
  const held = access.map(name => ` OR array_has(principals, ${quoted(name)})`).join('')
  return `${time} AND (open${held})`
}
