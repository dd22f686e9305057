// Functions that a kernel calls where a loop is simpler than an expression: remainders of floats, integer powers, erf in
// f64. Other f64 functions are imported from JavaScript's Math. None of them has a vector form.

import type { Func, ModuleBuilder } from '@cairn/wasm'
import { Later } from '../../load-later.ts'

/** Functions of f64 taken from Math: torch and IEEE names that are the same there. */
export const mathImports = {
  exp: 1,
  log: 1,
  log1p: 1,
  expm1: 1,
  sin: 1,
  cos: 1,
  tan: 1,
  tanh: 1,
  pow: 2,
  atan2: 2,
} as const
export type MathImport = keyof typeof mathImports

export type Helper = 'mod f32' | 'mod f64' | 'pow i32' | 'pow i64' | 'erf f64' | 'tell outside'

/** All but the last, which few kernels call. */
export const rareHelpers = new Later(() => import('./rare-helpers.ts'))

/** Imports and defines what a kernel needs; imports must come before any function of the module. */
export class Helpers {
  readonly imports = new Map<MathImport, Func>()
  readonly helpers = new Map<Helper, Func>()

  constructor(module: ModuleBuilder, imports: ReadonlySet<MathImport>, helpers: ReadonlySet<Helper>) {
    const names = new Set(imports)
    if (helpers.has('erf f64')) names.add('exp')
    for (const name of names)
      this.imports.set(
        name,
        module.importFunc('Math', name, {
          params: mathImports[name] === 1 ? ['f64'] : ['f64', 'f64'],
          results: ['f64'],
        }),
      )
    for (const name of helpers) this.helpers.set(name, this.define(module, name))
  }

  private define(module: ModuleBuilder, name: Helper): Func {
    if (name !== 'tell outside') return rareHelpers.module.defineHelper(module, name, this)
    return module.func({ name, params: ['i32', 'v128', 'i32'], results: [] }, (f, word, lanes, size) => {
      for (let lane = 0; lane < 4; lane++) {
        f.get(lanes).i32x4_extract_lane(lane).get(size).i32_ge_u()
        f.if(() => f.get(word).get(lanes).i32x4_extract_lane(lane).i32_store())
      }
    })
  }
}
