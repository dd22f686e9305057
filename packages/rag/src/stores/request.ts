// What every store does with its arguments before it touches anything: checks, and defaults made explicit.

import { checkCount, checkVector, type Metric, type VectorLike } from '../dense/vector.ts'
import { RagArgumentError } from '../errors.ts'
import { checkFilter, checkMetadata, type Filter, isCleanText } from './filter.ts'
import type { Access, ChunkInput, DocumentInput, ReadOptions, SearchRequest } from './store.ts'

/** The longest query by words, in UTF-16 units. */
export const MAX_QUERY = 65_536
/** The most results of one search. */
export const MAX_RESULTS = 10_000

/** How a store's vectors are. */
export interface VectorSpace {
  /** Numbers in a vector; undefined: the store has none. */
  readonly dimensions: number | undefined
  readonly metric: Metric
}

export interface ReadScope {
  readonly access: Access
  readonly at: number
  readonly versions: 'newest' | 'valid' | 'all'
}

export interface Search extends ReadScope {
  readonly text: string | undefined
  readonly vector: VectorLike | undefined
  readonly k: number
  readonly filter: Filter | undefined
}

/** @throws RagArgumentError */
export function readScope(op: string, options: ReadOptions = {}): ReadScope {
  const { access = [], at = Date.now(), versions = 'newest' } = options
  if (access !== 'unrestricted' && !isNames(access))
    throw new RagArgumentError(op, `access is ${show(access)}`, "give a list of principals, or 'unrestricted'")
  if (!Number.isFinite(at)) throw new RagArgumentError(op, `at is ${show(at)}`, 'give milliseconds since 1970')
  if (!['newest', 'valid', 'all'].includes(versions))
    throw new RagArgumentError(op, `versions is ${show(versions)}`, "it is 'newest', 'valid' or 'all'")
  return { access, at, versions }
}

/** @throws RagArgumentError */
export function checkSearch(request: SearchRequest, space: VectorSpace): Search {
  const op = 'search'
  const scope = readScope(op, request)
  const { text, vector, k = 10, filter } = request
  checkCount(op, k)
  if (k > MAX_RESULTS) throw new RagArgumentError(op, `k is ${k}`, `ask for at most ${MAX_RESULTS}`)
  if ((text === undefined) === (vector === undefined))
    throw new RagArgumentError(op, `there is ${text === undefined ? 'neither' : 'both'} text and vector`, 'give one')
  if (text !== undefined && typeof text !== 'string')
    throw new RagArgumentError(op, `text is ${show(text)}`, 'give a string')
  if (text !== undefined && text.length > MAX_QUERY)
    throw new RagArgumentError(op, `a query of ${text.length} characters`, `shorten it to ${MAX_QUERY}`)
  if (vector !== undefined) {
    if (space.dimensions === undefined)
      throw new RagArgumentError(op, 'this store has no vectors', 'open it with dimensions, or search by text')
    checkVector(op, vector, space.dimensions, space.metric)
  }
  if (filter !== undefined) checkFilter(op, filter)
  return { ...scope, text, vector, k, filter }
}

/** @throws RagArgumentError naming the document and the field */
export function checkDocuments(documents: readonly DocumentInput[], space: VectorSpace): void {
  const op = 'put'
  if (!Array.isArray(documents)) throw new RagArgumentError(op, `documents is ${show(documents)}`, 'give a list')
  const seen = new Set<string>()
  for (const document of documents) {
    const { id, version = 0 } = document
    if (typeof id !== 'string' || id === '' || id.length > 1024 || !isCleanText(id))
      throw new RagArgumentError(op, `the id of a document is ${show(id)}`, 'give 1 to 1024 characters')
    const whose = `document ${show(id)}`
    const fail = (problem: string, remedy: string): never => {
      throw new RagArgumentError(op, `${whose}: ${problem}`, remedy)
    }
    if (!Number.isSafeInteger(version) || version < 0)
      fail(`version is ${show(version)}`, 'versions are whole numbers from 0')
    const key = `${version} ${id}`
    if (seen.has(key)) fail(`version ${version} comes twice in one call`, 'put each once')
    seen.add(key)
    checkMetadata(op, document.metadata, whose)
    for (const name of ['source', 'title'] as const) {
      const value = document[name]
      if (value !== undefined && (typeof value !== 'string' || !isCleanText(value)))
        fail(`${name} is ${show(value)}`, 'give text without NUL and lone surrogates')
    }
    const { validFrom, validUntil, principals, chunks } = document
    for (const [name, value] of Object.entries({ validFrom, validUntil }))
      if (value !== undefined && !Number.isSafeInteger(value))
        fail(`${name} is ${show(value)}`, 'give whole milliseconds since 1970')
    if (validFrom !== undefined && validUntil !== undefined && validFrom >= validUntil)
      fail(`it is valid from ${validFrom} until ${validUntil}`, 'the end is after the beginning')
    if (principals !== undefined && !isNames(principals))
      fail(`principals is ${show(principals)}`, 'give a list of names')
    if (!Array.isArray(chunks)) fail(`chunks is ${show(chunks)}`, 'give a list')
    ;(chunks as readonly ChunkInput[]).forEach((chunk, i) => {
      const { text, span, vector } = chunk
      if (typeof text !== 'string' || !isCleanText(text))
        fail(`the text of chunk ${i} is not clean text`, 'give a string without NUL and lone surrogates')
      if (
        !Array.isArray(span) ||
        span.length !== 2 ||
        !span.every(Number.isSafeInteger) ||
        !(0 <= span[0] && span[0] <= span[1])
      )
        fail(`the span of chunk ${i} is ${show(span)}`, 'give [start, end]')
      checkMetadata(op, chunk.metadata, `chunk ${i} of ${whose}`)
      if (vector === undefined) return
      if (space.dimensions === undefined)
        fail(`chunk ${i} has a vector, and this store has none`, 'open the store with dimensions')
      checkVector(`put: chunk ${i} of ${whose}`, vector, space.dimensions!, space.metric)
    })
  }
}

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(name => typeof name === 'string' && name !== '' && isCleanText(name))

const show = (value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
