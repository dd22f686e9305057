// What a page and the worker that has its store tell each other: one call of `Store` a message, errors by their class.

import { RagArgumentError, RagError, RagFormatError } from '../../errors.ts'
import type { SqliteStoreOptions } from '../sqlite/open.ts'
import type { Damage, Store } from '../store.ts'

/** What can be asked for across a message: no functions, no objects with methods. */
export type BrowserStoreOptions = Omit<SqliteStoreOptions, 'analyzer' | 'readOnly' | 'onDamage'> & {
  readonly analyzer?: Exclude<SqliteStoreOptions['analyzer'], { terms: unknown }>
}

export type Method = 'put' | 'delete' | 'get' | 'search' | 'statistics' | 'list' | 'verify' | 'close'

export type Call =
  | { readonly id: number; readonly open: string; readonly options: BrowserStoreOptions }
  | { readonly id: number; readonly method: Method; readonly args: readonly unknown[] }

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: StoredError }
  | { readonly damage: Damage }

const classes = { RagArgumentError, RagFormatError, RagError } as const

/** An error as data. */
export interface StoredError {
  readonly kind: keyof typeof classes | 'Error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export function writeError(error: unknown): StoredError {
  if (!(error instanceof Error)) return { kind: 'Error', message: String(error), fields: {} }
  const kind = (Object.keys(classes) as (keyof typeof classes)[]).find(name => error instanceof classes[name])
  return { kind: kind ?? 'Error', message: error.message, fields: { ...error, cause: undefined } }
}

/** The error again, of its class and with its fields. */
export function readError({ kind, message, fields }: StoredError): Error {
  const error = kind === 'Error' ? new Error(message) : new RagError(message)
  if (kind !== 'Error') Object.setPrototypeOf(error, classes[kind].prototype)
  const { cause: _, ...rest } = fields
  return Object.assign(error, rest)
}

export type StoreMethods = Pick<Store, Method>
