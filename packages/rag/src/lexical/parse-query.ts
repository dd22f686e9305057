// The query language of search boxes: `words "a phrase" +must -not title:word pre* fuzy~ (a OR b) AND c`. Nothing is an error:
// what does not fit the grammar is searched for as words.
import type { Query } from './query.ts'

type Lexeme =
  | { kind: 'open' | 'close' | 'and' | 'or' | 'not' | 'must' }
  | { kind: 'word' | 'phrase'; text: string; field?: string; slop?: number }

const pattern = /\s+|[()]|(?:([\p{L}_][\p{L}\p{N}_-]*):(?=["\p{L}\p{N}]))?(?:"([^"]*)"(?:~(\d{1,2}))?|([^\s()"]+))|"/gu

function lex(text: string, fields: readonly string[]): Lexeme[] {
  const lexemes: Lexeme[] = []
  for (const match of text.matchAll(pattern)) {
    let [whole, field, phrase, slop, word] = match
    if (/^\s+$/.test(whole) || whole === '"') continue
    if (whole === '(') lexemes.push({ kind: 'open' })
    else if (whole === ')') lexemes.push({ kind: 'close' })
    else if (phrase !== undefined)
      lexemes.push({ kind: 'phrase', text: phrase, ...fieldOf(field), slop: Number(slop ?? 0) })
    else if (whole === 'AND' || whole === '&&') lexemes.push({ kind: 'and' })
    else if (whole === 'OR' || whole === '||') lexemes.push({ kind: 'or' })
    else if (whole === 'NOT') lexemes.push({ kind: 'not' })
    else {
      // A sign may stand before a word, a phrase or a bracket.
      if (!field && (word[0] === '+' || word[0] === '-')) {
        lexemes.push({ kind: word[0] === '+' ? 'must' : 'not' })
        word = word.slice(1)
        const named = /^([\p{L}_][\p{L}\p{N}_-]*):(.+)$/u.exec(word)
        if (named && fields.includes(named[1])) [, field, word] = named
      }
      if (word)
        lexemes.push({
          kind: 'word',
          text: field && !fields.includes(field) ? `${field} ${word}` : word,
          ...fieldOf(field),
        })
    }
  }
  return lexemes

  function fieldOf(name: string | undefined): { field?: string } {
    return name && fields.includes(name) ? { field: name } : {}
  }
}

/** Reads a line of a search box. @param fields names that may stand before a colon */
export function parseQuery(text: string, fields: readonly string[] = []): Query {
  const lexemes = lex(text, fields)
  let at = 0

  /** One bracket's worth: words score and any may match, `+` and AND must, `-` and NOT must not, OR joins its neighbours. */
  const group = (depth: number): Query => {
    const may: Query[] = []
    const must: Query[] = []
    const not: Query[] = []
    let joined: 'and' | 'or' | null = null
    while (at < lexemes.length) {
      const { kind } = lexemes[at]
      if (kind === 'close') {
        at++
        if (depth > 0) break
        continue
      }
      if (kind === 'and' || kind === 'or') {
        at++
        joined = kind
        continue
      }
      let sign: 'must' | 'not' | null = null
      while (at < lexemes.length && (lexemes[at].kind === 'must' || lexemes[at].kind === 'not')) {
        sign = lexemes[at++].kind as 'must' | 'not'
      }
      const operand = primary(depth)
      if (operand === null) continue
      if (sign === 'not') not.push(operand)
      else if (sign === 'must') must.push(operand)
      else if (joined === 'and') {
        // `a AND b`: the operand before becomes one that must match too.
        const before = may.pop()
        if (before !== undefined) must.push(before)
        must.push(operand)
      } else if (joined === 'or' && must.length && !may.length) must.push({ or: [must.pop()!, operand] })
      else may.push(operand)
      joined = null
    }
    const any: Query[] = may.length === 0 ? [] : [may.length === 1 ? may[0] : { or: may }]
    const refused = not.map((query): Query => ({ not: query }))
    if (must.length === 0) return refused.length ? { and: [...any, ...refused] } : (any[0] ?? '')
    // What may match beside what must only adds to the score.
    const wanted: Query = must.length === 1 ? must[0] : { and: must }
    const scored: Query = any.length ? { and: [wanted, { or: [wanted, ...any] }] } : wanted
    return refused.length ? { and: [scored, ...refused] } : scored
  }

  const primary = (depth: number): Query | null => {
    const lexeme = lexemes[at]
    if (!lexeme || lexeme.kind === 'close' || lexeme.kind === 'and' || lexeme.kind === 'or') return null
    at++
    if (lexeme.kind === 'open') return depth < 20 ? group(depth + 1) : null
    if (lexeme.kind === 'phrase') {
      const { text: phrase, field, slop } = lexeme
      return { phrase, ...(field && { field }), ...(slop && { slop }) }
    }
    if (lexeme.kind !== 'word') return null
    const { text: word, field } = lexeme
    const inField = field ? { field } : {}
    const fuzzy = /^(.+)~(\d?)$/.exec(word)
    if (fuzzy) return { fuzzy: fuzzy[1], ...inField, ...(fuzzy[2] && { edits: Number(fuzzy[2]) }) }
    if (word.length > 1 && word.endsWith('*')) return { prefix: word.slice(0, -1), ...inField }
    return field ? { text: word, field } : word
  }

  return group(0)
}
