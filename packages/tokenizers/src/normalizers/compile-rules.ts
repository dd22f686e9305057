// Compiles normalization rules to the form that .model files have them in: a double-array trie from the bytes of a string to a
// place among the replacements (sentencepiece, builder.cc; the trie's format is darts-clone's). Parts of the trie that are
// alike are stored once: of the 224,000 strings that NFKC changes most differ in how they write the same Hangul syllable.
import { TokenizerError } from '../errors.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { type NormalizationRuleName, namedRules } from './named-rules.ts'

/** A state of the trie: the value of what ends here, or -1; what goes on, by byte. */
type State = { value: number; bytes: number[]; below: State[]; id: number; base: number }

/** A place that nothing uses; no byte equals its label. */
const FREE = 0x80000000
/** A block of this many places, of which a state's share their high bits. The file holds whole blocks. */
const BLOCK = 256
/** Blocks that are still searched for room: later ones are emptier. */
const OPEN_BLOCKS = 16
/** How far apart in the array a state and what is below it may lie. */
const REACH = 1 << 21

const compiled = new Map<NormalizationRuleName, Uint8Array>()

/**
 * The compiled rules that a `SentencePieceNormalizer` and a .model file take: those that spm_train has by name, or any others.
 * @param rules a name, or pairs of a text and what replaces it, neither with U+0000
 */
export function compileRules(rules: NormalizationRuleName | Iterable<readonly [from: string, to: string]>): Uint8Array {
  if (typeof rules !== 'string') return compile(rules)
  let bytes = compiled.get(rules)
  if (!bytes) {
    bytes = compile(namedRules(rules))
    compiled.set(rules, bytes)
  }
  return bytes
}

function compile(rules: Iterable<readonly [from: string, to: string]>): Uint8Array {
  const entries: { key: Uint8Array; value: number }[] = []
  const values = new Map<string, number>()
  const replacements: Uint8Array[] = []
  let size = 0
  for (const [from, to] of rules) {
    if (from === '' || from.includes('\0') || to.includes('\0')) {
      throw new TokenizerError(
        `compileRules: ${JSON.stringify(from)} to ${JSON.stringify(to)}: empty, or with a U+0000`,
      )
    }
    let value = values.get(to)
    if (value === undefined) {
      value = size
      values.set(to, value)
      const bytes = utf8Bytes(`${to}\0`)
      replacements.push(Uint8Array.from(bytes))
      size += bytes.length
    }
    entries.push({ key: Uint8Array.from(utf8Bytes(from)), value })
  }
  if (entries.length === 0) return new Uint8Array(0)
  entries.sort((a, b) => compareBytes(a.key, b.key))
  const units = doubleArray(minimalTrie(entries))
  const out = new Uint8Array(4 + 4 * units.length + size)
  const view = new DataView(out.buffer)
  view.setUint32(0, 4 * units.length, true)
  units.forEach((unit, i) => view.setUint32(4 + 4 * i, unit, true))
  let at = 4 + 4 * units.length
  for (const bytes of replacements) {
    out.set(bytes, at)
    at += bytes.length
  }
  return out
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

/** The trie of sorted keys in which equal states are one; returns its root. */
function minimalTrie(entries: readonly { key: Uint8Array; value: number }[]): State {
  const known = new Map<string, State>()
  // The states along the key that came last: those that the next key does not share are finished.
  const open: State[] = [newState()]
  const finish = (depth: number) => {
    while (open.length > depth + 1) {
      const state = open.pop()!
      let signature = `${state.value}`
      for (let i = 0; i < state.bytes.length; i++) signature += `,${state.bytes[i]},${state.below[i].id}`
      let same = known.get(signature)
      if (!same) {
        same = state
        same.id = known.size
        known.set(signature, same)
      }
      open[open.length - 1].below.push(same)
    }
  }
  let last: Uint8Array = new Uint8Array(0)
  for (const { key, value } of entries) {
    let shared = 0
    while (shared < last.length && last[shared] === key[shared]) shared++
    finish(shared)
    for (let i = shared; i < key.length; i++) {
      open[i].bytes.push(key[i])
      open.push(newState())
    }
    open[key.length].value = value
    last = key
  }
  finish(0)
  return open[0]
}

const newState = (): State => ({ value: -1, bytes: [], below: [], id: -1, base: -1 })

/** The trie as an array: what follows a state by a byte is at the state's base with the byte's bits flipped. */
function doubleArray(root: State): Uint32Array {
  const array = new Places()
  // Place 0 leads to the root.
  array.take(0)
  array.units[0] = 0
  const places: [place: number, to: State][] = [[0, root]]
  for (const [place, state] of places) {
    if (state.base < 0) {
      const labels = state.value >= 0 ? [0, ...state.bytes] : state.bytes
      state.base = array.room(labels)
      for (const label of labels) array.take(state.base ^ label)
      if (state.value >= 0) array.units[state.base] = (FREE | state.value) >>> 0
      state.bytes.forEach((byte, i) => {
        array.units[state.base ^ byte] = byte
        places.push([state.base ^ byte, state.below[i]])
      })
    }
    const offset = place ^ state.base
    if (offset >= REACH) throw new TokenizerError('compileRules: too many rules: their trie takes more than 8 MB')
    array.units[place] |= (offset << 10) | (state.value >= 0 ? 0x100 : 0)
    array.units[place] >>>= 0
  }
  return Uint32Array.from(array.units)
}

class Places {
  readonly units: number[] = []
  /** Bases are used once, so that a byte leads on from one state alone. */
  private readonly isBase = new Set<number>([0])
  /** Free places by block. */
  private readonly free: Set<number>[] = []

  take(place: number): void {
    while (place >= this.units.length) this.grow()
    this.free[place >> 8].delete(place)
  }

  /** A base at which the places of all labels are free. */
  room(labels: readonly number[]): number {
    for (let block = Math.max(0, this.free.length - OPEN_BLOCKS); ; block++) {
      if (block === this.free.length) this.grow()
      for (const place of this.free[block]) {
        const base = place ^ labels[0]
        if (this.isBase.has(base) || !labels.every(label => this.free[block].has(base ^ label))) continue
        this.isBase.add(base)
        return base
      }
    }
  }

  private grow(): void {
    const from = this.units.length
    const block = new Set<number>()
    for (let place = from; place < from + BLOCK; place++) {
      this.units.push(FREE)
      block.add(place)
    }
    this.free.push(block)
  }
}
