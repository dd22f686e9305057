// NumPy's files: .npy (format versions 1 to 3) and .npz, a ZIP archive of them, stored or deflated. Every size in a header is compared with the bytes that are there before
// anything is allocated.

import { fromBuffer, type TensorOptions, tensor } from '../creation.ts'
import type { DeviceName } from '../device.ts'
import type { DType, TypedArray } from '../dtype.ts'
import { CairnError, DTypeError, FormatError } from '../errors.ts'
import { readFile, writeFile } from '../io/files.ts'
import { readAll } from '../run.ts'
import type { Tensor } from '../tensor.ts'

interface Row {
  readonly bytes: number
  readonly dtype: DType
  readonly array: new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray | Int16Array
  /** elements of the array for each of the file's: 2 for complex ones */
  readonly parts?: number
}
const rows: Readonly<Record<string, Row>> = {
  f4: { bytes: 4, dtype: 'f32', array: Float32Array },
  f8: { bytes: 8, dtype: 'f64', array: Float64Array },
  f2: { bytes: 2, dtype: 'f16', array: Uint16Array },
  i8: { bytes: 8, dtype: 'i64', array: BigInt64Array },
  i4: { bytes: 4, dtype: 'i32', array: Int32Array },
  u4: { bytes: 4, dtype: 'u32', array: Uint32Array },
  i2: { bytes: 2, dtype: 'i32', array: Int16Array },
  u2: { bytes: 2, dtype: 'i32', array: Uint16Array },
  i1: { bytes: 1, dtype: 'i8', array: Int8Array },
  u1: { bytes: 1, dtype: 'u8', array: Uint8Array },
  b1: { bytes: 1, dtype: 'bool', array: Uint8Array },
  c8: { bytes: 4, dtype: 'f32', array: Float32Array, parts: 2 },
  c16: { bytes: 8, dtype: 'f64', array: Float64Array, parts: 2 },
}
const spelled: Readonly<Partial<Record<DType, string>>> = {
  f32: '<f4',
  f64: '<f8',
  f16: '<f2',
  i64: '<i8',
  i32: '<i4',
  u32: '<u4',
  i8: '|i1',
  u8: '|u1',
  bool: '|b1',
}

function bad(problem: string, data?: Record<string, unknown>): never {
  throw new FormatError('npy', problem, data)
}

/** The one form of header that NumPy writes, a Python dict with these three keys in any order. */
function headerOf(text: string): { descr: string; fortran: boolean; shape: number[] } {
  const body = /^\{(.*)\}\s*$/s.exec(text)?.[1] ?? bad('the header is not a dict')
  const field = (name: string, pattern: string): string => {
    const found = [...body.matchAll(new RegExp(`'${name}'\\s*:\\s*(${pattern})\\s*(?:,|$)`, 'g'))]
    return found.length === 1 ? found[0][1] : bad(`the header has no proper '${name}'`, { header: body.slice(0, 200) })
  }
  const descr = field('descr', `'[^']*'`).slice(1, -1)
  const fortran = field('fortran_order', 'True|False') === 'True'
  const shape = field('shape', String.raw`\((?:\s*\d+L?\s*,?)*\s*\)`)
    .slice(1, -1)
    .split(',')
    .map(s => s.trim().replace('L', ''))
    .filter(s => s !== '')
    .map(Number)
  if (!shape.every(Number.isSafeInteger)) bad('a size is beyond 2^53')
  return { descr, fortran, shape }
}

export interface NpyOptions {
  readonly device?: DeviceName
}

/**
 * The tensor of a .npy file. 16-bit integers widen to i32; complex values get a last axis of 2. The bytes are borrowed until the tensor is first used, where they lie aligned.
 * @throws FormatError for a malformed or hostile file; objects (pickles) are refused
 */
