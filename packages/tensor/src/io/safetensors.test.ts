import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type DType, FormatError, randn, setDefaultDevice, tensor, zeros } from '../index.ts'
import {
  loadSafetensors,
  loadSafetensorsFile,
  readSafetensorsHeader,
  saveSafetensors,
  saveSafetensorsFile,
} from '../interop/index.ts'

beforeAll(async () => {
  await setDefaultDevice('reference')
})

/** A file with any header text over `data` bytes of zeros. */
function file(header: unknown, data = 0, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const out = new Uint8Array(8 + json.length + data)
  new DataView(out.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true)
  out.set(json, 8)
  return out
}
const entry = (shape: unknown, start: unknown, end: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [start, end],
})

test('every dtype comes back as it was', async () => {
  const given = {
    f32: tensor([
      [1.5, -2],
      [Infinity, 1e-40],
    ]),
    f64: tensor([Math.PI], { dtype: 'f64' }),
    f16: tensor([0.5, 65504, -3], { dtype: 'f16' }),
    bf16: tensor([1, 2.5, -1e30], { dtype: 'bf16' }),
    i64: tensor([-5, 2 ** 40], { dtype: 'i64' }),
    i32: tensor([-1, 2 ** 31 - 1], { dtype: 'i32' }),
    u32: tensor([0, 2 ** 32 - 1], { dtype: 'u32' }),
    i8: tensor([-128, 127, 5], { dtype: 'i8' }),
    u8: tensor([255, 0, 7], { dtype: 'u8' }),
    bool: tensor([true, false, true]),
    'a scalar': tensor(3),
    empty: zeros([0, 4]),
  }
  const bytes = await saveSafetensors(given, { format: 'pt', note: 'ä"\\:' })
  expect(readSafetensorsHeader(bytes).metadata).toEqual({ format: 'pt', note: 'ä"\\:' })
  const back = loadSafetensors(bytes)
  expect([...back.keys()].sort()).toEqual(Object.keys(given).sort())
  for (const [name, t] of Object.entries(given)) {
    expect(back.get(name)!.dtype, name).toBe(t.dtype)
    expect(back.get(name)!.shape, name).toEqual(t.shape)
    expect(await back.get(name)!.data(), name).toEqual(await t.data())
  }
  expect(await saveSafetensors(back, { format: 'pt', note: 'ä"\\:' })).toEqual(bytes)
})

test('bytes at any alignment load; 16-bit integers widen', async () => {
  const bytes = await saveSafetensors({ x: tensor([1, 2, 3]), y: tensor([7], { dtype: 'i64' }) })
  const shifted = new Uint8Array(bytes.length + 3)
  shifted.set(bytes, 3)
  expect(await loadSafetensors(shifted.subarray(3)).get('x')!.toArray()).toEqual([1, 2, 3])
  expect(await loadSafetensors(shifted.subarray(3)).get('y')!.toArray()).toEqual([7])
  const short = file({ s: entry([2], 0, 4, 'I16'), u: entry([1], 4, 6, 'U16') }, 6)
  new DataView(short.buffer).setInt16(short.length - 6, -2, true)
  new DataView(short.buffer).setUint16(short.length - 2, 65535, true)
  const wide = loadSafetensors(short)
  expect(wide.get('s')!.dtype).toBe('i32' satisfies DType)
  expect(await wide.get('s')!.toArray()).toEqual([-2, 0])
  expect(await wide.get('u')!.toArray()).toEqual([65535])
})

test('a save holds the versions of its call while assignments go on', async () => {
  const w = tensor([1, 2])
  const saving = saveSafetensors({ w })
  w.assign(w.mul(10))
  expect(await w.toArray()).toEqual([10, 20])
  expect(
    await loadSafetensors(await saving)
      .get('w')!
      .toArray(),
  ).toEqual([1, 2])
})

test('files are written whole, and nothing else is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-'))
  const path = join(folder, 'deep', 'model.safetensors')
  const x = randn([3, 4])
  await saveSafetensorsFile(path, new Map([['x', x]]))
  await saveSafetensorsFile(path, { x, again: x })
  expect(await readdir(join(folder, 'deep'))).toEqual(['model.safetensors'])
  expect(await (await loadSafetensorsFile(path)).get('again')!.data()).toEqual(await x.data())
  await expect(loadSafetensorsFile(join(folder, 'none'))).rejects.toThrow('there is no file')
  await rm(folder, { recursive: true })
})

