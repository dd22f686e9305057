// Cutting encodings to a length, one input or two.
import type { Encoding, Side } from './encoding.ts'
import { TokenizerError } from './errors.ts'
import { asCount, asObject, type JsonObject, oneOf, optional } from './json.ts'

/** Which input gives way: the longer one, the first, or the second. */
export type TruncationStrategy = 'longestFirst' | 'onlyFirst' | 'onlySecond'

export type Truncation = {
  /** Most tokens of the result, special tokens included. */
  maxLength: number
  /** Tokens that each window repeats from the one before. */
  stride?: number
  strategy?: TruncationStrategy
  /** The side that is cut off. */
  direction?: Side
}

export function truncate(
  encoding: Encoding,
  pair: Encoding | undefined,
  room: number,
  { maxLength, stride = 0, strategy = 'longestFirst', direction = 'right' }: Truncation,
): [Encoding, Encoding | undefined] {
  const cut = (target: Encoding, length: number) => target.truncate(length, stride, direction)
  if (room <= 0) return [cut(encoding, 0), pair && cut(pair, 0)]
  const excess = encoding.length + (pair?.length ?? 0) - room
  if (excess <= 0) return [encoding, pair]
  switch (strategy) {
    case 'longestFirst': {
      if (!pair) return [cut(encoding, encoding.length - excess), undefined]
      const [first, second] = shares(counted(encoding, maxLength, direction), counted(pair, maxLength, direction), room)
      return [cut(encoding, first), cut(pair, second)]
    }
    case 'onlyFirst':
    case 'onlySecond': {
      const target = strategy === 'onlyFirst' ? encoding : pair
      if (!target) throw new TokenizerError(`truncate: strategy ${strategy} needs a pair, and none was given`)
      if (target.length <= excess) {
        throw new TokenizerError(
          `truncate: strategy ${strategy}: that input has ${target.length} tokens, and ${excess} must go: use longestFirst`,
        )
      }
      const short = cut(target, target.length - excess)
      return strategy === 'onlyFirst' ? [short, pair] : [encoding, short]
    }
    default:
      return strategy satisfies never
  }
}

/**
 * How long the Rust library takes an input to be: from the side that stays it stops where a word ends and there are as many tokens as the result may
 * have.
 */
function counted({ length, wordIds }: Encoding, limit: number, direction: Side): number {
  let count = Math.min(length, limit)
  const wordAt = (i: number): number | null => wordIds[direction === 'right' ? i : length - 1 - i]
  while (count > 0 && count < length && wordAt(count) !== null && wordAt(count) === wordAt(count - 1)) count++
  return count
}

/**
 * How many tokens each of two inputs keeps: the shorter one whole if it takes no more than half, else half each, and an odd
 * one out goes to the longer.
 */
function shares(first: number, second: number, room: number): [number, number] {
  let short = Math.min(first, second)
  let long = short > room ? short : Math.max(short, room - short)
  if (short + long > room) {
    short = Math.floor(room / 2)
    long = short + (room % 2)
  }
  return first > second ? [long, short] : [short, long]
}

const strategies = { LongestFirst: 'longestFirst', OnlyFirst: 'onlyFirst', OnlySecond: 'onlySecond' } as const

export function readTruncation(json: unknown, where: string): Required<Truncation> {
  const value = asObject(json, where)
  const strategy = oneOf(['LongestFirst', 'OnlyFirst', 'OnlySecond'])(value.strategy, `${where}.strategy`)
  const side = optional(value.direction, `${where}.direction`, oneOf(['Left', 'Right']), 'Right')
  return {
    maxLength: asCount(value.max_length, `${where}.max_length`),
    stride: asCount(value.stride, `${where}.stride`),
    strategy: strategies[strategy],
    direction: side === 'Left' ? 'left' : 'right',
  }
}

export function writeTruncation({ maxLength, stride, strategy, direction }: Required<Truncation>): JsonObject {
  return {
    direction: direction === 'left' ? 'Left' : 'Right',
    max_length: maxLength,
    strategy: `${strategy[0].toUpperCase()}${strategy.slice(1)}`,
    stride,
  }
}
