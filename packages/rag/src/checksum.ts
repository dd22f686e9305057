// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes at a time by tables ("slicing by 8"): detects every change of up to
// 32 bits in a row, so a byte that rots on a disk is found when a segment is read. Long arrays go through WebAssembly, where a
// table is asked without the checks of a typed array; what is short, or where nothing can be compiled, through plain code.

import { features, ModuleBuilder } from '@cairn/wasm'

/** Bytes from which copying them to WebAssembly's memory pays. */
export const COMPILED_FROM = 512
/** Bytes in its memory at once, behind the tables. */
const BLOCK = 1 << 17
const TABLES = 8 * 1024

let tables: Uint32Array[] | undefined

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: 8 }, () => new Uint32Array(256))
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    made[0]![byte] = crc
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[slice - 1]![byte]!
      made[slice]![byte] = made[0]![before & 0xff]! ^ (before >>> 8)
    }
  }
  return made
}

/**
 * The CRC-32C of some bytes, an unsigned 32-bit number.
 * @param before the checksum of the bytes that come before these, to go on from it
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  if (bytes.length >= COMPILED_FROM) {
    compiled ??= features().compile ? compile() : null
    if (compiled) return compiled(bytes, before)
  }
  return plainCrc32c(bytes, before)
}

/** The same without WebAssembly. */
export function plainCrc32c(bytes: Uint8Array, before = 0): number {
  tables ??= makeTables()
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  let crc = ~before
  let at = 0
  for (const whole = bytes.length - (bytes.length % 8); at < whole; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

let compiled: ((bytes: Uint8Array, before: number) => number) | null | undefined

function compile(): (bytes: Uint8Array, before: number) => number {
  const module = new ModuleBuilder()
  const pages = Math.ceil((TABLES + BLOCK) / 65536)
  module.memory({ min: pages, max: pages }, { export: 'memory' })
  // Eight bytes a step: the first four are mixed with the checksum so far. Table k is that of a byte with k bytes behind it.
  module.func({ params: ['i32', 'i32', 'i32'], results: ['i32'], export: 'update' }, (f, address, end, crc) => {
    const next = f.local('i32')
    /** The entry of table `table` for byte `byte` of a word that the local holds. */
    const entry = (word: typeof next, byte: number, table: number): void => {
      f.get(word)
      if (byte > 0) f.i32_const(8 * byte).i32_shr_u()
      if (byte < 3) f.i32_const(0xff).i32_and()
      f.i32_const(2)
        .i32_shl()
        .i32_load(1024 * table)
    }
    f.while(
      () => f.get(address).get(end).i32_lt_u(),
      () => {
        f.get(crc).get(address).i32_load().i32_xor().set(crc)
        f.get(address).i32_load(4).set(next)
        for (let byte = 0; byte < 4; byte++) {
          entry(crc, byte, 7 - byte)
          if (byte > 0) f.i32_xor()
        }
        for (let byte = 0; byte < 4; byte++) {
          entry(next, byte, 3 - byte)
          f.i32_xor()
        }
        f.set(crc)
        f.get(address).i32_const(8).i32_add().set(address)
      },
    )
    f.get(crc)
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()))
  const { memory, update } = exports as unknown as {
    memory: WebAssembly.Memory
    update(address: number, end: number, crc: number): number
  }
  tables ??= makeTables()
  tables.forEach((table, i) => {
    new Uint32Array(memory.buffer).set(table, 256 * i)
  })
  const block = new Uint8Array(memory.buffer, TABLES, BLOCK)
  return (bytes, before) => {
    const whole = bytes.length - (bytes.length % 8)
    let crc = ~before
    for (let at = 0; at < whole; at += BLOCK) {
      const part = bytes.subarray(at, Math.min(whole, at + BLOCK))
      block.set(part)
      crc = update(TABLES, TABLES + part.length, crc)
    }
    return plainCrc32c(bytes.subarray(whole), ~crc >>> 0)
  }
}
