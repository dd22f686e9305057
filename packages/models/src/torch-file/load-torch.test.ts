// Files of torch.save: real ones against the same weights in safetensors, and hostile ones, which must be refused by name.

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { setDefaultDevice } from '@cairn/tensor'
import { loadSafetensors } from '@cairn/tensor/interop'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findSharedData } from '../../../../conformance/shared-data.ts'
import { loadTorch } from './load-torch.ts'

beforeAll(() => setDefaultDevice('reference'))
afterAll(() => setDefaultDevice('auto'))

const folder = findSharedData('models/stories260K')
const cnn = findSharedData('models/mnist-cnn')
const read = (path: string): Uint8Array => new Uint8Array(gunzipSync(readFileSync(path)))
const missing = !folder || !cnn || !existsSync(folder) ? ' (skipped: shared/data/models is not here)' : ''

test.skipIf(missing)(`the archive and the old pickles hold the same tensors${missing}`, async () => {
  const [now, old] = ['stories260K.pt.gz', 'stories260K.legacy.pt.gz'].map(name => loadTorch(read(`${folder}/${name}`)))
  expect(now.size).toBeGreaterThan(40)
  expect([...old.keys()]).toEqual([...now.keys()])
  for (const [name, t] of now) {
    expect(old.get(name)!.shape).toEqual(t.shape)
    expect(await old.get(name)!.data(), name).toEqual(await t.data())
  }
})

test.skipIf(missing)(`tied and whole tensors agree with safetensors${missing}`, async () => {
  const torch = loadTorch(read(`${folder}/stories260K.pt.gz`))
  const safe = loadSafetensors(read(`${folder}/model.safetensors.gz`))
  // the files name their tensors differently: the same embedding is in both
  const values = await safe.get('model.embed_tokens.weight')!.data()
  const found = await Promise.all([...torch.values()].filter(t => t.size === values.length).map(t => t.data()))
  expect(found.some(v => Buffer.from(v.buffer).equals(Buffer.from(values.buffer)))).toBe(true)
})

const bytesOf = (...parts: (string | number[])[]): Uint8Array =>
  new Uint8Array(parts.flatMap(p => (typeof p === 'string' ? [...p].map(c => c.charCodeAt(0)) : p)))

/** A zip archive with stored entries. */
function archive(files: Record<string, Uint8Array>): Uint8Array {
  const out: number[] = []
  const directory: number[] = []
  const u16 = (n: number) => [n & 255, (n >> 8) & 255]
  const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)]
  for (const [name, data] of Object.entries(files)) {
    const at = out.length
    const letters = [...name].map(c => c.charCodeAt(0))
    const common = [...u16(0), ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(data.length), ...u32(data.length)]
    out.push(...u32(0x04034b50), ...u16(20), ...common, ...u16(letters.length), ...u16(0), ...letters, ...data)
    directory.push(
      ...u32(0x02014b50),
      ...u16(20),
      ...u16(20),
      ...common,
      ...u16(letters.length),
      ...new Array<number>(12).fill(0),
      ...u32(at),
      ...letters,
    )
  }
  const count = Object.keys(files).length
  const end = [
    ...u32(0x06054b50),
    ...u32(0),
    ...u16(count),
    ...u16(count),
    ...u32(directory.length),
    ...u32(out.length),
  ]
  return new Uint8Array([...out, ...directory, ...end, 0, 0])
}
const proto = [0x80, 2]
/** {'w': a tensor of `shape` and `strides` from `offset`} over a storage of `count` floats, as torch writes it */
function tensorPickle(
  count: number,
  offset: number,
  shape: number[],
  strides: number[],
  type = 'FloatStorage',
): Uint8Array {
  const ints = (list: number[]) => ['(', ...list.flatMap(n => ['K', [n]]), 't']
  const storage = [
    '(X',
    [7, 0, 0, 0],
    `storagectorch\n${type}\nX`,
    [1, 0, 0, 0],
    '0X',
    [3, 0, 0, 0],
    'cpuK',
    [count],
    'tQ',
  ]
  const args = [
    '(',
    ...storage,
    'K',
    [offset],
    ...ints(shape),
    ...ints(strides),
    [0x89],
    'ccollections\nOrderedDict\n)Rt',
  ]
  return bytesOf(proto, '}X', [1, 0, 0, 0], 'wctorch._utils\n_rebuild_tensor_v2\n', ...args, 'Rs.')
}
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
const file = (pickle: Uint8Array, storage = floats(1, 2, 3, 4, 5, 6)) =>
  archive({ 'm/data.pkl': pickle, 'm/data/0': storage })

