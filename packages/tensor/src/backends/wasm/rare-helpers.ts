// The functions of print-helpers.ts that few kernels call, loaded with the first that does.

import type { Func, FuncBuilder, Local, ModuleBuilder } from '@cairn/wasm'
import type { Helper, Helpers } from './print-helpers.ts'

/**
 * x mod y with the sign of x, exactly: subtracts y * 2^k from large to small k, after scaling up a subnormal pair.
 * Schoolbook, as slow as the exponents are far apart.
 */
function remainder(f: FuncBuilder, x: Local<'f64'>, y: Local<'f64'>): void {
  const rest = f.local('f64')
  const step = f.local('f64')
  const by = f.local('f64')
  f.get(y).f64_abs().set(by).get(x).f64_abs().set(rest)
  // NaN for y = 0, x infinite, or NaN; x itself for y infinite
  f.get(by).f64_const(0).f64_gt().get(rest).f64_const(Number.POSITIVE_INFINITY).f64_lt().i32_and().i32_eqz()
  f.if(() => f.f64_const(Number.NaN).return())
  f.while(
    () => f.get(rest).get(by).f64_ge(),
    () => {
      f.get(by).set(step)
      // doubling is exact; rest - step is exact because step <= rest < 2 step
      f.while(
        () => f.get(step).get(rest).f64_const(0.5).f64_mul().f64_le(),
        () => f.get(step).get(step).f64_add().set(step),
      )
      f.get(rest).get(step).f64_sub().set(rest)
    },
  )
  f.get(rest).get(x).f64_copysign()
}

function power(f: FuncBuilder, type: 'i32' | 'i64', base: Local, exponent: Local): void {
  const result = f.local(type)
  const constant = (value: number): FuncBuilder => (type === 'i32' ? f.i32_const(value) : f.i64_const(value))
  constant(1).set(result)
  f.get(exponent)
  constant(0)
    [`${type}_lt_s`]()
    .if(() => {
      // the truncated quotient of 1: 0 but for the bases 1 and -1
      f.get(base)
      constant(1)
        [`${type}_eq`]()
        .if(() => constant(1).return())
      f.get(base)
      constant(-1)
        [`${type}_ne`]()
        .if(() => constant(0).return())
      constant(1)
      constant(-1).get(exponent)
      constant(1)[`${type}_and`]()[`${type}_eqz`]().select().return()
    })
  f.while(
    () => f.get(exponent)[`${type}_eqz`]().i32_eqz(),
    () => {
      f.get(result).get(base)[`${type}_mul`]().get(result).get(exponent)
      constant(1)[`${type}_and`]()[`${type}_eqz`]().i32_eqz().select().set(result)
      f.get(base).get(base)[`${type}_mul`]().set(base).get(exponent)
      constant(1)[`${type}_shr_u`]().set(exponent)
    },
  )
  f.get(result)
}

/** The series and the continued fraction of kernel/erf.ts. */
function erf(f: FuncBuilder, exp: Func, x: Local<'f64'>): void {
  const size = f.local('f64')
  const term = f.local('f64')
  const sum = f.local('f64')
  const n = f.local('f64')
  f.get(x)
    .f64_abs()
    .tee(size)
    .f64_const(6)
    .f64_gt()
    .if(() => f.f64_const(1).get(x).f64_copysign().return())
  f.get(size)
    .f64_const(2.5)
    .f64_lt()
    .if(() => {
      f.get(x).tee(term).set(sum).f64_const(3).set(n)
      f.while(
        () => f.get(term).f64_abs().get(sum).f64_abs().f64_const(1e-17).f64_mul().f64_gt(),
        () => {
          f.get(term).get(x).get(x).f64_mul().f64_const(2).f64_mul().get(n).f64_div().f64_mul().tee(term)
          f.get(sum).f64_add().set(sum).get(n).f64_const(2).f64_add().set(n)
        },
      )
      f.f64_const(2 / Math.sqrt(Math.PI))
        .get(x)
        .get(x)
        .f64_mul()
        .f64_neg()
        .call(exp)
        .f64_mul()
        .get(sum)
        .f64_mul()
        .return()
    })
  f.get(size).set(sum).f64_const(80).set(n)
  f.while(
    () => f.get(n).f64_const(0).f64_gt(),
    () => {
      f.get(size).get(n).f64_const(2).f64_div().get(sum).f64_div().f64_add().set(sum)
      f.get(n).f64_const(1).f64_sub().set(n)
    },
  )
  f.f64_const(1).get(x).get(x).f64_mul().f64_neg().call(exp).f64_const(Math.sqrt(Math.PI)).get(sum).f64_mul().f64_div()
  f.f64_sub().get(x).f64_copysign()
}

/** @param known what the module has already: what `name` itself calls is among it or defined here */
export function defineHelper(module: ModuleBuilder, name: Exclude<Helper, 'tell outside'>, known: Helpers): Func {
  switch (name) {
    case 'mod f64':
      return module.func({ name, params: ['f64', 'f64'], results: ['f64'] }, remainder)
    case 'mod f32': {
      const double =
        known.helpers.get('mod f64') ?? module.func({ name, params: ['f64', 'f64'], results: ['f64'] }, remainder)
      return module.func({ name, params: ['f32', 'f32'], results: ['f32'] }, (f, x, y) => {
        f.get(x).f64_promote_f32().get(y).f64_promote_f32().call(double).f32_demote_f64()
      })
    }
    case 'pow i32':
      return module.func({ name, params: ['i32', 'i32'], results: ['i32'] }, (f, x, y) => power(f, 'i32', x, y))
    case 'pow i64':
      return module.func({ name, params: ['i64', 'i64'], results: ['i64'] }, (f, x, y) => power(f, 'i64', x, y))
    case 'erf f64':
      return module.func({ name, params: ['f64'], results: ['f64'] }, (f, x) => erf(f, known.imports.get('exp')!, x))
    default:
      return name satisfies never
  }
}
