// Structure: control flow, calls, tables, globals, data, imports; executed and compared with JavaScript.

import { expect, test } from 'vitest'
import { type FuncBuilder, features, type Local, ModuleBuilder } from './index.ts'

type Exports = Record<string, (...args: number[]) => number>

function run(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module.build()), imports).exports as unknown as Exports
}

test('an empty module is valid', () => {
  expect(WebAssembly.validate(new ModuleBuilder().build())).toBe(true)
})

test('equal signatures share one type', () => {
  const module = new ModuleBuilder()
  expect(module.typeIndex({ params: ['i32'] })).toBe(0)
  expect(module.typeIndex({ params: ['f32'], results: ['i32'] })).toBe(1)
  expect(module.typeIndex({ params: ['i32'], results: [] })).toBe(0)
})

test('loop, block, if and branches: greatest common divisor and Collatz steps', () => {
  const module = new ModuleBuilder()
  module.func({ params: ['i32', 'i32'], results: ['i32'], export: 'gcd' }, (f, a, b) => {
    const rest = f.local('i32')
    f.while(
      () => f.get(b),
      () => f.get(a).get(b).i32_rem_u().set(rest).get(b).set(a).get(rest).set(b),
    ).get(a)
  })
  module.func({ params: ['i32'], results: ['i32'], export: 'collatz' }, (f, n) => {
    const steps = f.local('i32')
    f.block(done => {
      f.loop(again => {
        f.get(n).i32_const(1).i32_le_u().br_if(done)
        f.get(n).i32_const(1).i32_and()
        f.if(
          'i32',
          () => f.get(n).i32_const(3).i32_mul().i32_const(1).i32_add(),
          () => f.get(n).i32_const(1).i32_shr_u(),
        ).set(n)
        f.get(steps).i32_const(1).i32_add().set(steps).br(again)
      })
    }).get(steps)
  })
  const { gcd, collatz } = run(module)
  expect(gcd(1071, 462)).toBe(21)
  expect(gcd(5, 0)).toBe(5)
  expect([1, 2, 6, 27].map(n => collatz(n))).toEqual([0, 1, 8, 111])
})

test('br_table, if labels, multi-value blocks', () => {
  const module = new ModuleBuilder()
  module.func({ params: ['i32'], results: ['i32'], export: 'pick' }, (f, i) => {
    f.block(c => {
      f.block(b => {
        f.block(a => {
          f.get(i).br_table([a, b], c)
        })
        f.i32_const(10).return()
      })
      f.i32_const(20).return()
    })
    f.i32_const(30)
  })
  module.func({ params: ['i32'], results: ['i32'], export: 'clamp' }, (f, x) => {
    f.get(x).i32_const(0).i32_lt_s()
    f.if(end => {
      f.i32_const(0).set(x)
      f.br(end)
    })
    f.get(x)
  })
  module.func({ params: ['i32', 'i32'], results: ['i32'], export: 'difference' }, (f, a, b) => {
    f.block({ results: ['i32', 'i32'] }, () => f.get(b).get(a)).i32_sub()
  })
  const { pick, clamp, difference } = run(module)
  expect([0, 1, 2, 9].map(i => pick(i))).toEqual([10, 20, 30, 30])
  expect([clamp(-3), clamp(3)]).toEqual([0, 3])
  expect(difference(2, 7)).toBe(5)
})

test('imports, forward declarations, indirect calls, globals, start', () => {
  const module = new ModuleBuilder()
  const log = module.importFunc('env', 'log', { params: ['i32'] })
  const even = module.func({ params: ['i32'], results: ['i32'], export: 'even' })
  const odd = module.func({ params: ['i32'], results: ['i32'] }, (f, n) =>
    f
      .get(n)
      .i32_eqz()
      .if(
        'i32',
        () => f.i32_const(0),
        () => f.get(n).i32_const(1).i32_sub().call(even),
      ),
  )
  even.define((f, n) =>
    f
      .get(n)
      .i32_eqz()
      .if(
        'i32',
        () => f.i32_const(1),
        () => f.get(n).i32_const(1).i32_sub().call(odd),
      ),
  )
  const counter = module.global({ type: 'i32', mutable: true, init: 40, export: 'counter' })
  module.global({ type: 'i64', init: -5n, export: 'big' })
  module.global({ type: 'f64', init: 0.1, export: 'tenth' })
  const start = module.func({}, f =>
    f.global_get(counter).i32_const(2).i32_add().global_set(counter).global_get(counter).call(log),
  )
  module.start(start)
  const table = module.table({ min: 3 })
  module.elements(table, 1, [even, odd])
  module.func({ params: ['i32', 'i32'], results: ['i32'], export: 'indirect' }, (f, n, which) =>
    f
      .get(n)
      .get(which)
      .call_indirect({ params: ['i32'], results: ['i32'] }, table),
  )
  const logged: number[] = []
  const exports = run(module, { env: { log: (x: number) => logged.push(x) } })
  expect(logged).toEqual([42])
  expect((exports.big as unknown as WebAssembly.Global).value).toBe(-5n)
  expect((exports.tenth as unknown as WebAssembly.Global).value).toBe(0.1)
  expect([exports.even(10), exports.even(7)]).toEqual([1, 0])
  expect([exports.indirect(7, 1), exports.indirect(7, 2)]).toEqual([0, 1])
  expect(() => exports.indirect(7, 0)).toThrow(WebAssembly.RuntimeError)
})

