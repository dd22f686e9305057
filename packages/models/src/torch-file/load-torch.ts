// Tensors of a file that torch.save wrote: the zip archive of torch 1.6 and later, and the row of pickles from before. Files may come from strangers:
// see pickle.ts; and no memory is allocated for what a file merely claims.

import { type DeviceName, type DType, FormatError, type Tensor, tensor } from '@cairn/tensor'
import { Global, type Pickled, unpickle } from './pickle.ts'
import { isZip, zipEntries } from './zip.ts'

const bad = (problem: string, data: Record<string, unknown> = {}): never => {
  throw new FormatError('loadTorch', problem, data)
}

type Numbers =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
interface Kind {
  readonly dtype: DType
  readonly array: { new (buffer: ArrayBuffer): Numbers; readonly BYTES_PER_ELEMENT: number }
}
/** torch's storages, and what they become; 16-bit integers widen. */
const kinds: Readonly<Record<string, Kind>> = {
  'torch DoubleStorage': { dtype: 'f64', array: Float64Array },
  'torch FloatStorage': { dtype: 'f32', array: Float32Array },
  'torch HalfStorage': { dtype: 'f16', array: Uint16Array },
  'torch BFloat16Storage': { dtype: 'bf16', array: Uint16Array },
  'torch LongStorage': { dtype: 'i64', array: BigInt64Array },
  'torch IntStorage': { dtype: 'i32', array: Int32Array },
  'torch ShortStorage': { dtype: 'i32', array: Int16Array },
  'torch CharStorage': { dtype: 'i8', array: Int8Array },
  'torch ByteStorage': { dtype: 'u8', array: Uint8Array },
  'torch BoolStorage': { dtype: 'bool', array: Uint8Array },
}

