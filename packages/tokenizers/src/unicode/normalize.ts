// Unicode normalization (UAX #15) over characters that carry how they stand to the text before: see AlignedText.
// Tables are pinned; the engine's String.normalize moves with the engine and says nothing about alignment.
import type { Change } from '../text/aligned-text.ts'
import { canonicalRows, combiningRuns, compatibilityRows, excludedRows } from './normalization.data.ts'

/** The four forms. */
export type NormalizationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

type Tables = {
  canonical: Map<number, number[]>
  compatible: Map<number, number[]>
  classes: Map<number, number>
  /** first code point * 2^21 + second, to the composed one. */
  compositions: Map<number, number>
}

const number = (digits: string) => Number.parseInt(digits, 36)
const pairKey = (first: number, second: number) => first * 0x200000 + second

let unpacked: Tables | undefined

function tables(): Tables {
  if (unpacked) return unpacked
  const rows = (text: string) => {
    const map = new Map<number, number[]>()
    let cp = 0
    for (const row of text.split(';')) {
      const [delta, ...mapping] = row.split(',').map(number)
      cp += delta
      map.set(cp, mapping)
    }
    return map
  }
  const canonical = rows(canonicalRows)
  const compatible = rows(compatibilityRows)
  const classes = new Map<number, number>()
  let start = 0
  for (const row of combiningRuns.split(';')) {
    const [delta, count, ccc] = row.split(',').map(number)
    start += delta
    for (let i = 0; i < count; i++) classes.set(start + i, ccc)
  }
  const excluded = new Set(rows(excludedRows).keys())
  const compositions = new Map<number, number>()
  for (const [cp, mapping] of canonical) {
    if (mapping.length === 2 && !excluded.has(cp)) compositions.set(pairKey(mapping[0], mapping[1]), cp)
  }
  return (unpacked = { canonical, compatible, classes, compositions })
}

const S_BASE = 0xac00
const L_BASE = 0x1100
const V_BASE = 0x1161
const T_BASE = 0x11a7
const V_COUNT = 21
const T_COUNT = 28
const S_COUNT = 11172

function decomposeInto(cp: number, compatibility: boolean, out: number[]): void {
  const { canonical, compatible } = tables()
  if (cp >= S_BASE && cp < S_BASE + S_COUNT) {
    const s = cp - S_BASE
    out.push(L_BASE + Math.floor(s / (V_COUNT * T_COUNT)), V_BASE + (Math.floor(s / T_COUNT) % V_COUNT))
    if (s % T_COUNT > 0) out.push(T_BASE + (s % T_COUNT))
    return
  }
  const mapping = canonical.get(cp) ?? (compatibility ? compatible.get(cp) : undefined)
  if (!mapping) out.push(cp)
  else for (const part of mapping) decomposeInto(part, compatibility, out)
}

function compose(first: number, second: number): number | undefined {
  if (first >= L_BASE && first < L_BASE + 19 && second >= V_BASE && second < V_BASE + V_COUNT) {
    return S_BASE + ((first - L_BASE) * V_COUNT + (second - V_BASE)) * T_COUNT
  }
  const s = first - S_BASE
  if (s >= 0 && s < S_COUNT && s % T_COUNT === 0 && second > T_BASE && second < T_BASE + T_COUNT) {
    return first + (second - T_BASE)
  }
  return tables().compositions.get(pairKey(first, second))
}

/** All code points that a compatibility decomposition changes, in order. */
export function decomposing(): number[] {
  const { canonical, compatible } = tables()
  const hangul = Array.from({ length: S_COUNT }, (_, s) => S_BASE + s)
  return [...canonical.keys(), ...compatible.keys(), ...hangul].sort((a, b) => a - b)
}

/** A text in a normalization form. */
export function normalized(text: string, form: NormalizationForm): string {
  return normalizeChanges(text, form)
    .map(([char]) => char)
    .join('')
}

type Item = { cp: number; change: number; ccc: number }

function decompose(text: string, compatibility: boolean): Item[] {
  const { classes } = tables()
  const items: Item[] = []
  const parts: number[] = []
  // Combining marks since the last starter are put in order of their class, equal classes as they came.
  let marksFrom = 0
  const sortMarks = () => {
    if (items.length - marksFrom < 2) return
    const marks = items.splice(marksFrom).sort((a, b) => a.ccc - b.ccc)
    for (const mark of marks) items.push(mark)
  }
  for (const char of text) {
    parts.length = 0
    decomposeInto(char.codePointAt(0)!, compatibility, parts)
    for (let i = 0; i < parts.length; i++) {
      const ccc = classes.get(parts[i]) ?? 0
      if (ccc === 0) sortMarks()
      items.push({ cp: parts[i], change: i === 0 ? 0 : 1, ccc })
      if (ccc === 0) marksFrom = items.length
    }
  }
  sortMarks()
  return items
}

function recompose(items: readonly Item[]): Item[] {
  const out: Item[] = []
  let starter: Item | undefined
  let lastClass = -1
  for (const item of items) {
    // A mark is blocked from the starter by one of the same or a higher class between them.
    if (starter && (lastClass === -1 || (lastClass < item.ccc && lastClass !== 0))) {
      const composed = compose(starter.cp, item.cp)
      if (composed !== undefined) {
        starter.cp = composed
        starter.change += item.change - 1
        continue
      }
    }
    const kept = { ...item }
    out.push(kept)
    if (item.ccc === 0) {
      starter = kept
      lastClass = -1
    } else lastClass = item.ccc
  }
  return out
}

/** A text in a normalization form, as changes to the text. */
export function normalizeChanges(text: string, form: NormalizationForm): Change[] {
  const decomposed = decompose(text, form === 'NFKC' || form === 'NFKD')
  const items = form === 'NFC' || form === 'NFKC' ? recompose(decomposed) : decomposed
  return items.map(({ cp, change }) => [String.fromCodePoint(cp), change] as const)
}
