// A regular expression that a stranger wrote, matched within bounds: backtracking over closures, each attempt counted.
// When a text costs more steps than a generous multiple of its length, matching stops with an error instead of hanging.
// Character classes come from the package's own Unicode tables, so what matches does not depend on the engine.
import { TokenizerError } from '../errors.ts'
import { patterns } from '../pretokenizers/patterns.ts'
import { bareWord, CharSet } from './char-set.ts'
import { type Anchor, type Node, parseRegex, type RegexSyntax } from './parse.ts'

const known: ReadonlySet<string> = new Set(Object.values(patterns))

/** Steps allowed on one text: this many, and so many more per UTF-16 unit. Real patterns need fewer than 20 per unit. */
const BASE_STEPS = 100_000
const STEPS_PER_UNIT = 500

/** Tries to match at a position; gives the end of the whole match, or -1. */
type Matcher = (at: number) => number

export class Regex {
  readonly source: string
  private readonly syntax: RegexSyntax
  private program: { start: Matcher; first: CharSet | undefined } | undefined
  private text = ''
  private steps = 0

  /** @throws TokenizerFormatError for what is not a regular expression of the syntax */
  constructor(source: string, syntax: RegexSyntax = 'oniguruma') {
    this.source = source
    this.syntax = syntax
    // The package's own patterns are right, and mostly matched by hand: they are compiled when they are needed.
    if (!known.has(source)) this.program = this.prepare()
  }

  /** All matches [start, end) from left to right; an empty match is not taken right behind another match. */
  *matches(text: string): Iterable<[start: number, end: number]> {
    this.begin(text)
    this.program ??= this.prepare()
    const bits = this.program.first?.bitmap()
    let lastEnd = -1
    for (let at = 0; at <= text.length; ) {
      const size = at < text.length && text.codePointAt(at)! > 0xffff ? 2 : 1
      if (bits) {
        if (at >= text.length) break
        const cp = text.codePointAt(at)!
        if (((bits[cp >> 3] >> (cp & 7)) & 1) === 0) {
          at += size
          continue
        }
      }
      const end = this.attempt(at)
      if (end < 0 || (end === at && end === lastEnd)) {
        at += size
        continue
      }
      lastEnd = end
      yield [at, end]
      // The text may have been changed by another call in between.
      if (this.text !== text) this.begin(text)
      at = end
    }
  }

  private prepare(): { start: Matcher; first: CharSet | undefined } {
    const node = simplify(parseRegex(this.source, this.syntax))
    return { start: this.compile(node, at => at), first: firstChars(node)?.set }
  }

  private begin(text: string): void {
    this.text = text
    this.steps = BASE_STEPS + STEPS_PER_UNIT * text.length
  }

  private attempt(at: number): number {
    try {
      return this.program!.start(at)
    } catch (error) {
      if (error instanceof RangeError) this.exhausted('depth')
      throw error
    }
  }

  private exhausted(what: string): never {
    throw new TokenizerError(
      `regular expression: ${this.source.slice(0, 200)} needs too much ${what} on a text of ${this.text.length} units: simplify it, or pass shorter texts`,
    )
  }

  private compile(node: Node, next: Matcher): Matcher {
    switch (node.kind) {
      case 'set':
        return this.compileSet(node.set, next)
      case 'sequence':
        return node.items.reduceRight((rest, item) => this.compile(item, rest), next)
      case 'choice':
        return this.compileChoice(node.options, next)
      case 'repeat':
        if (node.item.kind === 'set' && node.mode === 'greedy')
          return this.compileRun(node.item.set, node.min, node.max, next)
        return this.compileRepeat(node.item, node.min, node.max, node.mode === 'lazy', next)
      case 'atomic': {
        const inner = this.compile(node.item, at => at)
        return at => {
          const end = inner(at)
          return end < 0 ? -1 : next(end)
        }
      }
      case 'look':
        return this.compileLook(node.item, node.ahead, node.negative, next)
      case 'anchor': {
        const holds = anchorTests[node.at]
        return at => (holds(this.text, at) ? next(at) : -1)
      }
      default:
        return node satisfies never
    }
  }

