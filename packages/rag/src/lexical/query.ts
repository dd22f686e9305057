// What can be asked, as data. A string is a bag of words: any of them matches, all of them score.
import { RagArgumentError } from '../errors.ts'

export type Query =
  | string
  /** Any of the words, in one field. */
  | { readonly text: string; readonly field?: string; readonly boost?: number }
  /** The words in a row, stop words aside; `slop` lets so many other words stand between them. */
  | { readonly phrase: string; readonly field?: string; readonly boost?: number; readonly slop?: number }
  /** Terms that begin with these letters. */
  | { readonly prefix: string; readonly field?: string; readonly boost?: number }
  /** Terms that differ by a few letters; how many depends on the length unless `edits` says it. */
  | { readonly fuzzy: string; readonly field?: string; readonly boost?: number; readonly edits?: number }
  | { readonly and: readonly Query[] }
  | { readonly or: readonly Query[] }
  | { readonly not: Query }

/** Characters in all the words of a query, and parts of one, at most: a query is no document. */
export const queryLimits = { characters: 100_000, parts: 1024, depth: 32 } as const

/**
 * Refuses what is not a query.
 * @throws RagArgumentError
 */
export function checkQuery(query: unknown, fields: readonly string[]): asserts query is Query {
  let characters = 0
  let parts = 0
  const fail: (problem: string, remedy: string) => never = (problem, remedy) => {
    throw new RagArgumentError('search', problem, remedy)
  }
  const count = (text: unknown): void => {
    if (typeof text !== 'string') fail(`a part of the query is ${typeof text}`, 'its words are a string')
    characters += (text as string).length
    if (characters > queryLimits.characters)
      fail(`the query has more than ${queryLimits.characters} characters`, 'search for a part of it')
    if (++parts > queryLimits.parts) fail(`the query has more than ${queryLimits.parts} parts`, 'ask for less')
  }
  const walk = (node: unknown, depth: number): void => {
    if (depth > queryLimits.depth) fail(`the query is nested deeper than ${queryLimits.depth}`, 'flatten it')
    if (typeof node === 'string') {
      count(node)
      return
    }
    if (typeof node !== 'object' || node === null) fail(`a query is ${String(node)}`, 'give a string or an object')
    const given = node as Record<string, unknown>
    const list = given.and ?? given.or
    if (list !== undefined) {
      if (!Array.isArray(list)) fail('and or or has no list', 'give them lists of queries')
      for (const inner of list as unknown[]) walk(inner, depth + 1)
    } else if ('not' in given) walk(given.not, depth + 1)
    else {
      const kind = (['text', 'phrase', 'prefix', 'fuzzy'] as const).find(key => key in given)
      if (!kind)
        fail(
          `a query has ${Object.keys(given).join(', ') || 'nothing'}`,
          'give text, phrase, prefix, fuzzy, and, or, not',
        )
      count(given[kind as string])
      if (given.field !== undefined && !fields.includes(given.field as string))
        fail(`there is no field ${String(given.field)}`, `fields are ${fields.join(', ')}`)
      for (const key of ['boost', 'slop', 'edits'] as const) {
        const number = given[key]
        if (number !== undefined && !(typeof number === 'number' && Number.isFinite(number) && number >= 0))
          fail(`${key} is ${String(number)}`, `give ${key} a number from 0 up`)
      }
    }
  }
  walk(query, 0)
}
