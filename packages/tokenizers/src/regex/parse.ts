// Reads a regular expression in Oniguruma's Ruby syntax, which tokenizer.json is written in: \p{..}, nested and
// intersected classes, inline flags, possessive quantifiers, atomic groups, lookaround. `^` and `$` are those of lines.
// Rust's syntax, in which tiktoken's patterns are written, is the same but for `^` and `$`, which are those of the text.
import { TokenizerFormatError } from '../errors.ts'
import { anyChar, bareWord, CharSet, digit, hexDigit, property, rustWord, space, word } from './char-set.ts'

export type RegexSyntax = 'oniguruma' | 'rust'

export type Anchor = 'lineStart' | 'lineEnd' | 'textStart' | 'textEnd' | 'lastLineEnd' | 'wordEdge' | 'notWordEdge'

export type Node =
  | { kind: 'set'; set: CharSet }
  | { kind: 'sequence'; items: Node[] }
  | { kind: 'choice'; options: Node[] }
  | { kind: 'repeat'; item: Node; min: number; max: number; mode: 'greedy' | 'lazy' }
  | { kind: 'atomic'; item: Node }
  | { kind: 'look'; item: Node; ahead: boolean; negative: boolean }
  | { kind: 'anchor'; at: Anchor }

type Flags = { ignoreCase: boolean; dotAll: boolean; extended: boolean }

/** Counts above this in `{n,m}` are refused: the matcher would be as large. */
const MAX_REPEAT = 1000
/** Parentheses nested deeper than this are refused. */
const MAX_DEPTH = 100

const anchors: Record<string, Anchor> = {
  A: 'textStart',
  z: 'textEnd',
  Z: 'lastLineEnd',
  b: 'wordEdge',
  B: 'notWordEdge',
}
const controls: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27, '0': 0 }

const classes: Record<string, () => CharSet> = {
  s: space,
  S: () => space().negate(),
  d: digit,
  D: () => digit().negate(),
  w: word,
  W: () => word().negate(),
  h: hexDigit,
  H: () => hexDigit().negate(),
}

export function parseRegex(source: string, syntax: RegexSyntax = 'oniguruma'): Node {
  return new Parser(source, syntax).parse()
}

class Parser {
  private at = 0
  private depth = 0
  private flags: Flags = { ignoreCase: false, dotAll: false, extended: false }
  private readonly source: string
  private readonly syntax: RegexSyntax

  constructor(source: string, syntax: RegexSyntax) {
    this.source = source
    this.syntax = syntax
  }

  parse(): Node {
    const node = this.choice()
    if (this.at < this.source.length) this.fail('an unmatched )')
    return node
  }

  private fail(problem: string): never {
    throw new TokenizerFormatError('regular expression', `position ${this.at} of ${this.source.slice(0, 200)}`, problem)
  }

  private eat(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }

  private choice(): Node {
    if (++this.depth > MAX_DEPTH) this.fail(`groups nested more than ${MAX_DEPTH} deep`)
    // Flags set inside a group, as in (?i)abc, hold until its end.
    const outer = this.flags
    const options = [this.sequence()]
    while (this.eat('|')) options.push(this.sequence())
    this.flags = outer
    this.depth--
    return options.length === 1 ? options[0] : { kind: 'choice', options }
  }

  private sequence(): Node {
    const items: Node[] = []
    while (this.at < this.source.length && this.source[this.at] !== '|' && this.source[this.at] !== ')') {
      const item = this.atom()
      if (item) items.push(this.quantified(item))
    }
    return items.length === 1 ? items[0] : { kind: 'sequence', items }
  }

  /** One item without its quantifier; undefined for what matches nothing and is nothing: comments and flags. */
  private atom(): Node | undefined {
    const char = this.next()
    switch (char) {
      case '(':
        return this.group()
      case '[':
        return { kind: 'set', set: this.cased(this.setOf()) }
      case '.':
        return { kind: 'set', set: this.flags.dotAll ? anyChar() : CharSet.char(10).negate() }
      case '^':
        return { kind: 'anchor', at: this.syntax === 'oniguruma' ? 'lineStart' : 'textStart' }
      case '$':
        return { kind: 'anchor', at: this.syntax === 'oniguruma' ? 'lineEnd' : 'textEnd' }
      case '\\':
        return this.escape()
      case '*':
      case '+':
      case '?':
        return this.fail(`nothing to repeat before ${char}`)
      default:
        if (this.flags.extended) {
          if (/\s/.test(char)) return undefined
          if (char === '#') {
            while (this.at < this.source.length && this.source[this.at] !== '\n') this.at++
            return undefined
          }
        }
        return this.literal(char.codePointAt(0)!)
    }
  }

