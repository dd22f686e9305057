// Writes to memory: single elements, four neighbours at once, and lane by lane where they are scattered or masked.

import type { FuncBuilder, Local } from '@cairn/wasm'
import type { DType } from '../../dtype.ts'
import type { Stmt } from '../../kernel/ir.ts'
import { instruct, type Node, type Use } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import type { Loads } from './print-loads.ts'
import type { Places } from './print-places.ts'
import { scalarBinary, storages } from './print-types.ts'
import type { Values } from './print-values.ts'

type StoreStmt = Extract<Stmt, { kind: 'store' }>

export class Stores {
  private readonly frame: Frame
  private readonly values: Values
  private readonly places: Places
  private readonly loads: Loads

  constructor(frame: Frame, values: Values) {
    this.frame = frame
    this.values = values
    this.places = values.places
    this.loads = values.loads
  }

  store(s: StoreStmt): void {
    const { lanes } = this.frame
    if (!lanes) {
      this.element(s)
      return
    }
    const contiguous = lanes.varies.stride(s.index) === 'contiguous'
    for (let u = 0; u < lanes.unroll; u++) {
      if (contiguous && !s.valid) this.vector(s, u)
      else this.eachLane(s, u, contiguous)
    }
  }

  private element(s: StoreStmt): void {
    const { code, memories, scalars } = this.frame
    const dtype = memories[s.buffer]
    const { base, offset } = this.places.address(s.buffer, s.index, 0)
    const valid = s.valid && this.values.scalar(s.valid)
    const given = this.values.scalar(s.value)
    if (!valid) {
      const value =
        s.mode === 'set'
          ? given
          : scalars.binary(s.mode, s.value.dtype, this.loads.element(s.buffer, { base, offset }), given)
      this.write(dtype, base, offset, value)
      return
    }
    code.effect(
      [valid, base, given],
      (f, use) => {
        use(valid)
        f.if(() => this.writeInBranch(f, use, s, dtype, base, offset, given))
      },
      true,
    )
  }

  private write(dtype: DType, base: Node, offset: number, value: Node): void {
    this.frame.code.effect([base, value], (f, use) => {
      use(base)
      use(value)
      instruct(f, storages[dtype].store, offset)
    })
  }

  /** A store, or read-modify-write, inside a branch, where no new values can be placed. */
  private writeInBranch(
    f: FuncBuilder,
    use: Use,
    s: StoreStmt,
    dtype: DType,
    base: Node,
    offset: number,
    given: Node,
  ): void {
    use(base)
    if (s.mode === 'set') use(given)
    else {
      const load = (): void => {
        use(base)
        instruct(f, storages[dtype].load, offset)
        if (dtype === 'bool') f.i32_const(0).i32_ne()
      }
      const compute = s.value.dtype
      const one = scalarBinary[compute]?.[s.mode]
      if (one) {
        load()
        use(given)
        instruct(f, one)
      } else {
        // the larger or smaller of two integers
        if (s.mode === 'min') {
          load()
          use(given)
        } else {
          use(given)
          load()
        }
        load()
        use(given)
        instruct(f, scalarBinary[compute]!.lt!)
        f.select()
      }
    }
    instruct(f, storages[dtype].store, offset)
  }

  private vector(s: StoreStmt, u: number): void {
    const { code, memories, vectors } = this.frame
    const dtype = memories[s.buffer]
    const place = this.places.address(s.buffer, s.index, 4 * u)
    const given = this.values.vector(s.value, u)
    const old = (): Node => this.loads.widened(dtype, this.loads.contiguous(s.buffer, storages[dtype].widen[0], place))
    const value = s.mode === 'set' ? given : vectors.reduce(s.mode, s.value.dtype, old(), given)
    const { base, offset } = place
    code.effect([base, value], (f, use) => {
      use(base)
      use(value)
      switch (storages[dtype].shift) {
        case 2:
          f.v128_store(offset)
          break
        case 1: {
          const words = this.spareVector(f)
          f.tee(words).get(words).i16x8_narrow_i32x4_u().v128_store64_lane(0, offset)
          break
        }
        default: {
          const bytes = this.spareVector(f)
          const mask = dtype === 'bool' ? 1 : 0xff
          f.i32x4_const(mask, mask, mask, mask).v128_and().tee(bytes).get(bytes).i16x8_narrow_i32x4_u()
          f.tee(bytes).get(bytes).i8x16_narrow_i16x8_u().v128_store32_lane(0, offset)
        }
      }
    })
  }

  private spare: Local | null = null

  private spareVector(f: FuncBuilder): Local {
    return (this.spare ??= f.local('v128'))
  }

  /** Lane by lane, in order: scattered or masked. */
  private eachLane(s: StoreStmt, u: number, contiguous: boolean): void {
    const { code, memories, vectors } = this.frame
    const { varies } = this.frame.lanes!
    const dtype = memories[s.buffer]
    const value = this.values.vector(s.value, u)
    const varying = s.valid !== null && varies.of(s.valid)
    const valid = s.valid && (varying ? this.values.vector(s.valid, u) : this.values.scalar(s.valid))
    const first = contiguous ? this.places.address(s.buffer, s.index, 4 * u) : null
    for (let lane = 0; lane < 4; lane++) {
      const { base, offset } = first
        ? { base: first.base, offset: first.offset + (lane << storages[dtype].shift) }
        : this.places.address(s.buffer, s.index, 4 * u + lane)
      const given = vectors.extract(s.value.dtype, value, lane)
      const condition = valid && (varying ? vectors.extract('bool', valid, lane) : valid)
      const args = condition ? [base, given, condition] : [base, given]
      code.effect(
        args,
        (f, use) => {
          if (!condition) return this.writeInBranch(f, use, s, dtype, base, offset, given)
          use(condition)
          f.if(() => this.writeInBranch(f, use, s, dtype, base, offset, given))
        },
        true,
      )
    }
  }
}
