// The Porter stemmer (Porter 1980, "An algorithm for suffix stripping") as the paper has it, which is also Snowball's. Every
// rule is a row: a suffix, what takes its place; what must stand before it is said by the step.

/** A consonant: any letter but a, e, i, o, u, and y after a consonant. */
function isConsonant(word: string, i: number): boolean {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
      return false
    case 'y':
      return i === 0 || !isConsonant(word, i - 1)
    default:
      return true
  }
}

/** The number of times a vowel is followed by a consonant: m in [C](VC)^m[V]. */
function measure(stem: string): number {
  let m = 0
  for (let i = 1; i < stem.length; i++) if (isConsonant(stem, i) && !isConsonant(stem, i - 1)) m++
  return m
}

const hasVowel = (stem: string) => [...stem].some((_, i) => !isConsonant(stem, i))
const endsDouble = (word: string) =>
  word.length > 1 && word.at(-1) === word.at(-2) && isConsonant(word, word.length - 1)

/** Ends consonant, vowel, consonant, the last not w, x or y: such a stem takes back its e, as in hop(e). */
function endsShort(word: string): boolean {
  const n = word.length
  return (
    n > 2 && isConsonant(word, n - 3) && !isConsonant(word, n - 2) && isConsonant(word, n - 1) && !/[wxy]$/.test(word)
  )
}

type Rule = readonly [suffix: string, replacement: string]

const step2: readonly Rule[] = [
  ['ational', 'ate'], ['tional', 'tion'], ['enci', 'ence'], ['anci', 'ance'], ['izer', 'ize'], ['abli', 'able'], ['alli', 'al'],
  ['entli', 'ent'], ['eli', 'e'], ['ousli', 'ous'], ['ization', 'ize'], ['ation', 'ate'], ['ator', 'ate'], ['alism', 'al'],
  ['iveness', 'ive'], ['fulness', 'ful'], ['ousness', 'ous'], ['aliti', 'al'], ['iviti', 'ive'], ['biliti', 'ble'],
] // biome-ignore format: a table reads better in rows

const step3: readonly Rule[] = [
  ['icate', 'ic'], ['ative', ''], ['alize', 'al'], ['iciti', 'ic'], ['ical', 'ic'], ['ful', ''], ['ness', ''],
] // biome-ignore format: a table reads better in rows

const step4: readonly string[] = 'al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize'.split(
  ' ',
)

/** The longest suffix of a word among some. */
function longest(word: string, suffixes: readonly string[]): string | undefined {
  let found: string | undefined
  for (const suffix of suffixes) if (word.endsWith(suffix) && suffix.length > (found?.length ?? 0)) found = suffix
  return found
}

function replaceLongest(word: string, rules: readonly Rule[]): string {
  const suffix = longest(
    word,
    rules.map(([s]) => s),
  )
  if (suffix === undefined) return word
  const stem = word.slice(0, -suffix.length)
  return measure(stem) > 0 ? stem + rules.find(([s]) => s === suffix)![1] : word
}

/** Plurals. */
function step1a(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2)
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

/** Past tense and present participle. */
function step1b(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  const suffix = longest(word, ['ed', 'ing'])
  const stem = suffix ? word.slice(0, -suffix.length) : word
  if (!suffix || !hasVowel(stem)) return word
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`
  if (endsDouble(stem) && !/[lsz]$/.test(stem)) return stem.slice(0, -1)
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem
}

function step1c(word: string): string {
  return word.endsWith('y') && hasVowel(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word
}

function removeSuffix(word: string): string {
  const suffix = longest(word, step4)
  if (!suffix) return word
  const stem = word.slice(0, -suffix.length)
  if (measure(stem) < 2 || (suffix === 'ion' && !/[st]$/.test(stem))) return word
  return stem
}

function step5(word: string): string {
  if (word.endsWith('e')) {
    const stem = word.slice(0, -1)
    const m = measure(stem)
    if (m > 1 || (m === 1 && !endsShort(stem))) word = stem
  }
  return word.endsWith('ll') && measure(word.slice(0, -1)) > 1 ? word.slice(0, -1) : word
}

/** The stem of an English word in lower case. */
export function porter(word: string): string {
  return step5(removeSuffix(replaceLongest(replaceLongest(step1c(step1b(step1a(word))), step2), step3)))
}
