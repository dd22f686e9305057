// Filters over metadata, as data: every store turns the same tree into its own language, and `matches` says what it means.

import { RagArgumentError } from '../errors.ts'

export type Scalar = string | number | boolean

/** What is known of a document or passage: flat, values or lists of values. */
export type Metadata = Readonly<Record<string, Scalar | readonly Scalar[]>>

/**
 * A condition on metadata. A list meets `is` and `in` if any of its elements does. Bounds hold for numbers only: a field that is
 * missing, a list or of another type is not within any. `not` holds wherever its filter does not.
 */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly field: string; readonly is: Scalar }
  | { readonly field: string; readonly in: readonly Scalar[] }
  | { readonly field: string; readonly exists: boolean }
  | ({ readonly field: string } & Bounds)

export interface Bounds {
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
}

export const bounds = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

type BoundName = keyof typeof bounds

/** The bounds that a condition states. */
export const boundsOf = (filter: Bounds): [BoundName, number][] =>
  (Object.keys(bounds) as BoundName[]).flatMap(name => (filter[name] === undefined ? [] : [[name, filter[name]]]))

const MAX_DEPTH = 32
const MAX_VALUES = 10_000

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

/** Refuses what is not a filter. @throws RagArgumentError naming the part by its path */
export function checkFilter(op: string, filter: unknown, path = 'filter', depth = 0): asserts filter is Filter {
  const fail = (problem: string, remedy: string): never => {
    throw new RagArgumentError(op, `${path} ${problem}`, remedy)
  }
  if (depth > MAX_DEPTH) fail(`is nested deeper than ${MAX_DEPTH}`, 'flatten it')
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter))
    fail(`is ${show(filter)}`, 'a filter is an object such as { field: "lang", is: "en" }')
  const f = filter as Record<string, unknown>
  const keys = Object.keys(f).sort().join(' ')
  if (keys === 'and' || keys === 'or') {
    const list = f[keys]
    if (!Array.isArray(list)) fail(`has ${keys}: ${show(list)}`, `${keys} takes a list of filters`)
    ;(list as unknown[]).forEach((inner, i) => checkFilter(op, inner, `${path}.${keys}[${i}]`, depth + 1))
    return
  }
  if (keys === 'not') return checkFilter(op, f.not, `${path}.not`, depth + 1)
  if (typeof f.field !== 'string' || f.field === '')
    fail(`is ${show(filter)}`, 'name a field, or combine filters with and, or, not')
  if (keys === 'field is') {
    if (!isScalar(f.is)) fail(`has is: ${show(f.is)}`, 'compare with a string, a finite number or a boolean')
    return
  }
  if (keys === 'field in') {
    const list = f.in
    if (!Array.isArray(list) || !list.every(isScalar) || list.length > MAX_VALUES)
      fail(`has in: ${show(list)}`, `in takes a list of at most ${MAX_VALUES} strings, finite numbers or booleans`)
    return
  }
  if (keys === 'exists field') {
    if (typeof f.exists !== 'boolean') fail(`has exists: ${show(f.exists)}`, 'exists is true or false')
    return
  }
  const names = Object.keys(f).filter(key => key !== 'field')
  if (names.length === 0 || !names.every(name => name in bounds))
    fail(`is ${show(filter)}`, 'beside its field a condition has is, in, exists, or some of gt, gte, lt, lte')
  for (const name of names)
    if (typeof f[name] !== 'number' || !Number.isFinite(f[name]))
      fail(`has ${name}: ${show(f[name])}`, 'bounds are finite numbers')
}

/** Whether metadata meets a (checked) filter. */
export function matches(filter: Filter, metadata: Metadata): boolean {
  if ('and' in filter) return filter.and.every(inner => matches(inner, metadata))
  if ('or' in filter) return filter.or.some(inner => matches(inner, metadata))
  if ('not' in filter) return !matches(filter.not, metadata)
  const value = Object.hasOwn(metadata, filter.field) ? metadata[filter.field] : undefined
  if ('exists' in filter) return (value !== undefined) === filter.exists
  if (value === undefined) return false
  if ('is' in filter) return Array.isArray(value) ? value.includes(filter.is) : value === filter.is
  if ('in' in filter) {
    const wanted = filter.in
    return Array.isArray(value) ? value.some(v => wanted.includes(v)) : wanted.includes(value as Scalar)
  }
  if (typeof value !== 'number') return false
  const { gt, gte, lt, lte } = filter
  return (
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte)
  )
}

/** Refuses metadata that some store could not keep. @throws RagArgumentError */
export function checkMetadata(op: string, metadata: unknown, whose: string): asserts metadata is Metadata | undefined {
  if (metadata === undefined) return
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw new RagArgumentError(op, `the metadata of ${whose} is ${show(metadata)}`, 'give a flat object')
  for (const [field, value] of Object.entries(metadata)) {
    const good = isScalar(value) || (Array.isArray(value) && value.every(isScalar))
    const texts = [field, ...(Array.isArray(value) ? value : [value])]
    if (!good || field === '' || !texts.every(isCleanText))
      throw new RagArgumentError(
        op,
        `field ${show(field)} in the metadata of ${whose} is ${show(value)}`,
        'values are strings, finite numbers, booleans, or lists of them',
      )
  }
}

/** Text that every engine can hold: no NUL, no lone surrogates. */
export function isCleanText(text: unknown): boolean {
  return typeof text !== 'string' || (text.isWellFormed() && !text.includes('\0'))
}
