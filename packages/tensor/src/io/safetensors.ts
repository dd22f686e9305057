// Reads and writes safetensors (https://github.com/huggingface/safetensors, README "Format"): 8 bytes of header length, a
// JSON header {name: {dtype, shape, data_offsets}}, then the bytes of all tensors without holes. A file may come from a
// stranger: everything the header claims is checked against the bytes that are there before anything is made of it.

import { tensor as copyOf, fromBuffer } from '../creation.ts'
import type { DeviceName } from '../device.ts'
import type { DType, TypedArray } from '../dtype.ts'
import { bytesOf } from '../dtype.ts'
import { CairnError, FormatError } from '../errors.ts'
import { readAll } from '../run.ts'
import type { Tensor } from '../tensor.ts'
import { readFile, writeFile } from './files.ts'

/** The format's own bound on its header. */
const largestHeader = 100_000_000

interface Stored {
  /** bytes of one element in the file */
  readonly bytes: number
  readonly dtype: DType
  readonly array: new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray | Int16Array
}

/** What the file calls a dtype, and what it becomes. 16-bit integers, which Cairn lacks, widen to i32. */
const stored: Readonly<Record<string, Stored>> = {
  F64: { bytes: 8, dtype: 'f64', array: Float64Array },
  F32: { bytes: 4, dtype: 'f32', array: Float32Array },
  F16: { bytes: 2, dtype: 'f16', array: Uint16Array },
  BF16: { bytes: 2, dtype: 'bf16', array: Uint16Array },
  I64: { bytes: 8, dtype: 'i64', array: BigInt64Array },
  I32: { bytes: 4, dtype: 'i32', array: Int32Array },
  U32: { bytes: 4, dtype: 'u32', array: Uint32Array },
  I16: { bytes: 2, dtype: 'i32', array: Int16Array },
  U16: { bytes: 2, dtype: 'i32', array: Uint16Array },
  I8: { bytes: 1, dtype: 'i8', array: Int8Array },
  U8: { bytes: 1, dtype: 'u8', array: Uint8Array },
  BOOL: { bytes: 1, dtype: 'bool', array: Uint8Array },
}
const names: Readonly<Record<DType, string>> = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i64: 'I64',
  i32: 'I32',
  u32: 'U32',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
}

/** One tensor of a file. */
export interface SafetensorsEntry {
  readonly name: string
  /** the dtype as the file spells it: F32, BF16 ... */
  readonly stored: string
  readonly shape: readonly number[]
  /** first byte and the byte after the last, from the start of the file */
  readonly range: readonly [number, number]
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** in the order of their bytes */
  readonly entries: readonly SafetensorsEntry[]
}

const bad = (problem: string, data: Record<string, unknown> = {}): never => {
  throw new FormatError('safetensors', problem, data)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Key-value pairs in a text that is known to be JSON: colons outside of strings. JSON.parse drops repeated keys, this does not. */
function pairsIn(json: string): number {
  let pairs = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x3a) pairs++
  }
  return pairs
}

function entryOf(name: string, value: unknown): SafetensorsEntry {
  if (!isObject(value)) return bad(`'${name}' is not an object`)
  const { dtype, shape, data_offsets: offsets, ...rest } = value
  const [extra] = Object.keys(rest)
  if (extra !== undefined) bad(`'${name}' has an unknown key '${extra}'`)
  if (typeof dtype !== 'string') return bad(`'${name}' has no dtype`)
  if (!Object.hasOwn(stored, dtype))
    return bad(`'${name}' has the dtype '${dtype.slice(0, 40)}'; supported are ${Object.keys(stored).join(', ')}`)
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
  if (!Array.isArray(shape) || !shape.every(isSize)) return bad(`'${name}' has a shape that is not a list of sizes`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return bad(`'${name}' has data_offsets that are not two positions`)
  const [start, end] = offsets as [number, number]
  if (end < start) bad(`'${name}' ends before it starts`, { start, end })
  // An empty axis makes any other size harmless; otherwise the product stops growing once it is more than the range.
  let bytes = shape.includes(0) ? 0 : stored[dtype].bytes
  for (const n of shape) if (bytes <= end - start) bytes *= n
  if (bytes !== end - start)
    bad(`'${name}' has ${end - start} bytes, its shape and dtype need ${bytes > end - start ? 'more' : bytes}`, {
      shape,
      dtype,
    })
  return { name, stored: dtype, shape, range: [start, end] }
}

/**
 * Reads and checks the header of a safetensors file.
 * @throws FormatError for anything that the format does not allow: sizes that do not fit the bytes there are, overlaps, holes, repeated names
 */
export function readSafetensorsHeader(bytes: Uint8Array): SafetensorsHeader {
  if (bytes.byteLength < 8) return bad('the file ends inside of its header length', { bytes: bytes.byteLength })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > BigInt(largestHeader)) bad(`the header claims ${length} bytes, the format allows ${largestHeader}`)
  const first = 8 + Number(length)
  if (first > bytes.byteLength) bad(`the header claims ${length} bytes, the file has ${bytes.byteLength - 8} after it`)
  let text: string
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, first))
    header = JSON.parse(text)
  } catch (error) {
    return bad(`the header is not JSON: ${(error as Error).message.slice(0, 120)}`)
  }
  if (!isObject(header) || !text.startsWith('{')) return bad('the header is not a JSON object')

  const metadata: Record<string, string> = {}
  const entries: SafetensorsEntry[] = []
  let pairs = 0
  for (const [name, value] of Object.entries(header)) {
    pairs++
    if (name === '__metadata__') {
      if (!isObject(value)) return bad('__metadata__ is not an object')
      for (const [key, word] of Object.entries(value)) {
        if (typeof word !== 'string') return bad(`__metadata__ '${key}' is not a string`)
        Object.defineProperty(metadata, key, { value: word, enumerable: true, configurable: true, writable: true })
        pairs++
      }
    } else {
      entries.push(entryOf(name, value))
      pairs += 3
    }
  }
  if (pairs !== pairsIn(text)) bad('the header repeats a name')

  entries.sort((a, b) => a.range[0] - b.range[0] || a.range[1] - b.range[1])
  let at = 0
  for (const { name, range } of entries) {
    if (range[0] !== at)
      bad(`'${name}' ${range[0] < at ? 'overlaps the tensor before it' : 'leaves a hole before it'}`, {
        start: range[0],
        expected: at,
      })
    at = range[1]
  }
  const present = bytes.byteLength - first
  if (at !== present) bad(`the tensors need ${at} bytes, the file has ${present}`)
  return {
    metadata,
    entries: entries.map(e => ({ ...e, range: [e.range[0] + first, e.range[1] + first] as const })),
  }
}

