// Reads of memory: single elements, four neighbours at once, four from anywhere, and those that are read only where a mask allows.
// What an open loop also stores to is read where it is used, and not further out.

import type { Mnemonic } from '@cairn/wasm'
import { type ComputeType, computeType, type DType } from '../../dtype.ts'
import type { Expr } from '../../kernel/ir.ts'
import { instruct, type Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import type { Address, Places } from './print-places.ts'
import { scalarTypes, storages } from './print-types.ts'
import type { Values } from './print-values.ts'

export type LoadExpr = Extract<Expr, { op: 'load' }>

/** Ids that tell buffers from accumulators among the mutable things a value reads. */
export const bufferReads = 1 << 20

/** What an element of memory is once loaded; f16 and bf16 are bits here. */
const computeTypeOfMemory = (dtype: DType): ComputeType =>
  dtype === 'f16' || dtype === 'bf16' ? 'u32' : computeType(dtype)

/** Where an element of lane `lane` goes in what the widening load would have given: 16-bit elements are spread by it. */
const narrowLane = (dtype: DType, lane: number): number => (storages[dtype].shift === 1 ? 2 * lane : lane)

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
    const contiguous = varies.stride(e.index) === 'contiguous'
    if (!e.valid) {
      if (!contiguous) return this.gather(e, u)
      const place = this.places.address(e.buffer, e.index, 4 * u)
      return this.widened(dtype, this.contiguous(e.buffer, widen[0], place))
    }
    if (!varies.of(e.valid) || !contiguous) return this.maskedGather(e, u)
    // all four lanes at once where they are all valid
    const mask = this.values.vector(e.valid, u)
    const { base, offset } = this.places.address(e.buffer, e.index, 4 * u)
    const at = this.frame.storedIn(e.buffer)
    const { shift } = storages[dtype]
    const lane = `v128_load${8 << shift}_lane` as Mnemonic
    const node = code.node(
      'v128',
      [mask, base],
      (f, use) => {
        const sum = f.local('v128')
        use(mask)
        f.i32x4_all_true().if(
          'v128',
          () => {
            use(base)
            instruct(f, widen[0], offset)
          },
          () => {
            f.i32x4_const(0, 0, 0, 0).set(sum)
            for (let i = 0; i < 4; i++) {
              use(mask)
              f.i32x4_extract_lane(i).if(() => {
                use(base)
                f.get(sum)
                instruct(f, lane, narrowLane(dtype, i), offset + (i << shift))
                f.set(sum)
              })
            }
            f.get(sum)
          },
        )
      },
      {
        repeated: true,
        ...(at
          ? { at, reads: new Set([bufferReads + e.buffer]) }
          : { key: `masked4 ${e.buffer} ${mask.id} ${base.id} ${offset}` }),
      },
    )
    return this.widened(dtype, node)
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