  private next(): string {
    if (this.at >= this.source.length) this.fail('it ends too soon')
    const char = String.fromCodePoint(this.source.codePointAt(this.at)!)
    this.at += char.length
    return char
  }

  private cased(set: CharSet): CharSet {
    return this.flags.ignoreCase ? set.ignoringCase() : set
  }

  private literal(cp: number): Node {
    return { kind: 'set', set: this.cased(CharSet.char(cp)) }
  }

  private group(): Node | undefined {
    const close = (item: Node): Node => {
      if (!this.eat(')')) this.fail('a ( without )')
      return item
    }
    const look = (ahead: boolean, negative: boolean): Node =>
      close({ kind: 'look', item: this.choice(), ahead, negative })
    if (!this.eat('?')) return close(this.choice())
    if (this.eat(':')) return close(this.choice())
    if (this.eat('=')) return look(true, false)
    if (this.eat('!')) return look(true, true)
    if (this.eat('<=')) return look(false, false)
    if (this.eat('<!')) return look(false, true)
    if (this.eat('>')) return close({ kind: 'atomic', item: this.choice() })
    if (this.eat('#')) {
      while (this.next() !== ')');
      return undefined
    }
    const name = /^P?<[\p{L}_][\p{L}\p{N}_]*>/u.exec(this.source.slice(this.at))
    if (name) {
      this.at += name[0].length
      return close(this.choice())
    }
    const flags = /^([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/.exec(this.source.slice(this.at))
    if (!flags) this.fail('an unknown kind of group')
    this.at += flags[0].length
    const outer = this.flags
    this.flags = this.withFlags(this.withFlags(outer, flags[1], true), flags[2] ?? '', false)
    if (flags[3] === ')') return undefined
    const item = close(this.choice())
    this.flags = outer
    return item
  }

  private withFlags(flags: Flags, letters: string, on: boolean): Flags {
    const out = { ...flags }
    for (const letter of letters) {
      if (letter === 'i') out.ignoreCase = on
      // What Ruby calls m, Rust calls s.
      else if (letter === (this.syntax === 'oniguruma' ? 'm' : 's')) out.dotAll = on
      else if (letter === 'x') out.extended = on
      else if (letter !== 'u') this.fail(`the flag ${letter} is not supported`)
    }
    return out
  }

  private quantified(item: Node): Node {
    while (true) {
      const bounds = this.quantifier()
      if (!bounds) return item
      const [min, max, isInterval] = bounds
      const lazy = this.eat('?')
      // In Ruby, + after {n,m} repeats the repetition; after ?, * and + it makes them possessive.
      const possessive = !lazy && !(isInterval && this.syntax === 'oniguruma') && this.eat('+')
      const repeat: Node = { kind: 'repeat', item, min, max, mode: lazy ? 'lazy' : 'greedy' }
      item = possessive ? { kind: 'atomic', item: repeat } : repeat
    }
  }

  private quantifier(): [min: number, max: number, isInterval: boolean] | undefined {
    if (this.eat('*')) return [0, Number.POSITIVE_INFINITY, false]
    if (this.eat('+')) return [1, Number.POSITIVE_INFINITY, false]
    if (this.eat('?')) return [0, 1, false]
    const match = /^\{(\d*)(,?)(\d*)\}/.exec(this.source.slice(this.at, this.at + 24))
    if (!match || (match[1] === '' && match[3] === '')) return undefined
    this.at += match[0].length
    const min = match[1] === '' ? 0 : Number(match[1])
    const max = match[2] === '' ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Number.POSITIVE_INFINITY)) {
      this.fail(`a repeat count above ${MAX_REPEAT}`)
    }
    if (max < min) this.fail(`the repeat {${min},${max}} is empty`)
    return [min, max, true]
  }