export interface LoadSafetensorsOptions {
  readonly device?: DeviceName
}

/**
 * The tensors of a safetensors file by name, dtypes kept (16-bit integers widen to i32). The bytes are borrowed until a tensor is first used:
 * do not change them before.
 * @throws FormatError for a malformed or hostile file; nothing is allocated that the header merely claims
 */
export function loadSafetensors(bytes: Uint8Array, options: LoadSafetensorsOptions = {}): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const entry of readSafetensorsHeader(bytes).entries)
    tensors.set(entry.name, tensorOf(bytes, entry, options.device))
  return tensors
}

function tensorOf(bytes: Uint8Array, { name, stored: spelled, shape, range }: SafetensorsEntry, device?: DeviceName) {
  const row = stored[spelled]
  const place = bytes.byteOffset + range[0]
  const length = (range[1] - range[0]) / row.bytes
  const values =
    place % row.bytes === 0
      ? new row.array(bytes.buffer, place, length)
      : new row.array(bytes.slice(range[0], range[1]).buffer, 0, length)
  if (row.dtype === 'bool' && (values as Uint8Array).some(v => v > 1)) bad(`'${name}' holds bools that are not 0 or 1`)
  if (spelled === 'I16' || spelled === 'U16')
    return copyOf(Int32Array.from(values as Int16Array), shape, { dtype: 'i32', device })
  return fromBuffer(values as TypedArray, shape, { dtype: row.dtype, device })
}

type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>

/**
 * A safetensors file of the tensors as they are now: all versions are fixed when it is called and read in one execution.
 * @param tensors by name   @param metadata strings, kept under `__metadata__`
 */
export async function saveSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const list = [...(tensors instanceof Map ? tensors : Object.entries(tensors))] as [string, Tensor][]
  if (list.some(([name]) => name === '__metadata__'))
    throw new CairnError('saveSafetensors', "a tensor cannot be called '__metadata__', the format's own key")
  // Wide elements first, as the reference implementation writes them, so that every tensor is aligned.
  list.sort(([a, x], [b, y]) => bytesOf(y.dtype) - bytesOf(x.dtype) || (a < b ? -1 : 1))
  const kinds = list.map(([, t]) => ({ dtype: names[t.dtype], shape: t.shape }))
  const values = await readAll(list.map(([, t]) => t))

  let at = 0
  const entries = values.map((array, i): [string, unknown] => {
    const start = at
    at += array.byteLength
    return [list[i][0], { ...kinds[i], data_offsets: [start, at] }]
  })
  const head = Object.keys(metadata).length ? [['__metadata__', metadata] as const] : []
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...head, ...entries])))
  const padded = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + padded + at)
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true)
  out.set(json, 8)
  out.fill(0x20, 8 + json.length, 8 + padded)
  let place = 8 + padded
  for (const array of values) {
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), place)
    place += array.byteLength
  }
  return out
}

/** `loadSafetensors` of a path or an http URL. @throws FormatError if it is malformed, CairnError if it is not there */
export async function loadSafetensorsFile(
  path: string,
  options: LoadSafetensorsOptions = {},
): Promise<Map<string, Tensor>> {
  const bytes = await readFile(path)
  if (!bytes) throw new CairnError('loadSafetensorsFile', `there is no file ${path}`)
  return loadSafetensors(bytes, options)
}

/** Writes the tensors as they are now to a file, whole or not at all. */
export async function saveSafetensorsFile(
  path: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFile(path, await saveSafetensors(tensors, metadata))
}