export function loadNpy(bytes: Uint8Array, options: NpyOptions = {}): Tensor {
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(0, 6)) !== '\x93NUMPY')
    bad('does not begin as a .npy file does')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const major = bytes[6]
  if (major < 1 || major > 3) bad(`format version ${major} is not known`)
  if (major > 1 && bytes.length < 12) bad('the file ends inside of its header')
  const [length, first] = major === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12]
  const start = first + length
  if (start > bytes.length) bad(`the header claims ${length} bytes, the file has ${bytes.length - first}`)
  const { descr, fortran, shape } = headerOf(
    new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(first, start)),
  )
  const row =
    Object.hasOwn(rows, descr.slice(1)) && '<>|='.includes(descr[0] || ' ')
      ? rows[descr.slice(1)]
      : bad(`elements of type '${descr}' have no dtype here`)
  const width = row.bytes * (row.parts ?? 1)
  const present = bytes.length - start
  let needed = shape.includes(0) ? 0 : width
  for (const n of shape) if (needed <= present) needed *= n
  if (needed !== present)
    bad(`the file has ${present} bytes of values, its shape needs ${needed > present ? 'more' : needed}`, { shape })
  const place = bytes.byteOffset + start
  const swapped = descr[0] === '>' && row.bytes > 1
  let [buffer, offset]: [ArrayBufferLike, number] = [bytes.buffer, place]
  if (swapped || place % row.bytes !== 0) {
    const copy = bytes.slice(start)
    if (swapped) for (let i = 0; i < copy.length; i += row.bytes) copy.subarray(i, i + row.bytes).reverse()
    ;[buffer, offset] = [copy.buffer, 0]
  }
  const values = new row.array(buffer, offset, present / row.bytes)
  if (row.dtype === 'bool' && (values as Uint8Array).some(v => v > 1)) bad('a bool is neither 0 nor 1')
  const sizes = fortran ? shape.toReversed() : shape
  const whole = row.parts ? [...sizes, row.parts] : sizes
  const placed: TensorOptions = { dtype: row.dtype, device: options.device }
  const out =
    row.dtype === 'i32' && row.bytes === 2
      ? tensor(Int32Array.from(values as Int16Array), whole, placed)
      : fromBuffer(values as TypedArray, whole, placed)
  if (!fortran || shape.length < 2) return out
  const axes = shape.map((_, d) => shape.length - 1 - d)
  return out.permute(row.parts ? [...axes, shape.length] : axes)
}

