// Tokens that a tokenizer finds in the text itself, before any model sees it.
import { asBoolean, asId, asObject, asString, type JsonObject, optional } from '../json.ts'

export type AddedToken = {
  /** The text it matches. */
  content: string
  /** Matches only between characters that are not part of words. */
  singleWord: boolean
  /** Takes the white space on its left with it. */
  lstrip: boolean
  /** Takes the white space on its right with it. */
  rstrip: boolean
  /** Matches in the normalized text, its content normalized too; otherwise in the text as it came. */
  normalized: boolean
  /** A control token: left out by `decode`, and text like any other in input unless allowed. */
  special: boolean
}

/** An added token with defaults filled in: special tokens are not normalized. */
export function addedToken(token: string | (Partial<AddedToken> & { content: string }), special = false): AddedToken {
  const given = typeof token === 'string' ? { content: token } : token
  const isSpecial = given.special ?? special
  return {
    singleWord: false,
    lstrip: false,
    rstrip: false,
    normalized: !isSpecial,
    ...given,
    special: isSpecial,
  }
}

export function readAddedToken(json: unknown, where: string): { id: number; token: AddedToken } {
  const value = asObject(json, where)
  const flag = (name: string) => optional(value[name], `${where}.${name}`, asBoolean, false)
  return {
    id: asId(value.id, `${where}.id`),
    token: {
      content: asString(value.content, `${where}.content`),
      singleWord: flag('single_word'),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      normalized: flag('normalized'),
      special: flag('special'),
    },
  }
}

export function writeAddedToken(id: number, token: AddedToken): JsonObject {
  return {
    id,
    content: token.content,
    single_word: token.singleWord,
    lstrip: token.lstrip,
    rstrip: token.rstrip,
    normalized: token.normalized,
    special: token.special,
  }
}