test('views with strides and offsets', async () => {
  const t = loadTorch(file(tensorPickle(6, 1, [2, 2], [1, 3]))).get('w')!
  expect(await t.toArray()).toEqual([
    [2, 5],
    [3, 6],
  ])
})

const evil = bytesOf(proto, 'cos\nsystem\nX', [2, 0, 0, 0], 'ls\x85R.')
const cases: Record<string, [Uint8Array, string]> = {
  'a call of os.system': [file(evil), 'wants to call os system'],
  'a call by protocol 4': [
    file(bytesOf([0x80, 4, 0x8c, 8], 'builtins', [0x8c, 4], 'eval', [0x93], ')R.')),
    'builtins eval',
  ],
  'an object made without a call': [file(bytesOf(proto, 'cos\nsystem\n)', [0x81], '.')), 'wants to call os system'],
  'an unknown operation': [file(bytesOf(proto, 'ios\nsystem\n.')), 'an operation that checkpoints'],
  'a state for something that is no dictionary': [file(bytesOf(proto, ']}b.')), 'no dictionary'],
  'an empty stack': [file(bytesOf(proto, 's.')), 'more than it has put down'],
  'a pickle that is cut off': [file(bytesOf(proto, 'X', [255, 255, 255, 0])), 'ends inside of a value'],
  'a string of 2^60 bytes': [file(bytesOf([0x80, 4, 0x8d, 0, 0, 0, 0, 0, 0, 0, 16], '.')), 'more bytes than there are'],
  'a memo that was never set': [file(bytesOf(proto, 'h', [9], '.')), 'never remembered'],
  'a tensor beyond its storage': [file(tensorPickle(6, 4, [3], [1])), 'reaches out of its storage'],
  'a tensor that claims elements by stride 0': [
    file(tensorPickle(6, 0, [200, 200], [0, 0])),
    'reaches out of its storage',
  ],
  'a storage that claims more than there is': [file(tensorPickle(200, 0, [3], [1])), 'needs 800 bytes, there are 24'],
  'a storage of an unknown type': [
    file(tensorPickle(6, 0, [3], [1], 'QInt8Storage')),
    'no dtype for torch QInt8Storage',
  ],
  'an archive without a pickle': [archive({ a: floats(1) }), 'no data.pkl'],
  'an archive that is cut off': [file(tensorPickle(6, 0, [3], [1])).slice(0, 60), 'cut off'],
  'no file of torch at all': [bytesOf(proto, 'K', [7], '.'), 'neither an archive'],
  'a dictionary in itself': [file(bytesOf(proto, '}q', [0], 'X', [1, 0, 0, 0], 'ah', [0], 's.')), 'holds itself'],
}
for (const [name, [bytes, problem]] of Object.entries(cases))
  test(`refused: ${name}`, () => {
    expect(() => loadTorch(bytes)).toThrow(problem)
  })

test('no cut or change of a byte does more than throw a FormatError', () => {
  const whole = file(tensorPickle(6, 0, [2, 3], [3, 1]))
  const attempt = (bytes: Uint8Array) => {
    try {
      loadTorch(bytes)
    } catch (error) {
      expect((error as Error).name, String((error as Error).stack)).toBe('FormatError')
    }
  }
  for (let n = 0; n < whole.length; n++) attempt(whole.slice(0, n))
  for (let n = 0; n < whole.length; n++)
    for (const flip of [1, 0x80, 0xff]) attempt(whole.map((b, i) => (i === n ? b ^ flip : b)))
})
