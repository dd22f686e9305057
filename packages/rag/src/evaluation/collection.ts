// Test collections in the formats in which they are passed around: TREC documents and topics (SGML or XML), the SMART files of the
// classic collections (Cranfield, CACM, CISI, MED), BEIR's JSON lines and TSV, qrels of TREC, of BEIR and with three columns.
import { RagFormatError } from '../errors.ts'

export interface CollectionDocument {
  id: string
  title: string
  text: string
}

export interface CollectionQuery {
  id: string
  text: string
  /** What a good answer says, where the collection has one (JSON lines with `answer`; of several the first). */
  answer?: string
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return entities[name.toLowerCase()] ?? whole
    const point = decimal !== undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

const tidy = (text: string): string =>
  decode(text.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()

/** The elements of a record, in order: `<name> content </name>`, or `<name> content` up to the next element, as in TREC topics. */
function elements(record: string): { name: string; content: string }[] {
  const found: { name: string; content: string }[] = []
  const open = /<([a-z][\w-]*)(?:\s[^>]*)?>/gi
  for (let match = open.exec(record); match; match = open.exec(record)) {
    const name = match[1].toLowerCase()
    const rest = record.slice(open.lastIndex)
    const close = rest.search(new RegExp(`</${name}\\s*>`, 'i'))
    const end = close >= 0 ? close : rest.search(/<[a-z/]/i)
    const content = end >= 0 ? rest.slice(0, end) : rest
    found.push({ name, content })
    open.lastIndex += content.length
  }
  return found
}

interface Element {
  /** What stands in the opening tag behind the name. */
  readonly attributes: string
  readonly content: string
}

/** The elements of a name; one that is not closed ends where the next begins, or at the end of the text. */
function records(text: string, name: string): Element[] {
  const openings = [...text.matchAll(new RegExp(`<${name}(\\s[^>]*)?>`, 'gi'))]
  return openings.map((opening, i) => {
    const rest = text.slice(opening.index + opening[0].length, openings[i + 1]?.index)
    const close = rest.search(new RegExp(`</${name}\\s*>`, 'i'))
    return { attributes: opening[1] ?? '', content: close >= 0 ? rest.slice(0, close) : rest }
  })
}

/** The elements of the first of some names that occurs. */
function firstRecords(text: string, names: readonly string[]): Element[] {
  const name = names.find(candidate => new RegExp(`<${candidate}[\\s>]`, 'i').test(text))
  return name ? records(text, name) : []
}

/** The value of one of some attributes. */
function attribute(attributes: string, names: string): string {
  return new RegExp(`\\b(?:${names})\\s*=\\s*["']?([^"'\\s>]+)`, 'i').exec(attributes)?.[1] ?? ''
}

/** Names of what is no text of a document. */
const unread = new Set([
  'docno',
  'docid',
  'id',
  'no',
  'author',
  'authors',
  'bib',
  'date',
  'year',
  'filename',
  'source',
  'url',
])
const titles = new Set(['title', 'ti', 'head', 'headline', 'hl'])

const documentNames = ['doc', 'document', 'article', 'record', 'passage']
const idNames = new Set(['docno', 'docid', 'id'])

function trecDocuments(text: string): CollectionDocument[] {
  return firstRecords(text, documentNames).map(({ attributes, content: record }, i) => {
    const parts = elements(record)
    const named = parts.find(({ name }) => idNames.has(name))
    const id = named ? tidy(named.content) : attribute(attributes, 'docno|docid|id')
    if (id === '') throw new RagFormatError('TREC documents', `document ${i + 1}`, 'it has no DOCNO')
    const join = (wanted: (name: string) => boolean) =>
      parts
        .filter(({ name }) => wanted(name))
        .map(({ content }) => tidy(content))
        .join(' ')
        .trim()
    const title = join(name => titles.has(name))
    const body = join(name => !titles.has(name) && !unread.has(name))
    // Text that stands in no element of its own.
    const bare = title === '' && body === '' && !parts.some(({ name }) => !idNames.has(name))
    const without = bare && named ? record.replace(named.content, ' ') : record
    return { id, title, text: bare ? tidy(without) : body }
  })
}

function trecTopics(text: string): CollectionQuery[] {
  const label = /^(?:number|topic|description|narrative)\s*:\s*/i
  return firstRecords(text, ['top', 'topic', 'query', 'doc']).map(({ attributes, content: record }, i) => {
    const parts = elements(record)
    const of = (...names: string[]) => {
      for (const wanted of names) {
        const content = tidy(parts.find(({ name }) => name === wanted)?.content ?? '').replace(label, '')
        if (content !== '') return content
      }
      return ''
    }
    const id = of('num', 'number', 'docno', 'id', 'qid', 'no') || attribute(attributes, 'number|num|id|qid|query-id')
    if (id === '') throw new RagFormatError('TREC topics', `topic ${i + 1}`, 'it has no number')
    return {
      id,
      text: of('title', 'text', 'desc', 'description', 'query', 'narr') || tidy(record.replace(/<num>[^<]*/i, '')),
    }
  })
}

/** SMART: `.I 1`, then `.T`, `.A`, `.B`, `.W` ... each followed by lines. */
function smartRecords(text: string): { id: string; parts: Map<string, string> }[] {
  return text
    .split(/^\.I\s+/m)
    .slice(1)
    .map(record => {
      const [first, ...lines] = record.split('\n')
      const parts = new Map<string, string>()
      let part = ''
      for (const line of lines) {
        const begins = /^\.([A-Z])\s*$/.exec(line)
        if (begins) part = begins[1]
        else if (part) parts.set(part, `${parts.get(part) ?? ''} ${line}`.trim())
      }
      return { id: first.trim(), parts }
    })
}

function jsonLines(text: string, format: string): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return
    try {
      rows.push(JSON.parse(line))
    } catch {
      throw new RagFormatError(format, `line ${i + 1}`, 'it is not JSON')
    }
  })
  return rows
}

