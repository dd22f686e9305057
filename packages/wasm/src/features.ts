// What the engine supports, asked by validating tiny modules made with the assembler itself.

import type { FuncBuilder } from './func.ts'
import { ModuleBuilder } from './module.ts'

/** What can be compiled and run here. */
export interface Features {
  /** WebAssembly exists and runtime compilation is allowed. */
  readonly compile: boolean
  /** 128-bit SIMD. */
  readonly simd: boolean
  /** Relaxed SIMD: `f32x4_relaxed_madd` and relatives. */
  readonly relaxedSimd: boolean
  /** Atomic instructions and shared memories validate. */
  readonly threads: boolean
  /** A shared memory can be made and handed to workers (a page needs COOP and COEP headers for it). */
  readonly sharedMemory: boolean
  /** `memory_copy` and `memory_fill`. */
  readonly bulkMemory: boolean
  /** `i32_trunc_sat_f32_s` and relatives. */
  readonly saturatingConversion: boolean
}

const probes: Record<
  'simd' | 'relaxedSimd' | 'threads' | 'bulkMemory' | 'saturatingConversion',
  (f: FuncBuilder) => void
> = {
  simd: f => f.i32_const(1).i32x4_splat().drop(),
  relaxedSimd: f =>
    f.f32x4_const(1, 1, 1, 1).f32x4_const(1, 1, 1, 1).f32x4_const(1, 1, 1, 1).f32x4_relaxed_madd().drop(),
  threads: f => f.i32_const(0).i32_const(1).i32_atomic_rmw_add().drop(),
  bulkMemory: f => f.i32_const(0).i32_const(0).i32_const(0).memory_fill(),
  saturatingConversion: f => f.f32_const(1).i32_trunc_sat_f32_s().drop(),
}

let known: Features | undefined

/** Asks once, then answers from memory. */
export function features(): Features {
  known ??= detect()
  return known
}

function detect(): Features {
  const compile = canCompile()
  const has = (name: keyof typeof probes): boolean => {
    if (!compile) return false
    const module = new ModuleBuilder()
    module.memory(name === 'threads' ? { min: 1, max: 1, shared: true } : { min: 1 })
    module.func({}, probes[name])
    return WebAssembly.validate(module.build())
  }
  const threads = has('threads')
  return {
    compile,
    simd: has('simd'),
    relaxedSimd: has('relaxedSimd'),
    threads,
    sharedMemory: threads && canShare(),
    bulkMemory: has('bulkMemory'),
    saturatingConversion: has('saturatingConversion'),
  }
}

/** Some edge runtimes have WebAssembly but refuse bytes made at run time. */
function canCompile(): boolean {
  if (typeof WebAssembly === 'undefined') return false
  try {
    new WebAssembly.Module(new ModuleBuilder().build())
    return true
  } catch {
    return false
  }
}

function canShare(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) return false
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer
  } catch {
    return false
  }
}
