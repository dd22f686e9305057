// Sets of code points as sorted ranges, and as a bitmap for matching.

import { caseVariants } from '../unicode/case.ts'
import { categoryNames, categoryTable, isWhitespace } from '../unicode/categories.ts'
import { otherAlphabetic, otherLowercase, otherUppercase } from '../unicode/properties.data.ts'
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

/** A set packed as ranges: start from the end of the one before, length; base 36. */
function unpack(ranges: string): CharSet {
  const out: [number, number][] = []
  let end = 0
  for (const row of ranges.split(';')) {
    const [gap, length] = row.split(',').map(n => Number.parseInt(n, 36))
    out.push([end + gap, end + gap + length - 1])
    end += gap + length
  }
  return CharSet.of(...out)
}

const union = (...sets: CharSet[]) => sets.reduce((all, set) => all.union(set))
const categories = (...names: string[]) => union(...names.map(category))

/** The classes that have a letter: white space, decimal digits, word characters, hexadecimal digits. */
export const space = (): CharSet => cached('space', () => CharSet.where(isWhitespace))
export const digit = (): CharSet => category('Nd')
export const word = (): CharSet => cached('word', () => union(categories('M', 'Nd', 'Pc'), alphabetic()))
/** A `\w` outside brackets, as Oniguruma has it. */
export const bareWord = (): CharSet =>
  cached('bare word', () => word().union(CharSet.of([0xb2, 0xb3], [0xb9, 0xb9], [0xbc, 0xbe])))
/** `\w` as Rust's regex has it. */
export const rustWord = (): CharSet => cached('rust word', () => word().union(CharSet.of([0x200c, 0x200d])))
export const hexDigit = (): CharSet => CharSet.of([48, 57], [65, 70], [97, 102])
export const anyChar = (): CharSet => CharSet.of([0, LAST])
const alphabetic = (): CharSet => cached('alphabetic', () => categories('L', 'Nl').union(unpack(otherAlphabetic)))

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
  alpha: alphabetic,
  alphabetic,
  digit,
  alnum: () => alphabetic().union(digit()),
  upper: () => category('Lu').union(unpack(otherUppercase)),
  lower: () => category('Ll').union(unpack(otherLowercase)),
  space,
  whitespace: space,
  blank: () => category('Zs').union(CharSet.char(9)),
  cntrl: () => category('Cc'),
  punct: () => categories('P', 'S'),
  graph: () => union(space(), categories('Cc', 'Cn', 'Cs')).negate(),
  print: () => categories('Cc', 'Cn', 'Cs', 'Zl', 'Zp').negate(),
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