function npyOf(values: TypedArray, shape: readonly number[], dtype: DType): Uint8Array {
  const descr = spelled[dtype]
  if (!descr) throw new DTypeError('saveNpy', `NumPy has no ${dtype}; convert with .to('f32')`)
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${sizes}, }`
  const length = Math.ceil((10 + head.length + 1) / 64) * 64 - 10
  const out = new Uint8Array(10 + length + values.byteLength)
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 255, length >> 8])
  out.set(new TextEncoder().encode(`${head.padEnd(length - 1)}\n`), 10)
  out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 10 + length)
  return out
}

/** A .npy file of the tensor as it is now. @throws DTypeError for bf16, which NumPy does not have */
export async function saveNpy(x: Tensor): Promise<Uint8Array> {
  const { shape, dtype } = x
  return npyOf(await x.data(), shape, dtype)
}

// --- archives (PKWARE APPNOTE.TXT 6.3)

const crcTable = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let i = 0; i < 8; i++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})
function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (let i = 0; i < bytes.length; i++) c = crcTable[(c ^ bytes[i]) & 255] ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

/** All that comes out of a stream, at most `most` bytes. */
async function through(
  bytes: Uint8Array,
  stream: { readonly readable: unknown; readonly writable: unknown },
  most: number,
): Promise<Uint8Array> {
  const writer = (stream.writable as WritableStream<Uint8Array>).getWriter()
  const failed = writer
    .write(bytes)
    .then(() => writer.close())
    .then(
      () => null,
      (e: unknown) => e,
    )
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > most) {
      await reader.cancel()
      bad(`an entry is longer than the ${most} bytes that it claims`)
    }
    parts.push(value)
  }
  const error = await failed
  if (error) throw error
  const out = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Deflate makes at most 1032 bytes of one. */
const mostInflated = 1032

async function* entriesOf(bytes: Uint8Array): AsyncGenerator<readonly [name: string, content: Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let end = bytes.length - 22
  const stop = Math.max(0, end - 0xffff)
  while (end >= stop && view.getUint32(end, true) !== 0x06054b50) end--
  if (end < stop) bad('is no ZIP archive: its directory has no end')
  const count = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true)
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50)
      bad('the directory of the archive is broken', { entry: i })
    const [flags, method, crc] = [
      view.getUint16(at + 8, true),
      view.getUint16(at + 10, true),
      view.getUint32(at + 16, true),
    ]
    const [packed, size, local] = [
      view.getUint32(at + 20, true),
      view.getUint32(at + 24, true),
      view.getUint32(at + 42, true),
    ]
    const [nameLength, extra, comment] = [28, 30, 32].map(o => view.getUint16(at + o, true))
    if (at + 46 + nameLength > end) bad('the directory of the archive is broken', { entry: i })
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength))
    if (packed === 0xffffffff || size === 0xffffffff || local === 0xffffffff)
      bad(`'${name}' is beyond 4 GiB, which is not read here`)
    if (flags & 1) bad(`'${name}' is encrypted`)
    if (seen.has(name)) bad(`'${name}' is there twice`)
    seen.add(name)
    if (local + 30 > bytes.length || view.getUint32(local, true) !== 0x04034b50)
      bad(`'${name}' is not where the directory says`)
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    if (start + packed > bytes.length) bad(`'${name}' claims ${packed} bytes, the archive ends before`)
    const raw = bytes.subarray(start, start + packed)
    let content: Uint8Array
    if (method === 0) {
      if (size !== packed) bad(`'${name}' is stored, but has two sizes`)
      content = raw
    } else if (method === 8) {
      if (size > mostInflated * (packed + 1)) bad(`'${name}' claims to be ${size} bytes, more than ${packed} can hold`)
      content = await through(raw, new DecompressionStream('deflate-raw'), size).catch((e: unknown) =>
        e instanceof FormatError
          ? Promise.reject(e)
          : bad(`'${name}' is not deflated properly: ${(e as Error).message}`),
      )
      if (content.length !== size) bad(`'${name}' holds ${content.length} bytes, it claims ${size}`)
    } else bad(`'${name}' is packed by method ${method}; 'stored' and 'deflated' are read`)
    if (crc32(content!) !== crc) bad(`'${name}' has another checksum than its entry says`)
    yield [name, content!]
    at += 46 + nameLength + extra + comment
  }
}

/**
 * The tensors of a .npz archive by name. @throws FormatError for a malformed or hostile one
 */
export async function loadNpz(bytes: Uint8Array, options: NpyOptions = {}): Promise<Map<string, Tensor>> {
  const out = new Map<string, Tensor>()
  for await (const [name, content] of entriesOf(bytes))
    if (name.endsWith('.npy')) out.set(name.slice(0, -4), loadNpy(content, options))
  return out
}

/**
 * A .npz archive of tensors as they are now, all read in one execution.
 * @param options.compress deflates the arrays
 */
export async function saveNpz(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  options: { readonly compress?: boolean } = {},
): Promise<Uint8Array> {
  const list = [...(tensors instanceof Map ? tensors : Object.entries(tensors))] as [string, Tensor][]
  const kinds = list.map(([, x]) => ({ shape: x.shape, dtype: x.dtype }))
  const values = await readAll(list.map(([, x]) => x))
  const pieces: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  const push = (piece: Uint8Array): void => {
    pieces.push(piece)
    at += piece.length
  }
  for (const [i, [name]] of list.entries()) {
    const content = npyOf(values[i], kinds[i].shape, kinds[i].dtype)
    const packed = options.compress ? await through(content, new CompressionStream('deflate-raw'), Infinity) : content
    const path = new TextEncoder().encode(`${name}.npy`)
    if (at + packed.length + path.length > 0xfffffff0)
      throw new CairnError('saveNpz', 'archives beyond 4 GiB are not written; use safetensors')
    /** what both headers say, from the version needed to the length of the name; 0x800: names are UTF-8, 33: the first day of DOS */
    const common = (head: readonly number[], size: number): [Uint8Array, DataView] => {
      const out = new Uint8Array(size + path.length)
      out.set(path, size)
      const view = new DataView(out.buffer)
      const from = head.length === 1 ? 4 : 6
      view.setUint32(0, head[0], true)
      if (from === 6) view.setUint16(4, 20, true)
      ;[20, 0x800, options.compress ? 8 : 0, 0, 33].forEach((v, n) => view.setUint16(from + 2 * n, v, true))
      ;[crc32(content), packed.length, content.length].forEach((v, n) => view.setUint32(from + 10 + 4 * n, v, true))
      view.setUint16(from + 22, path.length, true)
      return [out, view]
    }
    const [entry, view] = common([0x02014b50, 1], 46)
    view.setUint32(42, at, true)
    directory.push(entry)
    push(common([0x04034b50], 30)[0])
    push(packed)
  }
  const start = at
  directory.forEach(push)
  const end = new DataView(new ArrayBuffer(22))
  end.setUint32(0, 0x06054b50, true)
  end.setUint16(8, list.length, true)
  end.setUint16(10, list.length, true)
  end.setUint32(12, at - start, true)
  end.setUint32(16, start, true)
  push(new Uint8Array(end.buffer))
  const out = new Uint8Array(at)
  at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

async function bytesAt(op: string, path: string): Promise<Uint8Array> {
  const bytes = await readFile(path)
  if (!bytes) throw new CairnError(op, `there is no file ${path}`)
  return bytes
}
export const loadNpyFile = async (path: string, options: NpyOptions = {}): Promise<Tensor> =>
  loadNpy(await bytesAt('loadNpyFile', path), options)
export const loadNpzFile = async (path: string, options: NpyOptions = {}): Promise<Map<string, Tensor>> =>
  loadNpz(await bytesAt('loadNpzFile', path), options)
/** Whole or not at all. */
export const saveNpyFile = async (path: string, x: Tensor): Promise<void> => writeFile(path, await saveNpy(x))
export const saveNpzFile = async (
  path: string,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  options: { readonly compress?: boolean } = {},
): Promise<void> => writeFile(path, await saveNpz(tensors, options))