/** A storage by its key; its bytes come from elsewhere in the file. */
class StorageRef {
  readonly kind: Kind
  readonly key: string
  readonly count: number
  constructor(kind: Kind, key: string, count: number) {
    this.kind = kind
    this.key = key
    this.count = count
  }
}
/** A view of a storage. */
class TensorRef {
  readonly storage: StorageRef
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  constructor(storage: StorageRef, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount)

const context = {
  persistent(id: Pickled): Pickled {
    if (!Array.isArray(id) || id[0] !== 'storage') return bad('a persistent id is no storage')
    const [, type, key, , count] = id as Pickled[]
    const kind = type instanceof Global ? kinds[type.name] : undefined
    if (!kind) return bad(`there is no dtype for ${type instanceof Global ? type.name : 'a storage without a type'}`)
    if (typeof key !== 'string' || !isCount(count)) return bad('a storage has no key or no size')
    if (id.length > 5 && id[5] !== null) return bad('views of storages of very old files are not read')
    return new StorageRef(kind, key, count)
  },
  reduce(name: string, args: readonly Pickled[]): Pickled | undefined {
    switch (name) {
      case 'collections OrderedDict':
        return new Map()
      case 'torch Size':
        return args[0] as Pickled
      case 'torch._utils _rebuild_parameter':
        return args[0] instanceof TensorRef ? args[0] : bad('a parameter holds no tensor')
      case 'torch._utils _rebuild_tensor':
      case 'torch._utils _rebuild_tensor_v2': {
        const [storage, offset, shape, strides] = args
        if (!(storage instanceof StorageRef) || !isCount(offset) || !isCounts(shape) || !isCounts(strides))
          return bad('a tensor is described by values of the wrong kind')
        if (shape.length !== strides.length || shape.length > 32) return bad('a tensor has no stride for each axis')
        return checked(new TensorRef(storage, offset, shape, strides))
      }
      default:
        return undefined
    }
  },
}

/** A tensor must lie inside of its storage, and must not claim more elements than that has. */
function checked(ref: TensorRef): TensorRef {
  const { shape, strides, offset, storage } = ref
  const size = shape.reduce((a, b) => a * b, 1)
  const last = size === 0 ? -1 : offset + shape.reduce((sum, n, d) => sum + (n - 1) * strides[d], 0)
  if (size > storage.count || last >= storage.count)
    bad(`a tensor [${shape.join(', ')}] reaches out of its storage`, { elements: storage.count })
  return ref
}

/**
 * The tensors of a file of torch.save by name. Dictionaries inside of dictionaries give names with dots; what is no tensor is left out.
 * @returns for `module.loadStateDict`
 * @throws FormatError for a file that is broken, or whose pickle wants anything but tensors
 */
export function loadTorch(bytes: Uint8Array, options: { device?: DeviceName } = {}): Map<string, Tensor> {
  const { root, contents } = isZip(bytes) ? fromZip(bytes) : fromPickles(bytes)
  const found = new Map<string, Tensor>()
  const seen = new Set<object>()
  const walk = (value: Pickled, name: string): void => {
    if (value instanceof TensorRef) found.set(name, tensorOf(value, contents(value.storage), options.device))
    else if (value instanceof Map) {
      if (seen.has(value)) bad('a dictionary holds itself')
      seen.add(value)
      for (const [key, item] of value) walk(item as Pickled, name ? `${name}.${String(key)}` : String(key))
      seen.delete(value)
    }
  }
  walk(root, '')
  return found
}

interface Opened {
  readonly root: Pickled
  contents(storage: StorageRef): Uint8Array
}

function sized(storage: StorageRef, bytes: Uint8Array | undefined): Uint8Array {
  const wanted = storage.count * storage.kind.array.BYTES_PER_ELEMENT
  if (!bytes || bytes.length < wanted)
    return bad(`storage ${storage.key} needs ${wanted} bytes, there are ${bytes?.length ?? 0}`)
  return bytes
}

function fromZip(bytes: Uint8Array): Opened {
  const entries = zipEntries(bytes)
  const program = [...entries.keys()].find(name => name === 'data.pkl' || name.endsWith('/data.pkl'))
  if (program === undefined) return bad('the archive has no data.pkl; it is no file of torch.save')
  const folder = program.slice(0, -'data.pkl'.length)
  const order = entries.get(`${folder}byteorder`)
  if (order && new TextDecoder().decode(order).trim() !== 'little') bad('the file was written on a big-endian machine')
  const { value } = unpickle(entries.get(program)!, 0, context)
  return { root: value, contents: storage => sized(storage, entries.get(`${folder}data/${storage.key}`)) }
}

/** torch.save's magic number, 0x1950a86a20f9469cfc6c */
const magic = 0x1950a86a20f9469cfc6cn

function fromPickles(bytes: Uint8Array): Opened {
  const first = unpickle(bytes, 0, context)
  if (first.value !== magic) return bad('it is neither an archive nor a file of pickles of torch.save')
  const protocol = unpickle(bytes, first.end, context)
  if (protocol.value !== 1001) return bad('an unknown version of torch.save', { version: String(protocol.value) })
  const system = unpickle(bytes, protocol.end, context)
  if (system.value instanceof Map && system.value.get('little_endian') === false)
    bad('the file was written on a big-endian machine')
  const storages = new Map<string, StorageRef>()
  const noting = {
    ...context,
    persistent(id: Pickled): Pickled {
      const ref = context.persistent(id) as StorageRef
      storages.set(ref.key, ref)
      return ref
    },
  }
  const root = unpickle(bytes, system.end, noting)
  const keys = unpickle(bytes, root.end, context)
  if (!Array.isArray(keys.value)) return bad('the list of storages is missing')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = new Map<string, Uint8Array>()
  let at = keys.end
  for (const key of keys.value as Pickled[]) {
    const ref = storages.get(String(key))
    if (!ref || at + 8 > bytes.length) return bad(`storage ${String(key)} is not there`)
    const count = view.getBigInt64(at, true)
    if (count !== BigInt(ref.count)) bad(`storage ${ref.key} has ${count} elements, the pickle says ${ref.count}`)
    const size = ref.count * ref.kind.array.BYTES_PER_ELEMENT
    if (at + 8 + size > bytes.length) bad(`storage ${ref.key} reaches over the end of the file`)
    found.set(ref.key, bytes.subarray(at + 8, at + 8 + size))
    at += 8 + size
  }
  return { root: root.value, contents: storage => sized(storage, found.get(storage.key)) }
}

function tensorOf({ storage, offset, shape, strides }: TensorRef, bytes: Uint8Array, device?: DeviceName): Tensor {
  const { dtype, array } = storage.kind
  const width = array.BYTES_PER_ELEMENT
  // aligned, and no view of whatever the file was read into
  const copy = new Uint8Array(storage.count * width)
  copy.set(bytes.subarray(0, copy.length))
  const all = new array(copy.buffer)
  const size = shape.reduce((a, b) => a * b, 1)
  const values = new array(new ArrayBuffer(size * width))
  const place = new Array<number>(shape.length).fill(0)
  let from = offset
  for (let i = 0; i < size; i++) {
    values[i] = all[from]
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d]
      if (++place[d] < shape[d]) break
      from -= shape[d] * strides[d]
      place[d] = 0
    }
  }
  const kept = values instanceof Int16Array ? Int32Array.from(values) : values
  return tensor(kept, shape, { dtype, device })
}
