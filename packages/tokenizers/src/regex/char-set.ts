// Sets of code points as sorted ranges, and as a bitmap for matching.

import { caseVariants } from '../unicode/case.ts'
import { categoryNames, categoryTable, isWhitespace } from '../unicode/categories.ts'
import { scriptNames, scriptTable } from '../unicode/scripts.ts'

const LAST = 0x10ffff

export class CharSet {
  /** [first, last, first, last, ...], ascending, never touching. */
  readonly ranges: readonly number[]
  private bits: Uint8Array | undefined

  private constructor(ranges: readonly number[]) {
    this.ranges = ranges
  }

  /** A set of ranges [first, last] in any order. */
  static of(...ranges: readonly (readonly [number, number])[]): CharSet {
    const sorted = ranges.filter(([a, b]) => a <= b).sort((x, y) => x[0] - y[0])
    const out: number[] = []
    for (const [first, last] of sorted) {
      if (out.length > 0 && first <= out[out.length - 1] + 1) out[out.length - 1] = Math.max(out[out.length - 1], last)
      else out.push(first, last)
    }
    return new CharSet(out)
  }

  static char(cp: number): CharSet {
    return new CharSet([cp, cp])
  }

  /** All code points for which a test holds. */
  static where(test: (cp: number) => boolean): CharSet {
    const out: number[] = []
    for (let cp = 0; cp <= LAST; cp++) {
      if (!test(cp)) continue
      if (out.length > 0 && out[out.length - 1] === cp - 1) out[out.length - 1] = cp
      else out.push(cp, cp)
    }
    return new CharSet(out)
  }

  pairs(): [number, number][] {
    const out: [number, number][] = []
    for (let i = 0; i < this.ranges.length; i += 2) out.push([this.ranges[i], this.ranges[i + 1]])
    return out
  }

  union(other: CharSet): CharSet {
    return CharSet.of(...this.pairs(), ...other.pairs())
  }

  negate(): CharSet {
    const out: [number, number][] = []
    let next = 0
    for (const [first, last] of this.pairs()) {
      out.push([next, first - 1])
      next = last + 1
    }
    out.push([next, LAST])
    return CharSet.of(...out)
  }

  intersect(other: CharSet): CharSet {
    return this.negate().union(other.negate()).negate()
  }

  /** With every character also its other cases. */
  ignoringCase(): CharSet {
    const extra: [number, number][] = []
    for (const [first, last] of this.pairs()) {
      // A range so large holds whole alphabets; going through it one by one still is a matter of milliseconds.
      for (let cp = first; cp <= last; cp++)
        for (const other of caseVariants(cp)) if (other !== cp) extra.push([other, other])
    }
    return extra.length === 0 ? this : CharSet.of(...this.pairs(), ...extra)
  }

  has(cp: number): boolean {
    const bits = this.bitmap()
    return ((bits[cp >> 3] >> (cp & 7)) & 1) === 1
  }

  /** One bit per code point, least significant first. */
  bitmap(): Uint8Array {
    if (this.bits) return this.bits
    const bits = new Uint8Array((LAST + 1) >> 3)
    for (const [first, last] of this.pairs()) {
      let cp = first
      while (cp <= last && (cp & 7) !== 0) bits[cp >> 3] |= 1 << (cp++ & 7)
      const whole = (last + 1) & ~7
      if (whole > cp) {
        bits.fill(255, cp >> 3, whole >> 3)
        cp = whole
      }
      while (cp <= last) bits[cp >> 3] |= 1 << (cp++ & 7)
    }
    return (this.bits = bits)
  }
}

const cache = new Map<string, CharSet>()

function cached(name: string, make: () => CharSet): CharSet {
  let set = cache.get(name)
  if (!set) cache.set(name, (set = make()))
  return set
}

/** All characters whose general category starts with a prefix, e.g. `L` or `Lu`. */
export function category(prefix: string): CharSet {
  return cached(`category ${prefix}`, () => {
    const table = categoryTable()
    const wanted = categoryNames.map(name => name.startsWith(prefix))
    return CharSet.where(cp => wanted[table[cp]])
  })
}

