// Lower case and simple case folding from pinned tables. Characters are mapped one by one, without context: a final
// sigma is a sigma, as in the Rust library.
import { foldRuns, lowerRuns, lowerSpecials } from './case.data.ts'

const number = (digits: string) => Number.parseInt(digits, 36)

function unpack(runs: string): Map<number, number> {
  const map = new Map<number, number>()
  let start = 0
  for (const row of runs.split(';')) {
    const [delta, count, stride, offset] = row.split(',').map(number)
    start += delta
    for (let i = 0; i < count; i++) map.set(start + i * stride, start + i * stride + offset)
  }
  return map
}

let lower: Map<number, number> | undefined
let special: Map<number, string> | undefined

/** The lower case of one character; more than one character for U+0130. */
export function lowerCase(char: string): string {
  const cp = char.codePointAt(0)!
  if (cp < 0x80) return cp >= 65 && cp <= 90 ? String.fromCharCode(cp + 32) : char
  lower ??= unpack(lowerRuns)
  special ??= new Map(
    lowerSpecials.split(';').map(row => {
      const [from, ...to] = row.split(',').map(number)
      return [from, String.fromCodePoint(...to)]
    }),
  )
  const image = lower.get(cp)
  return image === undefined ? (special.get(cp) ?? char) : String.fromCodePoint(image)
}

let folds: Map<number, number[]> | undefined

/** All code points that differ from this one by case alone (simple folding), itself included. */
export function caseVariants(cp: number): readonly number[] {
  if (!folds) {
    const groups = new Map<number, number[]>()
    for (const [from, to] of unpack(foldRuns)) {
      const group = groups.get(to)
      if (group) group.push(from)
      else groups.set(to, [to, from])
    }
    folds = new Map()
    for (const group of groups.values()) for (const member of group) folds.set(member, group)
  }
  return folds.get(cp) ?? [cp]
}

let folded: Map<number, number> | undefined

/** Case folding of a text, character by character (simple folding). */
export function foldCase(text: string): string {
  folded ??= unpack(foldRuns)
  let out = ''
  for (const char of text) {
    const image = folded.get(char.codePointAt(0)!)
    out += image === undefined ? char : String.fromCodePoint(image)
  }
  return out
}

/** All code points that case folding changes. */
export function folding(): Iterable<number> {
  folded ??= unpack(foldRuns)
  return folded.keys()
}
