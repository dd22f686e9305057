// The normalizations that spm_train knows by name, as rules from strings to strings (sentencepiece, builder.cc): NFKC of single
// characters, of the sequences that compose to one, and of every way to write such a sequence; what machine translation drops
// and takes for a space; case folding.
import { foldCase, folding } from '../unicode/case.ts'
import { decomposing, normalized } from '../unicode/normalize.ts'

export const normalizationRuleNames = ['nmt_nfkc', 'nfkc', 'nmt_nfkc_cf', 'nfkc_cf', 'identity'] as const
export type NormalizationRuleName = (typeof normalizationRuleNames)[number]

/** What each of these rules replaces by what. A text is replaced from the left, the longest match first. */
export function namedRules(name: NormalizationRuleName): Map<string, string> {
  switch (name) {
    case 'nmt_nfkc':
      return withoutRedundant(withNmt(nfkc()))
    case 'nfkc':
      return withoutRedundant(nfkc())
    case 'nmt_nfkc_cf':
      return withoutRedundant(withFolding(withNmt(nfkc())))
    case 'nfkc_cf':
      return withoutRedundant(withFolding(nfkc()))
    case 'identity':
      return new Map()
    default:
      return name satisfies never
  }
}

function nfkc(): Map<string, string> {
  const rules = new Map<string, string>()
  /** By a character, those that a compatibility decomposition makes into it. */
  const variants = new Map<string, string[]>()
  const sequences = new Set<string>()
  const later = new Set(ranges(LATER))
  for (const cp of decomposing()) {
    const char = String.fromCodePoint(cp)
    if (later.has(char)) continue
    const composed = normalized(char, 'NFKC')
    if (composed !== char) rules.set(char, composed)
    const decomposed = normalized(char, 'NFKD')
    if ([...decomposed].length > 1) sequences.add(decomposed)
    else variants.set(decomposed, [...(variants.get(decomposed) ?? [decomposed]), char])
  }
  for (const sequence of sequences) {
    const composed = normalized(sequence, 'NFC')
    if (composed === sequence) continue
    let spellings = ['']
    for (const char of sequence) {
      spellings = spellings.flatMap(start => (variants.get(char) ?? [char]).map(variant => start + variant))
    }
    for (const spelling of spellings) if (spelling !== composed) rules.set(spelling, composed)
  }
  return rules
}

/** Characters that Unicode has since version 14; sentencepiece 0.1.97 knows those of 13. */
const LATER = '2c2f a7c0 a7d0 a7d6 a7d8 a7f2-a7f4 10570-10595 10780-107ba 1e030-1e06d'
const DROPPED = '1-8 b e-1f 7f 8f 9f'
const SPACES = '9 a c d 1680 200b 200c 200e 200f 2028 2029 2581 feff fffd'

function withNmt(rules: Map<string, string>): Map<string, string> {
  for (const char of ranges(DROPPED)) rules.set(char, '')
  for (const char of ranges(SPACES)) rules.set(char, ' ')
  // Japanese writes it for the wave dash as well.
  rules.delete('\uff5e')
  return rules
}

function withFolding(rules: Map<string, string>): Map<string, string> {
  const later = new Set(ranges(LATER))
  for (const [from, to] of rules) rules.set(from, foldCase(to))
  for (const cp of folding()) {
    const char = String.fromCodePoint(cp)
    if (!rules.has(char) && !later.has(char)) rules.set(char, foldCase(char))
  }
  return rules
}

/** Leaves out the rules for several characters that say what shorter rules do already. */
function withoutRedundant(rules: ReadonlyMap<string, string>): Map<string, string> {
  const byLength: [from: string, to: string][][] = []
  for (const rule of rules) (byLength[characters(rule[0])] ??= []).push(rule)
  const out = new Map(byLength[1])
  for (let length = 2; length < byLength.length; length++) {
    const needed = (byLength[length] ?? []).filter(([from, to]) => apply(out, from) !== to)
    for (const [from, to] of needed) out.set(from, to)
  }
  return out
}

/** A text by the rules, the longest match first; none of the whole text. */
function apply(rules: ReadonlyMap<string, string>, text: string): string {
  let out = ''
  for (let at = 0; at < text.length; ) {
    const next = at + (text.codePointAt(at)! > 0xffff ? 2 : 1)
    let end = text.length
    let image: string | undefined
    for (; end >= next; end--) if ((image = rules.get(text.slice(at, end))) !== undefined) break
    out += image ?? text.slice(at, next)
    at = image === undefined ? next : end
  }
  return out
}

function characters(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function ranges(text: string): string[] {
  return text.split(' ').flatMap(range => {
    const [first, last = first] = range.split('-').map(digits => Number.parseInt(digits, 16))
    return Array.from({ length: last! - first! + 1 }, (_, i) => String.fromCodePoint(first! + i))
  })
}