  private compileSet(set: CharSet, next: Matcher): Matcher {
    const bits = set.bitmap()
    return at => {
      if (at >= this.text.length) return -1
      const cp = this.text.codePointAt(at)!
      return ((bits[cp >> 3] >> (cp & 7)) & 1) === 1 ? next(at + (cp > 0xffff ? 2 : 1)) : -1
    }
  }

  /** Alternatives, those that cannot start with the character at hand left out for ASCII. */
  private compileChoice(options: readonly Node[], next: Matcher): Matcher {
    const matchers = options.map(option => this.compile(option, next))
    const firsts = options.map(option => firstChars(option))
    const byChar: Matcher[][] = Array.from({ length: 128 }, (_, cp) =>
      matchers.filter((_, i) => !firsts[i] || firsts[i].set.has(cp)),
    )
    return at => {
      const unit = at < this.text.length ? this.text.charCodeAt(at) : 128
      const candidates = unit < 128 ? byChar[unit] : matchers
      for (let i = 0; i < candidates.length; i++) {
        if (--this.steps < 0) this.exhausted('work')
        const end = candidates[i](at)
        if (end >= 0) return end
      }
      return -1
    }
  }

  /** As many characters of a set as there are, then fewer. */
  private compileRun(set: CharSet, min: number, max: number, next: Matcher): Matcher {
    const bits = set.bitmap()
    return start => {
      const { text } = this
      let at = start
      let count = 0
      while (count < max && at < text.length) {
        const cp = text.codePointAt(at)!
        if (((bits[cp >> 3] >> (cp & 7)) & 1) === 0) break
        at += cp > 0xffff ? 2 : 1
        count++
      }
      this.steps -= count + 1
      if (this.steps < 0) this.exhausted('work')
      while (count >= min) {
        const end = next(at)
        if (end >= 0) return end
        if (--this.steps < 0) this.exhausted('work')
        if (count-- === 0) break
        at -= at >= 2 && text.codePointAt(at - 2)! > 0xffff ? 2 : 1
      }
      return -1
    }
  }

  private compileRepeat(item: Node, min: number, max: number, lazy: boolean, next: Matcher): Matcher {
    // The state of the innermost run of this loop; whoever changes it puts it back when its attempt fails.
    let count = 0
    let iterationStart = -1
    const again: Matcher = at => {
      if (--this.steps < 0) this.exhausted('work')
      const savedCount = count
      const savedStart = iterationStart
      const leave = () => {
        const end = savedCount >= min ? next(at) : -1
        count = savedCount
        iterationStart = savedStart
        return end
      }
      if (lazy) {
        const end = leave()
        if (end >= 0) return end
      }
      if (count < max) {
        count++
        iterationStart = at
        const end = body(at)
        if (end >= 0) return end
        count = savedCount
        iterationStart = savedStart
      }
      return lazy ? -1 : leave()
    }
    const body = this.compile(item, at => (at === iterationStart && count > min ? -1 : again(at)))
    return at => {
      const savedCount = count
      const savedStart = iterationStart
      count = 0
      iterationStart = -1
      const end = again(at)
      count = savedCount
      iterationStart = savedStart
      return end
    }
  }

  private compileLook(item: Node, ahead: boolean, negative: boolean, next: Matcher): Matcher {
    if (ahead) {
      const inner = this.compile(item, at => at)
      return at => (inner(at) >= 0 !== negative ? next(at) : -1)
    }
    // Behind: every alternative has a length; try each from that far back.
    const options = (item.kind === 'choice' ? item.options : [item]).map(option => ({
      length: fixedLength(option),
      matcher: this.compile(option, at => at),
    }))
    if (options.some(option => option.length === undefined)) {
      throw new TokenizerError(
        `regular expression: ${this.source.slice(0, 200)}: a lookbehind must have a fixed length`,
      )
    }
    const found = (at: number) =>
      options.some(({ length, matcher }) => {
        let from = at
        for (let i = 0; i < length!; i++) {
          if (from === 0) return false
          from -= from >= 2 && this.text.codePointAt(from - 2)! > 0xffff ? 2 : 1
        }
        return matcher(from) === at
      })
    return at => (found(at) !== negative ? next(at) : -1)
  }
}