test('memory: own, imported, data segments, copy and fill', () => {
  const module = new ModuleBuilder()
  module.memory({ min: 1 }, { export: 'memory' })
  module.data([1, 2, 3, 4], 16)
  const passive = module.data([9, 8, 7])
  module.func({ export: 'work' }, f => {
    f.i32_const(32).i32_const(16).i32_const(4).memory_copy()
    f.i32_const(40).i32_const(5).i32_const(3).memory_fill()
    f.i32_const(48).i32_const(0).i32_const(3).memory_init(passive).data_drop(passive)
  })
  const exports = run(module)
  exports.work()
  const bytes = new Uint8Array((exports.memory as unknown as WebAssembly.Memory).buffer)
  expect([...bytes.subarray(32, 36)]).toEqual([1, 2, 3, 4])
  expect([...bytes.subarray(39, 44)]).toEqual([0, 5, 5, 5, 0])
  expect([...bytes.subarray(48, 52)]).toEqual([9, 8, 7, 0])
})

test('LEB128 at its edges survives the trip', () => {
  const ints = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)]
  const longs = [0n, -1n, 63n, 64n, -64n, -65n, 2n ** 63n - 1n, -(2n ** 63n), 123456789012345n]
  const module = new ModuleBuilder()
  ints.forEach((n, i) => {
    module.func({ results: ['i32'], export: `i${i}` }, f => f.i32_const(n))
  })
  longs.forEach((n, i) => {
    module.func({ results: ['i64'], export: `l${i}` }, f => f.i64_const(n))
  })
  const exports = run(module)
  expect(ints.map((_, i) => exports[`i${i}`]())).toEqual(ints)
  expect(longs.map((_, i) => exports[`l${i}`]() as unknown as bigint)).toEqual(longs)
})

test('many locals of mixed types keep their values', () => {
  const module = new ModuleBuilder()
  module.func({ params: ['f64'], results: ['f64'], export: 'sum' }, (f, x) => {
    const parts: Local<'f64'>[] = []
    for (let i = 0; i < 200; i++) {
      f.local('i32')
      const part = f.local('f64')
      f.get(x).f64_const(i).f64_mul().set(part)
      parts.push(part)
    }
    f.f64_const(0)
    for (const part of parts) f.get(part).f64_add()
  })
  expect(run(module).sum(0.5)).toBe((199 * 200) / 4)
})

test.skipIf(!features().sharedMemory)('shared memory: atomics (needs SharedArrayBuffer)', () => {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', { min: 1, max: 4, shared: true })
  module.func({ params: ['i32'], results: ['i32'], export: 'take' }, (f, n) =>
    f.i32_const(64).get(n).i32_atomic_rmw_add(),
  )
  module.func({ params: ['i32', 'i32'], results: ['i32'], export: 'swap' }, (f, expected, next) =>
    f.i32_const(64).get(expected).get(next).i32_atomic_rmw_cmpxchg(),
  )
  module.func({ results: ['i32'], export: 'wake' }, f =>
    f.i32_const(64).i32_const(1).memory_atomic_notify().atomic_fence(),
  )
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
  const { take, swap, wake } = run(module, { env: { memory } })
  expect([take(3), take(4)]).toEqual([0, 3])
  expect([swap(6, 1), swap(7, 1)]).toEqual([7, 7])
  expect(new Int32Array(memory.buffer)[16]).toBe(1)
  expect(wake()).toBe(0)
})

test('misuse is named', () => {
  const module = new ModuleBuilder()
  module.func({ name: 'later' })
  expect(() => module.build()).toThrow('function later has no body')
  expect(() => module.importFunc('a', 'b', {})).toThrow('import of function a.b after a definition')
  expect(() => module.importMemory('a', 'b', { min: 1, shared: true })).toThrow('needs a maximum')
  const branchOut = (f: FuncBuilder): void => {
    let out: unknown
    f.block(label => {
      out = label
    })
    f.block(() => {
      f.br(out as never)
    })
  }
  expect(() => module.func({}, branchOut)).toThrow('outside its block')
  expect(() => module.func({}, f => f.v128_const([1, 2]))).toThrow('16 bytes, not 2')
})
