// The kernel language between the scheduler and the printers (WGSL, WebAssembly). A kernel is a set of parallel
// axes and a body of loops, accumulators and stores over expression graphs; sharing inside an expression graph is by
// object identity (a printer computes a shared Expr once per scope). Nothing here knows a device.

import type { ComputeType, DType } from '../dtype.ts'
import type { Dim } from './dim.ts'
import type { Axis, Index } from './index-expr.ts'

/** unary: floats unless said. `round` is half to even. `not` is logical on bool, bitwise on integers. */
export const unaryOps = [
  'neg',
  'abs',
  'exp',
  'log',
  'log1p',
  'expm1',
  'sin',
  'cos',
  'tan',
  'tanh',
  'erf',
  'sqrt',
  'rsqrt',
  'reciprocal',
  'floor',
  'ceil',
  'round',
  'trunc',
  'not',
  'isNaN',
] as const
/** binary: same dtype on both sides. `div` on integers truncates (by zero: 0, and `mod` by zero: 0); shift counts are taken mod the width; `mod` has the sign of the dividend; comparisons give bool; `max`/`min` propagate NaN. */
export const binaryOps = [
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'pow',
  'max',
  'min',
  'atan2',
  'lt',
  'le',
  'eq',
  'ne',
  'and',
  'or',
  'xor',
  'shl',
  'shr',
] as const
export type UnaryOp = (typeof unaryOps)[number]
export type BinaryOp = (typeof binaryOps)[number]

export type Expr =
  /** a constant that the library wrote; may be NaN or infinite */
  | { readonly op: 'const'; readonly dtype: ComputeType; readonly value: number }
  /** a runtime scalar of the launch */
  | { readonly op: 'scalar'; readonly dtype: ComputeType; readonly slot: number }
  /** buffer[index] widened to the compute type; with `valid` false the value is 0 and nothing is read */
  | {
      readonly op: 'load'
      readonly dtype: ComputeType
      readonly buffer: number
      readonly index: Index
      readonly valid: Expr | null
    }
  /** an index as an i32 value (iota) */
  | { readonly op: 'index'; readonly dtype: 'i32'; readonly index: Index }
  /** the value of an accumulator now; in a matmul kernel `acc` 0 is the product */
  | { readonly op: 'acc'; readonly dtype: ComputeType; readonly id: number }
  | { readonly op: UnaryOp; readonly dtype: ComputeType; readonly args: readonly [Expr] }
  | { readonly op: BinaryOp; readonly dtype: ComputeType; readonly args: readonly [Expr, Expr] }
  /** args: condition (bool), then, else */
  | { readonly op: 'where'; readonly dtype: ComputeType; readonly args: readonly [Expr, Expr, Expr] }
  /** a * b + c, rounded once where the device has a fused instruction, else twice; written by kernel/math.ts, never by the scheduler */
  | { readonly op: 'fma'; readonly dtype: ComputeType; readonly args: readonly [Expr, Expr, Expr] }
  /** value conversion; float to integer truncates and saturates, NaN gives 0; to bool is `!= 0` */
  | { readonly op: 'cast'; readonly dtype: ComputeType; readonly args: readonly [Expr] }
  /** round to f16 or bf16 and back, so that a fused value equals the stored one */
  | { readonly op: 'roundTo'; readonly dtype: 'f32'; readonly to: 'f16' | 'bf16'; readonly args: readonly [Expr] }
  /**
   * An i32 index that is data: itself inside of [0, size), else the nearest that is, so that no kernel leaves its memory. A device that checks
   * tells the host of an index outside, by the op that was given it; there is none where a mask would not look.
   */
  | {
      readonly op: 'bounded'
      readonly dtype: 'i32'
      readonly args: readonly [Expr]
      readonly size: Dim
      readonly by: PickingOp
      readonly axis: number
    }
  /** the same bits as another 32-bit type */
  | { readonly op: 'bitcast'; readonly dtype: ComputeType; readonly args: readonly [Expr] }

/** The primitives that take indices as data. */
export type PickingOp = 'gather' | 'scatter'
export type Bounded = Extract<Expr, { op: 'bounded' }>

export type ReduceOp = 'add' | 'mul' | 'max' | 'min'

