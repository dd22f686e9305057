// Reads of memory: single elements, four neighbours at once, four from anywhere, and those that are read only where a mask allows.
// What an open loop also stores to is read where it is used, and not further out.

import type { Mnemonic } from '@cairn/wasm'
import { type ComputeType, computeType, type DType } from '../../dtype.ts'
import { eachExpr } from '../../kernel/depends.ts'
import type { Expr, Stmt } from '../../kernel/ir.ts'
import { instruct, type Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import { stepOf } from './print-lanes.ts'
import type { Address, Places } from './print-places.ts'
import { scalarTypes, storages } from './print-types.ts'
import type { Values } from './print-values.ts'

export type LoadExpr = Extract<Expr, { op: 'load' }>

/** Loads under a mask: where there are some, rows may have borders. */
export function maskedLoads(body: readonly Stmt[]): readonly LoadExpr[] {
  const found: LoadExpr[] = []
  eachExpr(body, e => {
    if (e.op === 'load' && e.valid) found.push(e)
  })
  return found
}

/** Ids that tell buffers from accumulators among the mutable things a value reads. */
export const bufferReads = 1 << 20

/** What an element of memory is once loaded; f16 and bf16 are bits here. */
const computeTypeOfMemory = (dtype: DType): ComputeType =>
  dtype === 'f16' || dtype === 'bf16' ? 'u32' : computeType(dtype)

/** Four elements by one or two loads of neighbours, for the distances at which that can be. */
interface Pattern {
  /** the lane whose element lies lowest */
  readonly lane: number
  /** where it is another instruction than that of neighbours */
  readonly load?: Mnemonic
  /** where sixteen bytes are loaded, from there */
  readonly at: readonly number[]
  /** which of their words are the elements; null: all of them in order */
  readonly pick: readonly number[] | null
}

const patterns: Readonly<Record<number, Pattern>> = {
  0: { lane: 0, load: 'v128_load32_splat', at: [0], pick: null },
  1: { lane: 0, at: [0], pick: null },
  [-1]: { lane: 3, at: [0], pick: [3, 2, 1, 0] },
  2: { lane: 0, at: [0, 12], pick: [0, 2, 5, 7] },
  3: { lane: 0, at: [0, 24], pick: [0, 3, 4, 7] },
}

const bytesOfWords = (words: readonly number[]): number[] => words.flatMap(w => [0, 1, 2, 3].map(i => 4 * w + i))

export class Loads {
  private readonly frame: Frame
  private readonly values: Values
  private readonly places: Places

  constructor(frame: Frame, values: Values, places: Places) {
    this.frame = frame
    this.values = values
    this.places = places
  }

  /** One element, as its compute type. */
  element(buffer: number, { base, offset }: Address): Node {
    const { code, memories } = this.frame
    const dtype = memories[buffer]
    const { load } = storages[dtype]
    const type = scalarTypes[computeTypeOfMemory(dtype)]
    const at = this.frame.storedIn(buffer)
    const node = at
      ? code.node(
          type,
          [base],
          (f, use) => {
            use(base)
            instruct(f, load, offset)
          },
          { at, reads: new Set([bufferReads + buffer]) },
        )
      : code.op(load, type, [base], offset)
    return dtype === 'bool' ? code.op('i32_ne', 'i32', [node, code.i32(0)]) : node
  }

  scalar(e: LoadExpr): Node {
    const place = this.places.address(e.buffer, e.index, 0)
    if (!e.valid) return this.element(e.buffer, place)
    return this.guardedLoad(e, this.values.scalar(e.valid), place)
  }

  /** An element that is read only where `valid` holds, else 0. */
  private guardedLoad(e: LoadExpr, valid: Node, { base, offset }: Address): Node {
    const { code, scalars } = this.frame
    const dtype = this.frame.memories[e.buffer]
    const type = scalarTypes[computeTypeOfMemory(dtype)]
    const zero = scalars.constant(e.dtype, 0)
    const at = this.frame.storedIn(e.buffer)
    const node = code.node(
      type,
      [valid, base, zero],
      (f, use) => {
        use(valid)
        f.if(
          type,
          () => {
            use(base)
            instruct(f, storages[dtype].load, offset)
          },
          () => use(zero),
        )
      },
      {
        repeated: true,
        ...(at
          ? { at, reads: new Set([bufferReads + e.buffer]) }
          : { key: `masked ${e.buffer} ${valid.id} ${base.id} ${offset}` }),
      },
    )
    return dtype === 'bool' ? code.op('i32_ne', 'i32', [node, code.i32(0)]) : node
  }

  /** Group `u` of four lanes. */
  vector(e: LoadExpr, u: number): Node {
    const { code } = this.frame
    const { varies } = this.frame.lanes!
    const dtype = this.frame.memories[e.buffer]
    const { widen } = storages[dtype]
    const step = varies.ofIndex(e.index) ? stepOf(e.index, varies) : 0
    const pattern = step !== null && (step === 1 || widen[0] === 'v128_load') ? patterns[step] : undefined
    if (!pattern) return e.valid ? this.maskedGather(e, u) : this.gather(e, u)
    if (!e.valid) return this.widened(dtype, this.read(e, pattern, u))
    const uniform = !varies.of(e.valid)
    const mask = uniform ? this.values.scalar(e.valid) : this.values.vector(e.valid, u)
    const loaded = this.widened(dtype, this.readWhereAny(e, pattern, u, mask, uniform))
    return uniform ? loaded : code.op('v128_and', 'v128', [loaded, mask])
  }

  private read(e: LoadExpr, { lane, load, at, pick }: Pattern, u: number): Node {
    const { code, memories } = this.frame
    const { base, offset } = this.places.address(e.buffer, e.index, 4 * u + lane)
    load ??= storages[memories[e.buffer]].widen[0]
    const parts = at.map(bytes => this.contiguous(e.buffer, load, { base, offset: offset + bytes }))
    return pick ? code.op('i8x16_shuffle', 'v128', [parts[0], parts.at(-1)!], bytesOfWords(pick)) : parts[0]
  }

  /**
   * Four elements where a mask holds for any of them, else 0. Elements beside a valid one may lie outside of the buffer, and are read: they are in the
   * memory (see `guardBytes`), and the caller clears them.
   */
  private readWhereAny(e: LoadExpr, pattern: Pattern, u: number, mask: Node, uniform: boolean): Node {
    const { code, memories } = this.frame
    const { lane, at, pick } = pattern
    const { base, offset } = this.places.address(e.buffer, e.index, 4 * u + lane)
    const load = pattern.load ?? storages[memories[e.buffer]].widen[0]
    const scope = this.frame.storedIn(e.buffer)
    return code.node(
      'v128',
      [mask, base],
      (f, use) => {
        use(mask)
        if (!uniform) f.v128_any_true()
        f.if(
          'v128',
          () => {
            for (const bytes of pick ? [at[0], at.at(-1)!] : at) {
              use(base)
              instruct(f, load, offset + bytes)
            }
            if (pick) f.i8x16_shuffle(bytesOfWords(pick))
          },
          () => f.i32x4_const(0, 0, 0, 0),
        )
      },
      {
        repeated: true,
        ...(scope
          ? { at: scope, reads: new Set([bufferReads + e.buffer]) }
          : { key: `masked4 ${e.buffer} ${mask.id} ${base.id} ${offset} ${load} ${pick}` }),
      },
    )
  }

  /** Sixteen bytes or fewer from one place. */
  contiguous(buffer: number, load: Mnemonic, { base, offset }: Address): Node {
    const { code } = this.frame
    const at = this.frame.storedIn(buffer)
    if (!at) return code.op(load, 'v128', [base], offset)
    return code.node(
      'v128',
      [base],
      (f, use) => {
        use(base)
        instruct(f, load, offset)
      },
      { at, reads: new Set([bufferReads + buffer]) },
    )
  }

  widened(dtype: DType, x: Node): Node {
    const { code, vectors } = this.frame
    for (const op of storages[dtype].widen.slice(1)) x = code.op(op, 'v128', [x])
    return dtype === 'bool' ? code.op('i32x4_ne', 'v128', [x, vectors.constant('i32', 0)]) : x
  }

  private gather(e: LoadExpr, u: number): Node {
    const { code } = this.frame
    const dtype = this.frame.memories[e.buffer]
    const places = [0, 1, 2, 3].map(lane => this.places.address(e.buffer, e.index, 4 * u + lane))
    if (storages[dtype].widen[0] !== 'v128_load' || this.frame.storedIn(e.buffer))
      return this.frame.vectors.fromLanes(
        e.dtype,
        places.map(place => this.element(e.buffer, place)),
      )
    let all = code.op('v128_load32_zero', 'v128', [places[0].base], places[0].offset)
    for (let lane = 1; lane < 4; lane++)
      all = code.op('v128_load32_lane', 'v128', [places[lane].base, all], lane, places[lane].offset)
    return all
  }

  private maskedGather(e: LoadExpr, u: number): Node {
    const { lanes, vectors } = this.frame
    const { varies } = lanes!
    const varying = varies.of(e.valid!)
    const valid = varying ? this.values.vector(e.valid!, u) : this.values.scalar(e.valid!)
    const elements = [0, 1, 2, 3].map(lane =>
      this.guardedLoad(
        e,
        varying ? vectors.extract('bool', valid, lane) : valid,
        this.places.address(e.buffer, e.index, 4 * u + lane),
      ),
    )
    return vectors.fromLanes(e.dtype, elements)
  }
}
