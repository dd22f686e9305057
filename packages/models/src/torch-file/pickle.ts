// Python's pickle as far as checkpoints of tensors need it (protocols 0 to 5; pickletools.py is the specification). A pickle is a program that may
// name any function of Python; this reader knows a handful of names, builds plain values for them, and refuses every other. Nothing is ever called.

import { FormatError } from '@cairn/tensor'

/** A name in a module, such as `torch FloatStorage`. */
export class Global {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}
/** What a pickle may hold here. */
export type Pickled = null | boolean | number | bigint | string | Global | object

/** What the surroundings give a pickle. */
export interface PickleContext {
  /** the value of a known name called with arguments; undefined refuses it */
  reduce(name: string, args: readonly Pickled[]): Pickled | undefined
  /** the value of a persistent id */
  persistent(id: Pickled): Pickled
}

/** More levels, entries or copies than any checkpoint has. */
const mostValues = 10_000_000
const bad = (problem: string, data: Record<string, unknown> = {}): never => {
  throw new FormatError('loadTorch', problem, data)
}

const text = new TextDecoder('utf-8', { fatal: false })
const mark = Symbol('mark')
type Slot = Pickled | typeof mark

/** Reads one pickle. @returns its value and the byte after it @throws FormatError for anything that is not plain data or a known name */
export function unpickle(bytes: Uint8Array, start: number, context: PickleContext): { value: Pickled; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stack: Slot[] = []
  const memo = new Map<number, Slot>()
  let at = start
  let values = 0
  const take = (count: number): number => {
    if (!(count >= 0) || at + count > bytes.length) bad('the pickle ends inside of a value', { at })
    at += count
    return at - count
  }
  const byte = () => bytes[take(1)]
  const string = (count: number) => {
    const from = take(count)
    return text.decode(bytes.subarray(from, from + count))
  }
  const line = () => {
    const end = bytes.indexOf(10, at)
    if (end < 0) bad('a line of the pickle does not end', { at })
    return string(end + 1 - at).slice(0, -1)
  }
  const push = (value: Slot): void => {
    if (++values > mostValues) bad('the pickle has too many values')
    stack.push(value)
  }
  const pop = (): Pickled => {
    const value = stack.pop()
    if (value === undefined || value === mark) return bad('the pickle takes more than it has put down', { at })
    return value as Pickled
  }
  const popMark = (): Pickled[] => {
    const from = stack.lastIndexOf(mark)
    if (from < 0) bad('the pickle has no mark where it needs one', { at })
    return stack.splice(from).slice(1) as Pickled[]
  }
  const top = <T extends Pickled>(kind: (value: Slot) => value is T, what: string): T => {
    const value = stack[stack.length - 1]
    return kind(value) ? value : bad(`the pickle writes into something that is no ${what}`, { at })
  }
  const isList = (v: Slot): v is Pickled[] & object => Array.isArray(v)
  const isDict = (v: Slot): v is Map<Pickled, Pickled> => v instanceof Map
  const setAll = (entries: readonly Pickled[]): void => {
    const dict = top(isDict, 'dictionary')
    if (entries.length % 2) bad('a dictionary of the pickle has a key without a value', { at })
    for (let i = 0; i < entries.length; i += 2) dict.set(entries[i], entries[i + 1])
  }
  const long = (count: number): Pickled => {
    if (count > 64) bad('an integer of the pickle is too long', { bytes: count })
    const from = take(count)
    let value = 0n
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i])
    if (count > 0 && bytes[from + count - 1] & 0x80) value -= 1n << BigInt(8 * count)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }
  const length8 = (): number => {
    const n = view.getBigUint64(take(8), true)
    return n > BigInt(bytes.length) ? bad('the pickle claims more bytes than there are', { at }) : Number(n)
  }
  const store = (key: number): void => {
    if (stack.length === 0) bad('the pickle remembers nothing', { at })
    memo.set(key, stack[stack.length - 1])
  }
  const recall = (key: number): void => {
    const value = memo.get(key)
    push(value === undefined ? bad('the pickle asks for what it never remembered', { key }) : value)
  }
  const reduce = (made: Pickled, args: Pickled): void => {
    if (!(made instanceof Global) || !Array.isArray(args))
      throw new FormatError('loadTorch', 'the pickle calls something that is no name', { at })
    const value = context.reduce(made.name, args)
    if (value === undefined)
      bad(`the file wants to call ${made.name}, which is no part of a checkpoint of tensors; save a state_dict`)
    push(value!)
  }

  const actions: Readonly<Record<string, () => void>> = {
    '\x80': () => void byte(),
    '\x95': () => void take(8),
    '(': () => push(mark),
    N: () => push(null),
    '\x88': () => push(true),
    '\x89': () => push(false),
    K: () => push(byte()),
    M: () => push(view.getUint16(take(2), true)),
    J: () => push(view.getInt32(take(4), true)),
    G: () => push(view.getFloat64(take(8))),
    '\x8a': () => push(long(byte())),
    X: () => push(string(view.getUint32(take(4), true))),
    '\x8c': () => push(string(byte())),
    '\x8d': () => push(string(length8())),
    U: () => push(string(byte())),
    T: () => push(string(view.getUint32(take(4), true))),
    C: () => push(string(byte())),
    B: () => push(string(view.getUint32(take(4), true))),
    ')': () => push([]),
    '\x85': () => push([pop()]),
    '\x86': () => push([pop(), pop()].reverse()),
    '\x87': () => push([pop(), pop(), pop()].reverse()),
    t: () => push(popMark()),
    ']': () => push([]),
    l: () => push(popMark()),
    a: () => {
      const value = pop()
      top(isList, 'list').push(value)
    },
    e: () => {
      const items = popMark()
      const target = top(isList, 'list')
      for (const item of items) target.push(item)
    },
    '}': () => push(new Map()),
    d: () => {
      const entries = popMark()
      push(new Map())
      setAll(entries)
    },
    s: () => {
      const value = pop()
      setAll([pop(), value])
    },
    u: () => setAll(popMark()),
    c: () => {
      const module = line()
      push(new Global(`${module} ${line()}`))
    },
    '\x93': () => {
      const name = pop()
      push(new Global(`${String(pop())} ${String(name)}`))
    },
    R: () => {
      const args = pop()
      reduce(pop(), args)
    },
    '\x81': () => {
      const args = pop()
      reduce(pop(), args)
    },
    // the state of an object: attributes beside an OrderedDict's entries, such as state_dict's _metadata
    b: () => {
      pop()
      top(isDict, 'dictionary')
    },
    Q: () => push(context.persistent(pop())),
    q: () => store(byte()),
    r: () => store(view.getUint32(take(4), true)),
    '\x94': () => store(memo.size),
    h: () => recall(byte()),
    j: () => recall(view.getUint32(take(4), true)),
    '0': () => void pop(),
    '1': () => void popMark(),
    '2': () => push(stack[stack.length - 1] ?? bad('the pickle copies nothing')),
  }
  for (;;) {
    const code = String.fromCharCode(byte())
    if (code === '.') break
    const action = actions[code]
    if (!action)
      bad('the pickle uses an operation that checkpoints of tensors do not need', { code: code.charCodeAt(0), at })
    action()
  }
  return { value: pop(), end: at }
}