export type Stmt =
  /**
   * Iterates `axis` from 0 to its size (to `end` when given and smaller). With `reduces`, iterations update the named
   * accumulators with an associative op and never read them, and are independent otherwise (stores to distinct places are
   * allowed), so a printer may run them in lanes or across a workgroup's threads and combine.
   * Without it and without `ordered`, iterations are independent (stores to distinct places): also free to run in any order.
   */
  | {
      readonly kind: 'loop'
      readonly axis: Axis
      readonly end: Index | null
      readonly reduces: readonly number[]
      readonly ordered: boolean
      readonly body: readonly Stmt[]
    }
  /** a mutable variable, visible in the rest of this body */
  | { readonly kind: 'declare'; readonly acc: number; readonly dtype: ComputeType; readonly init: number }
  /** acc = acc op value */
  | { readonly kind: 'update'; readonly acc: number; readonly op: ReduceOp; readonly value: Expr }
  /** buffer[index] = value (or += / max= / min=: then the same place may be hit again by later `ordered` iterations); skipped where `valid` is false */
  | {
      readonly kind: 'store'
      readonly buffer: number
      readonly index: Index
      readonly value: Expr
      readonly mode: 'set' | ReduceOp
      readonly valid: Expr | null
    }

export interface BufferParam {
  readonly dtype: DType
  readonly access: 'read' | 'write' | 'readwrite'
  /** elements; for checks and binding sizes */
  readonly size: Dim
}

interface KernelHead {
  /** the ops it fuses, for profiles and errors, e.g. `layerNorm: sum mul rsqrt` */
  readonly name: string
  /** buffers of the launch in order; each distinct memory appears once (in-place is one `readwrite` buffer) */
  readonly buffers: readonly BufferParam[]
  readonly scalars: readonly ComputeType[]
}

/** Loops over parallel axes. Items of the launch = product of the parallel sizes, the last axis fastest. */
export interface LoopKernel extends KernelHead {
  readonly kind: 'loop'
  readonly parallel: readonly Axis[]
  /** the last parallel axis is contiguous for most accesses: a CPU printer runs it in vector lanes */
  readonly vector: boolean
  /** memory private to an item, reused from item to item: indexed like buffers, numbered after them; rows of a row kernel */
  readonly scratch: readonly { readonly dtype: DType; readonly size: Dim }[]
  readonly body: readonly Stmt[]
}

/** C[batch, m, n] = sum over k of a * b in f32; `body` (stores only, over batch, m and n) reads the product as `acc` 0. */
export interface MatmulKernel extends KernelHead {
  readonly kind: 'matmul'
  readonly batch: readonly Axis[]
  readonly m: Axis
  readonly n: Axis
  readonly k: Axis
  /** a's index is linear in batch, m and k; one of the coefficients of m and k is 1 (or its axis has size 1) */
  readonly a: { readonly buffer: number; readonly index: Index }
  /** b's index is linear in batch, k and n; one of the coefficients of k and n is 1 (or its axis has size 1) */
  readonly b: { readonly buffer: number; readonly index: Index }
  readonly body: readonly Stmt[]
}

/** A kernel whose text the user wrote (customOp), for devices that speak its language. Operands are contiguous. */
export interface CustomKernel extends KernelHead {
  readonly kind: 'custom'
  /** defines `fn kernel(i: u32)`, called once for each item */
  readonly wgsl: string
  /** what the text calls its buffers; the result is last */
  readonly operands: readonly { readonly name: string; readonly buffer: number; readonly shape: readonly Dim[] }[]
  /** items of the launch: the product */
  readonly items: readonly Dim[]
}

/** Where an operand's elements lie. */
export interface Place {
  readonly buffer: number
  readonly index: Index
}

/**
 * Attention in f32, forward (`out`, `lse`) or its gradients (`dq`, `dk`, `dv`), of which those that are wanted are there. Every index is linear in
 * the axes; queries, keys, values, `g` and results are contiguous along their width, the mask along keys. What is computed is
 * written in attention-loops.ts, what the operands mean in primitives/attention.ts.
 */
export interface AttentionKernel extends KernelHead {
  readonly kind: 'attention'
  readonly pass: 'forward' | 'gradients'
  readonly axes: {
    readonly batch: Axis
    readonly head: Axis
    readonly group: Axis
    readonly query: Axis
    readonly key: Axis
    readonly width: Axis
    readonly out: Axis
  }
  /** a constant or a scalar of the launch */
  readonly scale: Expr
  readonly operands: {
    readonly q: Place
    readonly k: Place
    readonly v: Place
    readonly starts: Place | null
    readonly ends: Place | null
    readonly mask: Place | null
    /** of the gradients */
    readonly g: Place | null
    readonly lse: Place | null
    readonly delta: Place | null
  }
  readonly results: {
    readonly out: Place | null
    readonly lse: Place | null
    readonly dq: Place | null
    readonly dk: Place | null
    readonly dv: Place | null
  }
}

export const placesOf = (kernel: AttentionKernel): Place[] =>
  [...Object.values(kernel.operands), ...Object.values(kernel.results)].filter(place => place !== null)

export type Kernel = LoopKernel | MatmulKernel | AttentionKernel | CustomKernel