const idOf = (row: Record<string, unknown>): string => String(row._id ?? row.id ?? row.docno ?? row.docid ?? '')

type Format = 'sgml' | 'smart' | 'jsonl' | 'tsv'

function formatOf(text: string): Format {
  const start = text.slice(0, 4096).trimStart()
  if (start.startsWith('{')) return 'jsonl'
  if (/^\.I\s/.test(start)) return 'smart'
  return start.startsWith('<') ? 'sgml' : 'tsv'
}

/**
 * The documents of a collection, by whichever format the text is in.
 * @throws RagFormatError naming the document or line; for a text without documents
 */
export function readDocuments(text: string): CollectionDocument[] {
  const bare = text.replace(/^\ufeff/, '')
  const documents: Record<Format, () => CollectionDocument[]> = {
    sgml: () => trecDocuments(bare),
    smart: () =>
      smartRecords(bare).map(({ id, parts }) => ({ id, title: parts.get('T') ?? '', text: parts.get('W') ?? '' })),
    jsonl: () =>
      jsonLines(bare, 'documents').map(row => ({
        id: idOf(row),
        title: String(row.title ?? ''),
        text: String(row.text ?? row.contents ?? row.abstract ?? ''),
      })),
    tsv: () =>
      tsvRows(bare).map(([id, ...cells]) => ({
        id,
        title: cells.length > 1 ? cells[0] : '',
        text: cells.at(-1) ?? '',
      })),
  }
  return checked('documents', documents[formatOf(bare)]())
}

/**
 * The queries of a collection: the title of a topic, or its description where it has no title.
 * @throws RagFormatError
 */
export function readQueries(text: string): CollectionQuery[] {
  const bare = text.replace(/^\ufeff/, '')
  const queries: Record<Format, () => CollectionQuery[]> = {
    sgml: () => trecTopics(bare),
    smart: () => smartRecords(bare).map(({ id, parts }) => ({ id, text: parts.get('W') ?? parts.get('T') ?? '' })),
    jsonl: () =>
      jsonLines(bare, 'queries').map(row => {
        const [answer] = [row.answer ?? []].flat()
        return {
          id: idOf(row),
          text: String(row.text ?? row.query ?? ''),
          ...(answer !== undefined && { answer: String(answer) }),
        }
      }),
    tsv: () => tsvRows(bare).map(([id, ...cells]) => ({ id, text: cells.join(' ') })),
  }
  return checked('queries', queries[formatOf(bare)]())
}

