// The kernels of a backend: printed, compiled and known to the pool under an index. Kernels that print to the same bytes
// are one; those that no program holds are kept until there are too many.

import { features, type KernelPool } from '@cairn/wasm'
import { DeviceError } from '../../errors.ts'
import { evaluateDim } from '../../kernel/dim.ts'
import type { Kernel, LoopKernel } from '../../kernel/ir.ts'
import { matmulAsLoops } from '../../kernel/matmul-loops.ts'
import { type ParamLayout, paramLayout } from '../../kernel/params.ts'
import { forLanes } from './for-lanes.ts'
import * as later from './later.ts'
import { printLoopKernel, scratchBytes } from './print.ts'
import type { PrintedMatmul } from './print-matmul.ts'
import { grainOf, workOf } from './work.ts'

/** How a kernel is cut and what it needs, for given sizes. */
export interface LaunchPlan {
  readonly items: number
  readonly grain: number
  readonly scratch: number
  /** value of `partitionWord` */
  readonly partition: number
}

/** One kernel of a program: its text is shared, its layout and sizes are its own. */
export interface LoadedKernel {
  readonly kernel: Kernel
  readonly layout: ParamLayout
  readonly code: CompiledCode
  /** parameter words, with what the template adds to those of `layout` */
  readonly words: number
  /** -1: none */
  readonly partitionWord: number
  plan(symbols: ArrayLike<number>): LaunchPlan
}

/** A module; `index` is there once `ready` has resolved. */
export interface CompiledCode {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly hash: number
  readonly ready: Promise<void>
  index: number
  /** programs that hold it */
  holders: number
}

/** Kernels without a program that stay compiled. */
const keptIdle = 1024

export class KernelCache {
  private readonly pool: KernelPool
  private readonly shared: boolean
  private readonly loaded = { whole: new WeakMap<Kernel, LoadedKernel>(), inParts: new WeakMap<Kernel, LoadedKernel>() }
  private readonly byHash = new Map<number, CompiledCode[]>()
  /** code without holders, the longest idle first */
  private readonly idle = new Set<CompiledCode>()

  constructor(pool: KernelPool, shared: boolean) {
    this.pool = pool
    this.shared = shared
  }

  /** Compiled kernels, in use or kept. */
  get size(): number {
    let count = 0
    for (const list of this.byHash.values()) count += list.length
    return count
  }

  /** Prints and starts to compile; the caller holds the result until `release`. `parts`: for launches that have several. */
  hold(kernel: Kernel, parts = false): LoadedKernel {
    const loaded = parts ? this.loaded.inParts : this.loaded.whole
    let found = loaded.get(kernel)
    if (!found || found.code.holders < 0) {
      found = this.print(kernel, parts)
      loaded.set(kernel, found)
    }
    found.code.holders++
    this.idle.delete(found.code)
    return found
  }

  release({ code }: LoadedKernel): void {
    if (--code.holders > 0) return
    this.idle.add(code)
    for (const old of this.idle) {
      if (this.idle.size <= keptIdle) break
      this.drop(old)
    }
  }

  private drop(code: CompiledCode): void {
    this.idle.delete(code)
    // a kernel that still knows this code must print again
    code.holders = Number.NEGATIVE_INFINITY
    const list = this.byHash.get(code.hash)!.filter(c => c !== code)
    if (list.length) this.byHash.set(code.hash, list)
    else this.byHash.delete(code.hash)
    // nothing to remove where it did not compile or the pool is gone
    code.ready.then(() => this.pool.removeKernel(code.index)).catch(() => {})
  }

  private print(kernel: Kernel, parts: boolean): LoadedKernel {
    const options = { relaxed: features().relaxedSimd, shared: this.shared, parts }
    const layout = paramLayout(kernel)
    if (kernel.kind === 'custom')
      throw new DeviceError('wasm', 'cannot run a kernel of a user in WGSL', { kernel: kernel.name })
    if (kernel.kind === 'matmul') {
      const printed = later.matmul.module.printMatmul(kernel, options)
      if (printed) return this.matmul(kernel, layout, printed)
    }
    if (kernel.kind === 'attention') {
      const printed = later.attention.module.printAttention(kernel, options)
      const { partitionWord } = printed
      const code = this.compile(printed.code, kernel.name)
      const plan = (symbols: ArrayLike<number>) => printed.plan(symbols, this.pool.threads)
      return { kernel, layout, code, words: partitionWord + 1, partitionWord, plan }
    }
    const loops = forLanes(kernel.kind === 'matmul' ? matmulAsLoops(kernel) : kernel)
    const code = this.compile(printLoopKernel(loops, options), kernel.name)
    const own = paramLayout(loops)
    return { kernel, layout: own, code, words: own.words, partitionWord: -1, plan: planLoops(loops) }
  }

  private matmul(kernel: Kernel, layout: ParamLayout, printed: PrintedMatmul): LoadedKernel {
    return {
      kernel,
      layout,
      code: this.compile(printed.code, kernel.name),
      words: printed.partitionWord + 1,
      partitionWord: printed.partitionWord,
      plan: symbols => {
        const { items, grain, byRows, scratchBytes } = printed.plan(symbols, this.pool.threads)
        return { items, grain, scratch: scratchBytes, partition: Number(byRows) }
      },
    }
  }

  private compile(bytes: Uint8Array<ArrayBuffer>, name: string): CompiledCode {
    const hash = hashOf(bytes)
    const list = this.byHash.get(hash) ?? []
    const known = list.find(c => equal(c.bytes, bytes))
    if (known) return known
    const code: CompiledCode = {
      bytes,
      hash,
      index: -1,
      holders: 0,
      ready: WebAssembly.compile(bytes).then(module => {
        code.index = this.pool.addKernel(module, name)
      }),
    }
    // reported by the run that needs it
    code.ready.catch(() => {})
    list.push(code)
    this.byHash.set(hash, list)
    return code
  }
}

function planLoops(kernel: LoopKernel): (symbols: ArrayLike<number>) => LaunchPlan {
  const work = workOf(kernel)
  return symbols => {
    const items = kernel.parallel.reduce((p, axis) => p * evaluateDim(axis.size, symbols), 1)
    return {
      items,
      grain: grainOf(items, work(symbols), kernel.vector),
      scratch: scratchBytes(kernel, symbols),
      partition: 0,
    }
  }
}

/** FNV-1a */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
  return hash >>> 0
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