const good = { a: entry([2], 0, 8), b: entry([1, 3], 8, 20) }
const hostile: [name: string, bytes: Uint8Array, message: string][] = [
  ['no bytes', new Uint8Array(0), 'inside of its header length'],
  ['seven bytes', new Uint8Array(7), 'inside of its header length'],
  ['a header longer than the file', file(good, 20, 1_000_000n), 'claims 1000000 bytes'],
  ['a header over 100 MB', file(good, 20, 100_000_001n), 'the format allows'],
  ['a header of 2^64 - 1 bytes', file(good, 20, 2n ** 64n - 1n), 'the format allows'],
  ['an empty header', file(''), 'not JSON'],
  ['text that is not JSON', file('{"a": '), 'not JSON'],
  ['text that is not UTF-8', file(good, 20).map((v, i) => (i === 10 ? 0xff : v)), 'not JSON'],
  ['deep nesting', file('['.repeat(200_000) + ']'.repeat(200_000)), 'not'],
  ['a list', file([1]), 'not a JSON object'],
  ['null', file('null'), 'not a JSON object'],
  ['leading space', file(` ${JSON.stringify(good)}`, 20), 'not a JSON object'],
  ['an entry that is a number', file({ a: 1 }), 'is not an object'],
  ['an entry without offsets', file({ a: { dtype: 'F32', shape: [] } }), 'data_offsets'],
  ['an entry with more keys', file({ a: { ...entry([1], 0, 4), hook: 'x' } }, 4), "unknown key 'hook'"],
  ['an unknown dtype', file({ a: entry([1], 0, 4, 'F31') }, 4), "the dtype 'F31'"],
  ['a dtype from the prototype', file({ a: entry([1], 0, 4, 'constructor') }, 4), 'the dtype'],
  ['a dtype that is a number', file({ a: entry([1], 0, 4, 7) }, 4), 'no dtype'],
  ['a negative size', file({ a: entry([-1], 0, 4) }, 4), 'shape'],
  ['two negative sizes', file({ a: entry([-1, -1], 0, 4) }, 4), 'shape'],
  ['a fractional size', file({ a: entry([0.5, 2], 0, 4) }, 4), 'shape'],
  ['a size beyond 2^53', file({ a: entry([2 ** 60], 0, 4) }, 4), 'shape'],
  ['sizes whose product overflows', file({ a: entry([2 ** 32, 2 ** 32, 2 ** 32], 0, 4) }, 4), 'need more'],
  ['more claimed than there is', file({ a: entry([1_000_000_000], 0, 4_000_000_000) }, 4), 'the file has 4'],
  ['offsets that do not match the shape', file({ a: entry([3], 0, 8) }, 8), "'a' has 8 bytes"],
  ['offsets that do not match the dtype', file({ a: entry([2], 0, 8, 'F64') }, 8), "'a' has 8 bytes"],
  ['an end before the start', file({ a: entry([0], 4, 0) }, 4), 'ends before it starts'],
  ['negative offsets', file({ a: entry([1], -4, 0) }, 4), 'data_offsets'],
  ['an overlap', file({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12), 'overlaps'],
  ['two tensors on the same bytes', file({ a: entry([2], 0, 8), b: entry([2], 0, 8) }, 8), 'overlaps'],
  ['a hole', file({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), 'a hole'],
  ['a hole at the start', file({ a: entry([1], 4, 8) }, 8), 'a hole'],
  ['bytes after the last tensor', file(good, 21), 'need 20 bytes, the file has 21'],
  ['a truncated file', file(good, 19), 'need 20 bytes, the file has 19'],
  [
    'a repeated name',
    file(`{"a":${JSON.stringify(entry([1], 0, 4))},"a":${JSON.stringify(entry([1], 0, 4))}}`, 4),
    'repeats',
  ],
  [
    'a name repeated by an escape',
    file(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
    ),
    'repeats',
  ],
  [
    'a repeated key of an entry',
    file('{"a":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    'repeats',
  ],
  ['metadata that is a list', file({ __metadata__: ['x'] }), '__metadata__'],
  ['metadata that is not strings', file({ __metadata__: { x: 1 } }), 'not a string'],
  ['a bool of 2', file({ a: entry([1], 0, 1, 'BOOL') }, 1).map((v, i, all) => (i === all.length - 1 ? 2 : v)), 'bools'],
]
test.each(hostile)('refuses %s', (_, bytes, message) => {
  expect(() => loadSafetensors(bytes)).toThrow(FormatError)
  expect(() => loadSafetensors(bytes)).toThrow(message)
})

test('a tensor called __proto__ is a tensor', async () => {
  const bytes = file(`{"__proto__":${JSON.stringify(entry([1], 0, 4))}}`, 4)
  expect([...loadSafetensors(bytes).keys()]).toEqual(['__proto__'])
  await expect(saveSafetensors({ __metadata__: tensor([1]) })).rejects.toThrow('__metadata__')
})