  private escape(): Node {
    const char = this.next()
    if (char === 'G' || char === 'K' || char === 'X' || char === 'k' || char === 'g' || /[1-9]/.test(char)) {
      this.fail(`\\${char} is not supported`)
    }
    if (char === 'R') {
      const newline: Node = { kind: 'set', set: CharSet.of([10, 13], [0x85, 0x85], [0x2028, 0x2029]) }
      const crlf: Node = { kind: 'sequence', items: [this.literal(13), this.literal(10)] }
      return { kind: 'atomic', item: { kind: 'choice', options: [crlf, newline] } }
    }
    if (Object.hasOwn(anchors, char)) return { kind: 'anchor', at: anchors[char] }
    // Oniguruma's bare \w takes in the superscripts and fractions of Latin-1; inside [ ] it does not.
    const isBareWord = this.syntax === 'oniguruma' && (char === 'w' || char === 'W')
    const set = isBareWord ? (char === 'w' ? bareWord() : bareWord().negate()) : this.escapedSet(char)
    return { kind: 'set', set: this.cased(set ?? CharSet.char(this.escapedChar(char))) }
  }

  private escapedSet(char: string): CharSet | undefined {
    if (this.syntax === 'rust' && (char === 'w' || char === 'W')) return char === 'w' ? rustWord() : rustWord().negate()
    if (Object.hasOwn(classes, char)) return classes[char]()
    if (char !== 'p' && char !== 'P') return undefined
    const braces = /^\{(\^?)([^{}]*)\}/.exec(this.source.slice(this.at, this.at + 80))
    const name = braces ? braces[2] : this.next()
    if (braces) this.at += braces[0].length
    const set = property(name)
    if (!set) this.fail(`no property is called ${name}`)
    return (char === 'P') !== (braces?.[1] === '^') ? set.negate() : set
  }

  private escapedChar(char: string): number {
    if (Object.hasOwn(controls, char)) return controls[char]
    if (char !== 'x' && char !== 'u' && char !== 'U') return char.codePointAt(0)!
    const digits =
      char === 'x' ? /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{1,2}))/ : /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/
    const match = digits.exec(this.source.slice(this.at, this.at + 10))
    if (!match) this.fail(`\\${char} without hexadecimal digits`)
    this.at += match[0].length
    const cp = Number.parseInt(match[1] ?? match[2], 16)
    if (cp > 0x10ffff) this.fail('a code point above U+10FFFF')
    return cp
  }

  /** A bracketed class; `[` is already eaten. */
  private setOf(): CharSet {
    if (++this.depth > MAX_DEPTH) this.fail(`classes nested more than ${MAX_DEPTH} deep`)
    const negated = this.eat('^')
    let whole: CharSet | undefined
    let set = CharSet.of()
    const ranges: [number, number][] = []
    let isFirst = true
    while (true) {
      if (this.source[this.at] === ']' && !isFirst) break
      isFirst = false
      if (this.eat('&&')) {
        const part = set.union(CharSet.of(...ranges))
        whole = whole ? whole.intersect(part) : part
        set = CharSet.of()
        ranges.length = 0
        continue
      }
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at, this.at + 20))
      if (posix) {
        const found = property(posix[2])
        if (!found) this.fail(`no class is called ${posix[2]}`)
        this.at += posix[0].length
        set = set.union(posix[1] ? found.negate() : found)
        continue
      }
      const first = this.member()
      if (first instanceof CharSet) {
        set = set.union(first)
        continue
      }
      // A range needs an end: in [a-] and [a-\d] the hyphen is itself.
      if (this.source[this.at] === '-' && this.source[this.at + 1] !== ']') {
        const back = this.at++
        const last = this.source[this.at] === '[' ? CharSet.of() : this.member()
        if (typeof last === 'number') {
          if (last < first) this.fail('a range that runs backwards')
          ranges.push([first, last])
          continue
        }
        this.at = back
        ranges.push([first, first])
        this.at++
        ranges.push([45, 45])
        continue
      }
      ranges.push([first, first])
    }
    this.at++
    this.depth--
    const part = set.union(CharSet.of(...ranges))
    const all = whole ? whole.intersect(part) : part
    return negated ? this.cased(all).negate() : all
  }

  private member(): number | CharSet {
    const char = this.next()
    if (char === '[') return this.setOf()
    if (char !== '\\') return char.codePointAt(0)!
    const escaped = this.next()
    if (escaped === 'b') return 8
    return this.escapedSet(escaped) ?? this.escapedChar(escaped)
  }
}
