// Reading JSON written by strangers: each helper names the place and what was expected there.
import { TokenizerFormatError } from './errors.ts'

/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
/** A JSON object. */
export type JsonObject = { [key: string]: Json }

const FORMAT = 'tokenizer.json'

/** A short description of a value for an error message. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}

/** Throws the error that says what stood at `where` instead of `expected`. */
export function wrong(where: string, expected: string, value: unknown): never {
  throw new TokenizerFormatError(FORMAT, where, `expected ${expected}, got ${describe(value)}`)
}

export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrong(where, 'an object', value)
  return value as JsonObject
}

export function asArray(value: unknown, where: string): Json[] {
  if (!Array.isArray(value)) wrong(where, 'an array', value)
  return value as Json[]
}

export function asString(value: unknown, where: string): string {
  if (typeof value !== 'string') wrong(where, 'a string', value)
  return value
}

/** A token id: an integer from 0 to 2^31 - 1. */
export function asId(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0x7fffffff) {
    wrong(where, 'a token id (an integer from 0 to 2^31 - 1)', value)
  }
  return value
}

export function asNumber(value: unknown, where: string): number {
  if (typeof value !== 'number') wrong(where, 'a number', value)
  return value
}

/** A count: an integer from 0 to 2^53. */
export function asCount(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) wrong(where, 'a count (0 or more)', value)
  return value
}

/** A single code point given as a string. */
export function asChar(value: unknown, where: string): string {
  const text = asString(value, where)
  if (text.length === 0 || text.length !== String.fromCodePoint(text.codePointAt(0)!).length) {
    wrong(where, 'one character', value)
  }
  return text
}

/** An optional value: absent and null both give `fallback`. */
export function optional<T, F>(
  value: Json | undefined,
  where: string,
  read: (value: unknown, where: string) => T,
  fallback: F,
): T | F {
  return value === undefined || value === null ? fallback : read(value, where)
}

export function asBoolean(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') wrong(where, 'true or false', value)
  return value
}

/** One of a few words. */
export function oneOf<const W extends readonly string[]>(words: W) {
  return (value: unknown, where: string): W[number] => {
    const text = asString(value, where)
    if (!words.includes(text)) wrong(where, `one of ${words.join(', ')}`, value)
    return text
  }
}

/** A component found by its `type` in a table of readers. */
export function byType<T>(
  table: Record<string, (json: JsonObject, where: string) => T>,
  value: unknown,
  where: string,
): T {
  const json = asObject(value, where)
  const type = asString(json.type, `${where}.type`)
  const read = Object.hasOwn(table, type) ? table[type] : undefined
  if (!read) wrong(`${where}.type`, `one of ${Object.keys(table).join(', ')}`, type)
  return read(json, where)
}
