// What happens to a kernel before it is printed: functions become arithmetic, f16 and bf16 elements become their bits.
// Also which helpers its text calls.

import { binary, load } from '../../kernel/build.ts'
import { eachExpr } from '../../kernel/depends.ts'
import type { BufferParam, Expr, LoopKernel, Stmt, UnaryOp } from '../../kernel/ir.ts'
import { expand, expWithin, halfBits, halfValue, rareMath, unaryExpansions } from '../../kernel/math.ts'
import { rewriter } from '../../kernel/rewrite.ts'
import { type Helper, type MathImport, mathImports } from './print-helpers.ts'

type Memory = Pick<BufferParam, 'dtype'>

const isHalf = (dtype: string): dtype is 'f16' | 'bf16' => dtype === 'f16' || dtype === 'bf16'

/**
 * f32 functions whose short expansion holds up to a limit of |x|; beyond it, and for NaN, lanes go through Math, one by one, behind a branch
 * that is hardly ever taken. They stay in the body, and the printer expands them.
 */
interface Guard {
  readonly limit: number
  /** below the first the result is 0, above the second infinite: masked scores are often -1e9 or -infinity */
  readonly ends?: readonly [vanishes: number, overflows: number]
  /** the longer expansion that holds everywhere, where there is one; within the limit it has the bits of `near` */
  readonly all?: (x: Expr) => Expr
  readonly near: (x: Expr) => Expr
}

const guards: Partial<Record<Expr['op'], Guard>> = {
  exp: { limit: 87, ends: [-104, 89], all: unaryExpansions.exp, near: expWithin },
  sin: { limit: 1e5, near: unaryExpansions.sin },
  cos: { limit: 1e5, near: unaryExpansions.cos },
  tan: { limit: 1e5, near: x => rareMath.module.rareExpansions.tan(x) },
}

export const guardOf = (e: Expr): Guard | undefined => (e.dtype === 'f32' ? guards[e.op] : undefined)

const expansions = new WeakMap<Expr, Expr>()

/** What a guarded function is within its limit; the same object for the same expression. */
export function withinLimit(e: Expr): Expr {
  let found = expansions.get(e)
  if (!found) expansions.set(e, (found = guardOf(e)!.near((e as Extract<Expr, { op: UnaryOp }>).args[0])))
  return found
}

const longer = new WeakMap<Expr, Expr>()

/** What a guarded function is everywhere, the same object for the same expression; null where only Math knows. */
export function everywhere(e: Expr): Expr | null {
  const { all } = guardOf(e)!
  if (!all) return null
  let found = longer.get(e)
  if (!found) longer.set(e, (found = all((e as Extract<Expr, { op: UnaryOp }>).args[0])))
  return found
}

/** A body without transcendental f32 functions (but the guarded ones), in which f16 and bf16 memory holds u32 values (their bits). */
export function prepareBody(body: readonly Stmt[], memories: readonly Memory[]): readonly Stmt[] {
  const rule = (e: Expr): Expr => {
    if (e.op === 'load') {
      const { dtype } = memories[e.buffer]
      return isHalf(dtype) && e.dtype === 'f32' ? masked({ ...e, dtype: 'u32' }, dtype) : e
    }
    return guardOf(e) ? e : expand(e)
  }
  const masked = (e: Expr, dtype: 'f16' | 'bf16'): Expr => halfValue[dtype](e)
  const rewrite = rewriter(rule)

  const store = (s: Stmt): Stmt => {
    if (s.kind === 'loop') return { ...s, body: s.body.map(store) }
    if (s.kind !== 'store') return s
    const { dtype } = memories[s.buffer]
    if (!isHalf(dtype)) return s
    let { value } = s
    // loads in bits; the rewriter has run already
    if (s.mode !== 'set') value = binary(s.mode, halfValue[dtype](load('u32', s.buffer, s.index, s.valid)), value)
    return { ...s, mode: 'set', value: halfBits[dtype](value) }
  }
  return rewrite.body(body).map(store)
}

/** The helper that an expression calls; null: none. */
function helperOf({ op, dtype }: Expr): Helper | null {
  if (op === 'mod' && (dtype === 'f32' || dtype === 'f64')) return `mod ${dtype}`
  if (op === 'pow' && dtype === 'i64') return 'pow i64'
  if (op === 'pow' && (dtype === 'i32' || dtype === 'u32')) return 'pow i32'
  if (op === 'bounded') return 'tell outside'
  return op === 'erf' && dtype === 'f64' ? 'erf f64' : null
}

/** The functions that a prepared body calls. */
export function callsOf(body: readonly Stmt[]): { readonly imports: Set<MathImport>; readonly helpers: Set<Helper> } {
  const imports = new Set<MathImport>()
  const helpers = new Set<Helper>()
  eachExpr(body, e => {
    const helper = helperOf(e)
    if (helper) helpers.add(helper)
    else if ((e.dtype === 'f64' && e.op in mathImports) || (guardOf(e) && !guardOf(e)!.all))
      imports.add(e.op as MathImport)
  })
  return { imports, helpers }
}

export const memoriesOf = (kernel: LoopKernel): readonly Memory[] => [...kernel.buffers, ...kernel.scratch]