/** The classes that have a letter: white space, decimal digits, word characters, hexadecimal digits. */
export const space = (): CharSet => cached('space', () => CharSet.where(isWhitespace))
export const digit = (): CharSet => category('Nd')
export const word = (): CharSet =>
  cached('word', () =>
    ['L', 'M', 'Nd', 'Nl', 'Pc']
      .map(category)
      .reduce((all, set) => all.union(set))
      .union(otherAlphabetic()),
  )
export const hexDigit = (): CharSet => CharSet.of([48, 57], [65, 70], [97, 102])
export const anyChar = (): CharSet => CharSet.of([0, LAST])

/** Other_Alphabetic outside letters and marks: circled and squared letters. */
function otherAlphabetic(): CharSet {
  return CharSet.of([0x24b6, 0x24e9], [0x1f130, 0x1f149], [0x1f150, 0x1f169], [0x1f170, 0x1f189])
}

const longCategories: Record<string, string> = {
  letter: 'L', uppercaseletter: 'Lu', lowercaseletter: 'Ll', titlecaseletter: 'Lt', modifierletter: 'Lm',
  otherletter: 'Lo', mark: 'M', nonspacingmark: 'Mn', spacingmark: 'Mc', enclosingmark: 'Me', number: 'N',
  decimalnumber: 'Nd', letternumber: 'Nl', othernumber: 'No', punctuation: 'P', connectorpunctuation: 'Pc',
  dashpunctuation: 'Pd', openpunctuation: 'Ps', closepunctuation: 'Pe', initialpunctuation: 'Pi',
  finalpunctuation: 'Pf', otherpunctuation: 'Po', symbol: 'S', mathsymbol: 'Sm', currencysymbol: 'Sc',
  modifiersymbol: 'Sk', othersymbol: 'So', separator: 'Z', spaceseparator: 'Zs', lineseparator: 'Zl',
  paragraphseparator: 'Zp', other: 'C', control: 'Cc', format: 'Cf', surrogate: 'Cs', privateuse: 'Co',
  unassigned: 'Cn',
} // biome-ignore format: a table reads better in rows

const properties: Record<string, () => CharSet> = {
  any: anyChar,
  ascii: () => CharSet.of([0, 127]),
  alpha: () =>
    ['L', 'Nl', 'M']
      .map(category)
      .reduce((all, set) => all.union(set))
      .union(otherAlphabetic()),
  digit,
  alnum: () => properties.alpha().union(digit()),
  upper: () => category('Lu'),
  lower: () => category('Ll'),
  space,
  whitespace: space,
  blank: () => category('Zs').union(CharSet.char(9)),
  cntrl: () => category('C'),
  punct: () =>
    category('P').union(CharSet.of([36, 36], [43, 43], [60, 62], [94, 94], [96, 96], [124, 124], [126, 126])),
  graph: () => space().union(category('C')).negate(),
  print: () => category('C').negate(),
  word,
  xdigit: hexDigit,
}

/** The set of `\p{name}`: a category, a script or a POSIX class; undefined if there is none of that name. */
export function property(name: string): CharSet | undefined {
  const plain = name
    .replace(/^(?:gc|general_category|sc|script)=/i, '')
    .replace(/[\s_-]/g, '')
    .toLowerCase()
  const short = categoryNames.find(code => code.toLowerCase() === plain)
  if (short) return category(short)
  if (/^[lmnpszc]$/.test(plain)) return category(plain.toUpperCase())
  if (Object.hasOwn(longCategories, plain)) return category(longCategories[plain])
  if (Object.hasOwn(properties, plain)) return cached(`property ${plain}`, properties[plain])
  const script = scriptNames().findIndex(other => other.replace(/_/g, '').toLowerCase() === plain)
  if (script < 0 || plain === '') return undefined
  return cached(`script ${plain}`, () => {
    const table = scriptTable()
    return CharSet.where(cp => table[cp] === script)
  })
}
