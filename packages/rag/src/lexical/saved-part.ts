// A part as a segment: the sequences of terms, the terms themselves, ids and metadata of the living documents. Postings are not in
// it: they are made when it is read (40 million tokens a second), so there is nothing in a segment that could contradict itself.
import type { AnalyzerSettings } from '../analysis/analyzer.ts'
import { RagFormatError } from '../errors.ts'
import { readSegment, writeSegment } from '../segment.ts'
import type { Metadata } from '../stores/filter.ts'
import { packStrings, unpackStrings } from '../strings.ts'
import type { PartEntry } from './lexical-index.ts'
import { concatenate, type Documents } from './part.ts'

const kind = 'lexical'
const version = 1

interface Meta {
  fields: readonly string[]
  analyzer: AnalyzerSettings
  metadata: readonly (Metadata | null)[] | null
}

export interface SavedPart {
  documents: Documents
  terms: string[]
  ids: string[]
  metadata: (Metadata | undefined)[] | null
}

export function writePart(
  { part, ids, metadata }: PartEntry,
  fields: readonly string[],
  analyzer: AnalyzerSettings,
  termOf: (number: number) => string,
): Uint8Array<ArrayBuffer> {
  const { starts, tokens } = concatenate([part], fields.length)
  const living = Array.from(ids.keys()).filter(doc => part.alive[doc])
  const local = new Map<number, number>()
  part.terms.forEach((term, i) => {
    local.set(term, i)
  })
  const names = packStrings(living.map(doc => ids[doc]))
  const terms = packStrings(Array.from(part.terms, termOf))
  const meta: Meta = { fields, analyzer, metadata: metadata && living.map(doc => metadata[doc] ?? null) }
  return writeSegment({
    kind,
    version,
    meta,
    arrays: {
      starts,
      tokens: tokens.map(term => local.get(term)!),
      terms: terms.bytes,
      termEnds: terms.ends,
      ids: names.bytes,
      idEnds: names.ends,
    },
  })
}

export function readPart(bytes: Uint8Array, fields: readonly string[], analyzer: AnalyzerSettings): SavedPart {
  const { meta, arrays } = readSegment(bytes, kind, version)
  const saved = meta as Meta
  const fail = (where: string, problem: string): never => {
    throw new RagFormatError('lexical segment', where, problem)
  }
  if (JSON.stringify(saved.fields) !== JSON.stringify(fields))
    fail('fields', `it was made with ${saved.fields.join(', ')}, and the index has ${fields.join(', ')}`)
  for (const key of Object.keys(analyzer) as (keyof AnalyzerSettings)[])
    if (JSON.stringify(saved.analyzer[key]) !== JSON.stringify(analyzer[key]))
      fail(
        'analyzer',
        `it was made with ${key} ${shown(saved.analyzer[key])}, and this analyzer has ${shown(analyzer[key])}`,
      )
  const u32 = (name: string) => {
    const array = arrays[name]
    return array instanceof Uint32Array ? array : fail(name, 'it is missing or of another type')
  }
  const u8 = (name: string) => {
    const array = arrays[name]
    return array instanceof Uint8Array ? array : fail(name, 'it is missing or of another type')
  }
  const starts = u32('starts')
  const tokens = u32('tokens')
  const ids = unpackStrings({ bytes: u8('ids'), ends: u32('idEnds') })
  if (starts.length !== ids.length * fields.length + 1 || starts[0] !== 0 || starts.at(-1) !== tokens.length)
    fail('starts', `${starts.length} places do not fit ${ids.length} documents and ${tokens.length} terms`)
  for (let i = 1; i < starts.length; i++)
    if (starts[i] < starts[i - 1]) fail('starts', `place ${i} is before the last one`)
  return {
    documents: { count: ids.length, fields: fields.length, starts, tokens },
    terms: unpackStrings({ bytes: u8('terms'), ends: u32('termEnds') }),
    ids,
    metadata: saved.metadata?.map(value => value ?? undefined) ?? null,
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
