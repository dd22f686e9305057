// Entities and relations of a passage. Anything can extract them (a model behind `Extractor`); the default goes by rules, as tables: how
// names are written, and what stands between two of them.
import { sentences, stopWords } from '@cairn/text'

export interface ExtractedEntity {
  readonly name: string
  readonly type: string
  /** In the passage. */
  readonly span: readonly [start: number, end: number]
}

export interface ExtractedRelation {
  readonly subject: string
  readonly relation: string
  readonly object: string
  /** The sentence that says so, in the passage. */
  readonly span: readonly [start: number, end: number]
}

export interface Extraction {
  readonly entities: readonly ExtractedEntity[]
  readonly relations: readonly ExtractedRelation[]
}

export type Extractor = (text: string) => Extraction | Promise<Extraction>

/** Names by how they are written: code between backticks, and words with capitals, joined by what joins names. */
const NAME =
  /`([^`\n]{2,60})`|(?<![\p{L}\p{N}])\p{Lu}[\p{L}\p{N}'\u2019&.-]*(?:\s+(?:(?:of|de|von|van|der|la|du)\s+(?:the\s+)?)?\p{Lu}[\p{L}\p{N}'\u2019&-]*|\s+\p{N}+(?![\p{L}\p{N}.,]))*/gu

/** What a name is, by the first row that fits it or the words before it. */
const types: readonly [type: string, name: RegExp | undefined, before?: RegExp][] = [
  ['code', /^`|[\p{Ll}]\p{Lu}|_|\(\)$/u],
  ['person', /^(?:Mr|Mrs|Ms|Dr|Prof|Sir|Lady|King|Queen|President|Captain)\b/],
  [
    'organization',
    /\b(?:Inc|Ltd|LLC|Corp|Company|University|Institute|Bank|Group|Agency|Association|Committee|Party|Museum|Society|Press)\b/,
  ],
  ['place', /\b(?:River|Mountains?|Lake|Ocean|Sea|Island|Islands|City|County|Street|Republic|Kingdom|Bay)\b/],
  [
    'time',
    /^(?:January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b/,
  ],
  ['place', undefined, /\b(?:in|at|near|from|to)\s+(?:the\s+)?$/],
]

/** What stands between two names: the relation, and whether the second one is its subject. */
const relations: readonly [relation: string, between: RegExp, inverse?: true][] = [
  ['founded', /\b(?:was|were)?\s*(?:founded|established|created|started)\b.*\bby\b/, true],
  ['founded', /\b(?:founded|established|created|started)\b/],
  ['wrote', /\b(?:was|were)?\s*(?:written|authored|published)\b.*\bby\b/, true],
  ['wrote', /\b(?:wrote|authored|published)\b/],
  ['invented', /\b(?:invented|discovered|developed)\b.*\bby\b/, true],
  ['invented', /\b(?:invented|discovered|developed)\b/],
  ['acquired', /\b(?:bought|acquired)\b.*\bby\b/, true],
  ['acquired', /\b(?:bought|acquired)\b/],
  ['born in', /\bborn\b.*\bin\b/],
  ['died in', /\bdied\b.*\bin\b/],
  ['capital of', /\bcapital\b.*\bof\b/],
  ['part of', /\b(?:part|member|district|province|region|branch)\b.*\bof\b|\bbelongs to\b/],
  ['located in', /\b(?:lies|located|situated|stands|based|lives?|lived)\b.*\b(?:in|on|at|near)\b/],
  ['works for', /\b(?:works?|worked|employed)\b.*\b(?:for|at|by)\b/],
  ['married', /\bmarried\b/],
  ['led', /\b(?:leads?|led|directed|headed|ruled|commanded)\b/],
  ['defeated', /\b(?:defeated|beat|conquered)\b.*\bby\b/, true],
  ['defeated', /\b(?:defeated|beat|conquered)\b/],
  ['depends on', /\b(?:imports?|uses?|needs?|requires?|depends on|calls?|extends|implements)\b/],
  ['is', /^\s*(?:,\s*)?(?:is|was|are|were|becomes?|became)\s+(?:an?|the|called|known as)?\s*$/],
]

/** `X is a Y`, where Y is no name: what is said of X. */
const IS_A = /^\s*(?:is|was|are|were)\s+(?:an?|the|one of the)\s+((?:[\p{Ll}-]+\s+){0,3}[\p{Ll}-]{3,})/u
const LONGEST_BETWEEN = 100

/** Extraction by rules, for English. */
export function ruleExtractor(): Extractor {
  const common = stopWords('english')
  return text => {
    const entities: ExtractedEntity[] = []
    const found: ExtractedRelation[] = []
    const lower = new Set(text.match(/(?<![\p{L}\p{N}])\p{Ll}[\p{L}\p{N}]*/gu))
    for (const sentence of sentences(text)) {
      const here: ExtractedEntity[] = []
      for (const match of sentence.text.matchAll(NAME)) {
        let name = match[0].replace(/[.,'\u2019&-]+$/, '')
        let at = match.index
        // The first word of a sentence has a capital whatever it is.
        const [first, ...rest] = name.split(/\s+/)
        if (common.has(first.toLowerCase()) || (at === 0 && rest.length === 0 && lower.has(first.toLowerCase()))) {
          at += name.length - rest.join(' ').length
          name = name.slice(name.length - rest.join(' ').length)
        }
        // `However, ...`
        if (at === 0 && rest.length === 0 && sentence.text[name.length] === ',') continue
        if (name.length < 2 || !/[\p{Lu}`]/u.test(name)) continue
        const before = sentence.text.slice(Math.max(0, at - 20), at)
        const type = types.find(([, own, around]) => own?.test(name) || around?.test(before))?.[0] ?? 'thing'
        const start = sentence.start + at
        here.push({
          name: name
            .replaceAll('`', '')
            .replace(/\s+/g, ' ')
            .replace(/['\u2019]s$/, ''),
          type,
          span: [start, start + name.length],
        })
      }
      const span = [sentence.start, sentence.end] as const
      here.forEach((one, i) => {
        const next = here[i + 1]
        const between = text.slice(one.span[1], next?.span[0] ?? sentence.end)
        const row =
          next && between.length <= LONGEST_BETWEEN ? relations.find(([, pattern]) => pattern.test(between)) : undefined
        if (row && next) {
          const [relation, , inverse] = row
          const [subject, object] = inverse ? [next.name, one.name] : [one.name, next.name]
          if (subject !== object) found.push({ subject, relation, object, span })
        }
        const kind = IS_A.exec(text.slice(one.span[1], Math.min(sentence.end, one.span[1] + LONGEST_BETWEEN)))?.[1]
        if (kind && !row) {
          const words = kind.split(/\s+/)
          const stop = words.findIndex(word => common.has(word))
          const object = (stop < 0 ? words : words.slice(0, stop)).join(' ')
          if (object) found.push({ subject: one.name, relation: 'is a', object, span })
        }
      })
      entities.push(...here)
    }
    return { entities, relations: found }
  }
}
