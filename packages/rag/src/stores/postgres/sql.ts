// Filters and readers as PostgreSQL conditions over the columns of the table of rows. Values are always parameters.

import { bounds, boundsOf, type Filter } from '../filter.ts'
import type { ReadScope } from '../request.ts'

/** Collects parameters; `add` gives the placeholder. */
export class Parameters {
  readonly values: unknown[] = []

  add(value: unknown): string {
    this.values.push(value)
    return `$${this.values.length}`
  }
}

/** The condition of a filter. It is true or false, never NULL, so `not` means what it says. */
export function filterSql(filter: Filter, parameters: Parameters): string {
  if ('and' in filter) return joined(filter.and, 'AND', 'true', parameters)
  if ('or' in filter) return joined(filter.or, 'OR', 'false', parameters)
  if ('not' in filter) return `NOT ${filterSql(filter.not, parameters)}`
  if ('in' in filter && filter.in.length === 0) return 'false'
  const field = parameters.add(filter.field)
  const value = `(c.metadata -> ${field}::text)`
  // jsonb's containment: a list contains a value, and a value itself.
  const has = (scalar: unknown): string => `${value} @> ${parameters.add(JSON.stringify(scalar))}::text::jsonb`
  if ('exists' in filter) return filter.exists ? `(c.metadata ? ${field}::text)` : `(NOT c.metadata ? ${field}::text)`
  if ('is' in filter) return `coalesce(${has(filter.is)}, false)`
  if ('in' in filter) return `coalesce(${filter.in.map(has).join(' OR ')}, false)`
  const conditions = boundsOf(filter).map(
    ([name, bound]) => `(${value} #>> '{}')::float8 ${bounds[name]} ${parameters.add(bound)}::float8`,
  )
  return `(CASE WHEN jsonb_typeof(${value}) = 'number' THEN ${conditions.join(' AND ')} ELSE false END)`
}

const joined = (filters: readonly Filter[], word: string, empty: string, parameters: Parameters): string =>
  filters.length ? `(${filters.map(inner => filterSql(inner, parameters)).join(` ${word} `)})` : empty

/** The condition of who asks, for which moment and versions. */
export function scopeSql({ access, at, versions }: ReadScope, parameters: Parameters): string {
  const conditions: string[] = []
  switch (versions) {
    case 'newest': {
      const moment = parameters.add(at)
      conditions.push(`c.current_from <= ${moment}::float8 AND c.current_until > ${moment}::float8`)
      break
    }
    case 'valid': {
      const moment = parameters.add(at)
      conditions.push(`c.stretch = 0 AND c.valid_from <= ${moment}::float8 AND c.valid_until > ${moment}::float8`)
      break
    }
    case 'all':
      conditions.push('c.stretch = 0')
      break
    default:
      versions satisfies never
  }
  if (access !== 'unrestricted') conditions.push(`(c.open OR c.principals && ${parameters.add(access)}::text[])`)
  return conditions.join(' AND ')
}
