// Metadata for engines whose own languages are narrow: each value as one word, for equality in lists and values alike, and each
// number under a name that any engine takes, for bounds.

import type { Metadata, Scalar } from './filter.ts'

/** The word that says: this field has this value, or has it in its list. */
export const fact = (field: string, value: Scalar): string => JSON.stringify([field, value])

/** The word that says: this field is there. */
export const presence = (field: string): string => JSON.stringify([field])

export function factsOf(metadata: Metadata): string[] {
  return Object.entries(metadata).flatMap(([field, value]) => [
    presence(field),
    ...(Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar]).map(one => fact(field, one)),
  ])
}

/** A field's name in hexadecimal: names of columns and paths are narrow. */
export const plainName = (field: string): string =>
  [...new TextEncoder().encode(field)].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** The numbers of metadata by their plain names. */
export function numbersOf(metadata: Metadata): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([field, value]) =>
      typeof value === 'number' ? [[plainName(field), value]] : [],
    ),
  )
}