function isWordEdge(text: string, at: number): boolean {
  const before =
    at === 0 ? undefined : text.codePointAt(at >= 2 && text.codePointAt(at - 2)! > 0xffff ? at - 2 : at - 1)
  const after = text.codePointAt(at)
  const word = bareWord()
  return (before !== undefined && word.has(before)) !== (after !== undefined && word.has(after))
}

const anchorTests: Record<Anchor, (text: string, at: number) => boolean> = {
  textStart: (_, at) => at === 0,
  textEnd: (text, at) => at === text.length,
  lastLineEnd: (text, at) => at === text.length || (at === text.length - 1 && text[at] === '\n'),
  // After a final line break no new line starts.
  lineStart: (text, at) => at === 0 || (text[at - 1] === '\n' && at < text.length),
  lineEnd: (text, at) => at === text.length || text[at] === '\n',
  wordEdge: isWordEdge,
  notWordEdge: (text, at) => !isWordEdge(text, at),
}

/** A lookahead at one character followed by one character is one set: `(?=\p{L})[^a-z]`. So is a choice of sets. */
function simplify(node: Node): Node {
  switch (node.kind) {
    case 'set':
    case 'anchor':
      return node
    case 'repeat':
    case 'atomic':
    case 'look':
      return { ...node, item: simplify(node.item) }
    case 'choice': {
      const options = node.options.map(simplify)
      const sets = options.flatMap(option => (option.kind === 'set' ? [option.set] : []))
      if (sets.length === options.length) return { kind: 'set', set: sets.reduce((all, set) => all.union(set)) }
      return { kind: 'choice', options }
    }
    case 'sequence': {
      const items: Node[] = []
      for (const item of node.items.map(simplify)) {
        const last = items.at(-1)
        if (item.kind === 'set' && last?.kind === 'look' && last.ahead && last.item.kind === 'set') {
          const other = last.negative ? last.item.set.negate() : last.item.set
          items[items.length - 1] = { kind: 'set', set: item.set.intersect(other) }
        } else items.push(item)
      }
      return items.length === 1 ? items[0] : { kind: 'sequence', items }
    }
    default:
      return node satisfies never
  }
}

/** The characters a match can start with; undefined if it can be empty or nothing is known. */
function firstChars(node: Node): { set: CharSet } | undefined {
  switch (node.kind) {
    case 'set':
      return { set: node.set }
    case 'choice': {
      const firsts = node.options.map(firstChars)
      if (firsts.some(first => !first)) return undefined
      return { set: firsts.reduce((all, first) => all.union(first!.set), CharSet.of()) }
    }
    case 'atomic':
      return firstChars(node.item)
    case 'repeat':
      return node.min > 0 ? firstChars(node.item) : undefined
    case 'look':
    case 'anchor':
      return undefined
    case 'sequence': {
      let set = CharSet.of()
      for (const item of node.items) {
        // What may be skipped adds its characters and lets the next item start the match.
        if (item.kind === 'look' || item.kind === 'anchor') continue
        const inner = item.kind === 'atomic' ? item.item : item
        const optional = inner.kind === 'repeat' && inner.min === 0
        const first = firstChars(optional ? inner.item : inner)
        if (!first) return undefined
        set = set.union(first.set)
        if (!optional) return { set }
      }
      return undefined
    }
    default:
      return node satisfies never
  }
}

/** Code points of every match, if all have the same number. */
function fixedLength(node: Node): number | undefined {
  switch (node.kind) {
    case 'set':
      return 1
    case 'look':
    case 'anchor':
      return 0
    case 'atomic':
      return fixedLength(node.item)
    case 'sequence': {
      const lengths = node.items.map(fixedLength)
      return lengths.includes(undefined) ? undefined : lengths.reduce<number>((sum, length) => sum + length!, 0)
    }
    case 'choice': {
      const lengths = node.options.map(fixedLength)
      return lengths.every(length => length === lengths[0]) ? lengths[0] : undefined
    }
    case 'repeat': {
      const length = fixedLength(node.item)
      return node.min === node.max && length !== undefined ? length * node.min : undefined
    }
    default:
      return node satisfies never
  }
}
