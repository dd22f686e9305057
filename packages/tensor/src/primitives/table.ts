// The table of primitives: everything the engine can differentiate or lower.

import type { attention } from './attention.ts'
import { custom } from './custom.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { matrix } from './matmul.ts'
import { movement } from './movement.ts'
import { program } from './program.ts'
import { reduce } from './reduce.ts'
import { source } from './source.ts'
import type { Primitive } from './types.ts'

const table = {
  ...elementwise,
  ...reduce,
  ...movement,
  ...indexing,
  ...matrix,
  ...source,
  custom,
  program,
}

/** Primitives that come with the ops that are made of them: who does not use these does not load them. */
type Further = typeof attention
export type TableName = keyof typeof table
export type PrimitiveName = TableName | keyof Further

const primitives: Record<string, Primitive> = { ...table }

/** Called by the op itself, so that importing does nothing. */
export function addPrimitives(rules: Further): void {
  Object.assign(primitives, rules)
}

export function primitiveOf(name: string): Primitive {
  const primitive = primitives[name]
  if (!primitive) throw new Error(`no primitive is called ${name}`)
  return primitive
}