const tsvRows = (text: string): string[][] =>
  text
    .split(/\r?\n/)
    .filter(line => line.trim() !== '')
    .map(line => line.split('\t'))
    .filter(([first], i) => i > 0 || !/^(?:id|qid|_id|query-id|docid)$/i.test(first))

function checked<Item extends { id: string }>(what: string, items: Item[]): Item[] {
  if (items.length === 0) throw new RagFormatError(what, 'the whole text', 'there are none in a format that is known')
  const seen = new Set<string>()
  items.forEach(({ id }, i) => {
    if (id === '') throw new RagFormatError(what, `item ${i + 1}`, 'it has no id')
    if (seen.has(id)) throw new RagFormatError(what, `item ${i + 1}`, `the id ${id} occurs twice`)
    seen.add(id)
  })
  return items
}

/**
 * Judgements: four columns of TREC, three of BEIR (with a line of names) or of the classic collections, or JSON lines.
 * @throws RagFormatError naming the line
 */
export function readJudgements(text: string): Map<string, Map<string, number>> {
  const bare = text.replace(/^\ufeff/, '')
  const qrels = new Map<string, Map<string, number>>()
  const note = (query: string, document: string, grade: number, line: number): void => {
    if (!Number.isFinite(grade)) throw new RagFormatError('judgements', `line ${line}`, 'the grade is no number')
    const judged = qrels.get(query) ?? new Map<string, number>()
    // Some classic files judge a pair more than once: the better grade is what somebody found.
    judged.set(document, Math.max(grade, judged.get(document) ?? grade))
    qrels.set(query, judged)
  }
  if (bare.trimStart().startsWith('{')) {
    jsonLines(bare, 'judgements').forEach((row, i) => {
      note(
        String(row['query-id'] ?? row.query_id ?? row.qid),
        String(row['corpus-id'] ?? row.doc_id ?? row.docid),
        Number(row.score ?? 1),
        i + 1,
      )
    })
    return qrels
  }
  const rows: { cells: string[]; line: number }[] = []
  bare.split('\n').forEach((line, i) => {
    const cells = line.trim().split(/\s+/)
    if (cells[0] === '') return
    // A line of names.
    if (rows.length === 0 && cells.length > 2 && [cells[0], cells.at(-1)].every(cell => Number.isNaN(Number(cell))))
      return
    if (cells.length < 3 || cells.length > 4)
      throw new RagFormatError(
        'judgements',
        `line ${i + 1}`,
        `it has ${cells.length} columns, and there must be 3 or 4`,
      )
    rows.push({ cells, line: i + 1 })
  })
  // The classic collections' own files say `query document 0 0`: what is listed is relevant.
  const listed = rows.length > 0 && rows.every(({ cells }) => cells.length === 4 && +cells[2] === 0 && +cells[3] === 0)
  for (const { cells, line } of rows)
    if (listed) note(cells[0], cells[1], 1, line)
    else note(cells[0], cells[cells.length - 2], Number(cells[cells.length - 1]), line)
  return qrels
}

/** What share of the numbers in the judgements may be no query before positions are meant. */
const STRANGERS = 0.1

/**
 * Judgements as the queries name themselves. Files of the Cranfield collection number the queries in one way and the judgements by
 * position: where most numbers do not meet but positions do, positions are meant.
 * @returns the judgements, and whether they went by position
 */
export function alignJudgements(
  queries: readonly CollectionQuery[],
  qrels: ReadonlyMap<string, ReadonlyMap<string, number>>,
): { qrels: Map<string, ReadonlyMap<string, number>>; byPosition: boolean } {
  const bare = (id: string) => (/^\d+$/.test(id) ? String(Number(id)) : id)
  const byId = new Map(queries.map(({ id }) => [bare(id), id]))
  const judged = [...qrels].map(([id, grades]) => [bare(id), grades] as const)
  const byPosition =
    judged.filter(([id]) => !byId.has(id)).length > STRANGERS * judged.length &&
    judged.every(([id]) => /^\d+$/.test(id) && Number(id) >= 1 && Number(id) <= queries.length)
  const aligned = judged.flatMap(([id, grades]) => {
    const query = byPosition ? queries[Number(id) - 1].id : byId.get(id)
    return query === undefined ? [] : [[query, grades] as const]
  })
  return { qrels: new Map(aligned), byPosition }
}
