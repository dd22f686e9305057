// The table of primitives: everything the engine can differentiate, batch, lower or evaluate.

import { attention } from './attention.ts'
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
  ...attention,
  ...source,
  custom,
  program,
}

export type PrimitiveName = keyof typeof table
export const primitives: Readonly<Record<PrimitiveName, Primitive>> = table

export function primitiveOf(name: string): Primitive {
  const primitive = (primitives as Record<string, Primitive>)[name]
  if (!primitive) throw new Error(`no primitive is called ${name}`)
  return primitive
}
