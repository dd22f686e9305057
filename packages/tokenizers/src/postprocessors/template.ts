// Special tokens by template: `[CLS] $A [SEP]` for one input, `[CLS] $A [SEP] $B:1 [SEP]:1` for two.
import { Encoding } from '../encoding.ts'
import { TokenizerError } from '../errors.ts'
import { asArray, asId, asObject, asString, type Json, type JsonObject, wrong } from '../json.ts'
import type { PostProcessor } from './post-processor.ts'

/** One piece of a template: an input or a special token, each with its type id. */
export type TemplatePiece =
  | { kind: 'sequence'; id: 'A' | 'B'; typeId: number }
  | { kind: 'special'; id: string; typeId: number }

/** What a special token of a template stands for: usually one id. */
export type TemplateToken = { id: string; ids: number[]; tokens: string[] }

export type TemplateOptions = {
  /** For one input: pieces, or their text form such as `[CLS] $A [SEP]`. */
  single?: string | readonly TemplatePiece[]
  /** For two inputs. Without it the two are put one after the other. */
  pair?: string | readonly TemplatePiece[]
  /** The tokens the templates name, with their ids. */
  specialTokens?: Iterable<readonly [token: string, id: number] | TemplateToken>
}

export class TemplateProcessor implements PostProcessor {
  readonly type = 'TemplateProcessing'
  readonly single: readonly TemplatePiece[]
  readonly pair: readonly TemplatePiece[]
  readonly specialTokens: ReadonlyMap<string, TemplateToken>

  constructor(options: TemplateOptions) {
    this.single = parse(options.single ?? '$A:0')
    this.pair = parse(options.pair ?? '$A:0 $B:1')
    this.specialTokens = new Map(
      Array.from(options.specialTokens ?? [], entry => {
        if (!Array.isArray(entry)) return [(entry as TemplateToken).id, entry as TemplateToken] as const
        const [token, id] = entry as readonly [string, number]
        return [token, { id: token, ids: [id], tokens: [token] }] as const
      }),
    )
    for (const piece of [...this.single, ...this.pair]) {
      if (piece.kind === 'special' && !this.specialTokens.has(piece.id)) {
        throw new TokenizerError(`template: the token ${piece.id} has no id: name it in specialTokens`)
      }
    }
  }

  static fromJSON(json: JsonObject, where: string): TemplateProcessor {
    const tokens = Object.entries(asObject(json.special_tokens, `${where}.special_tokens`))
    return new TemplateProcessor({
      single: asArray(json.single, `${where}.single`).map((piece, i) => readPiece(piece, `${where}.single[${i}]`)),
      pair: asArray(json.pair, `${where}.pair`).map((piece, i) => readPiece(piece, `${where}.pair[${i}]`)),
      specialTokens: tokens.map(([name, value]) =>
        readToken(value, `${where}.special_tokens[${JSON.stringify(name)}]`),
      ),
    })
  }

  addedTokens(isPair: boolean): number {
    let count = 0
    for (const piece of isPair ? this.pair : this.single) {
      if (piece.kind === 'special') count += this.specialTokens.get(piece.id)!.ids.length
    }
    return count
  }

  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[] {
    if (encodings.length > 2) throw new TokenizerError(`template: takes 1 or 2 inputs, got ${encodings.length}`)
    const out: Encoding[] = []
    for (const piece of encodings.length === 2 ? this.pair : this.single) {
      switch (piece.kind) {
        case 'sequence': {
          const index = piece.id === 'A' ? 0 : 1
          out.push(encodings[index].labelled(index, piece.typeId))
          break
        }
        case 'special': {
          if (!addSpecialTokens) break
          const token = this.specialTokens.get(piece.id)!
          out.push(Encoding.special(token.ids, token.tokens, piece.typeId))
          break
        }
        default:
          piece satisfies never
      }
    }
    return out
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      single: this.single.map(writePiece),
      pair: this.pair.map(writePiece),
      special_tokens: Object.fromEntries([...this.specialTokens].map(([name, token]) => [name, { ...token }])),
    }
  }
}

/** `$A`, `$B:1`, `$1` (input A with type 1), `[CLS]`, `[SEP]:1`. */
function parse(template: string | readonly TemplatePiece[]): readonly TemplatePiece[] {
  if (typeof template !== 'string') return template
  return template
    .split(' ')
    .filter(word => word !== '')
    .map((word): TemplatePiece => {
      const [, name, type] = /^(.*?)(?::(\d+))?$/s.exec(word)!
      const typeId = type === undefined ? 0 : Number(type)
      if (!name.startsWith('$')) return { kind: 'special', id: name, typeId }
      const input = name.slice(1).toUpperCase()
      if (input === '' || input === 'A') return { kind: 'sequence', id: 'A', typeId }
      if (input === 'B') return { kind: 'sequence', id: 'B', typeId }
      if (/^\d+$/.test(input)) return { kind: 'sequence', id: 'A', typeId: Number(input) }
      throw new TokenizerError(`template: ${word} is neither $A, $B nor a type id`)
    })
}

function readPiece(json: Json, where: string): TemplatePiece {
  const piece = asObject(json, where)
  if ('Sequence' in piece) {
    const { id, type_id } = asObject(piece.Sequence, where)
    if (id !== 'A' && id !== 'B') wrong(where, 'sequence A or B', id)
    return { kind: 'sequence', id, typeId: asId(type_id, `${where}.type_id`) }
  }
  const { id, type_id } = asObject(piece.SpecialToken, where)
  return { kind: 'special', id: asString(id, where), typeId: asId(type_id, `${where}.type_id`) }
}

function readToken(json: Json, where: string): TemplateToken {
  const token = asObject(json, where)
  const ids = asArray(token.ids, `${where}.ids`).map((id, i) => asId(id, `${where}.ids[${i}]`))
  const tokens = asArray(token.tokens, `${where}.tokens`).map((text, i) => asString(text, `${where}.tokens[${i}]`))
  if (ids.length !== tokens.length) wrong(where, 'as many tokens as ids', token)
  return { id: asString(token.id, `${where}.id`), ids, tokens }
}

function writePiece(piece: TemplatePiece): Json {
  return piece.kind === 'sequence'
    ? { Sequence: { id: piece.id, type_id: piece.typeId } }
    : { SpecialToken: { id: piece.id, type_id: piece.typeId } }
}
