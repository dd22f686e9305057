// Recognizes pre-tokenizers that only cut by one pattern and then write bytes, for which there is a faster way.
import { Regex } from '../regex/regex.ts'
import { ByteLevel } from './byte-level.ts'
import type { PreTokenizer, Scanner } from './pre-tokenizer.ts'
import { scanGpt2, scanners } from './scan.ts'
import { PreTokenizerSequence } from './sequence.ts'
import { Split } from './split.ts'

/** How such a pre-tokenizer cuts; undefined if it is of another kind or there is no hand-written scanner. */
export function byteLevelScanner(preTokenizer: PreTokenizer | null): Scanner | undefined {
  if (preTokenizer instanceof ByteLevel) {
    return preTokenizer.useRegex && !preTokenizer.addPrefixSpace ? scanGpt2 : undefined
  }
  if (!(preTokenizer instanceof PreTokenizerSequence) || preTokenizer.preTokenizers.length !== 2) return undefined
  const [split, bytes] = preTokenizer.preTokenizers
  if (!(bytes instanceof ByteLevel) || bytes.useRegex || bytes.addPrefixSpace) return undefined
  if (!(split instanceof Split) || !(split.pattern instanceof Regex)) return undefined
  // These patterns match everything, so it makes no difference whether matches are kept or what lies between removed.
  const keeps = split.invert ? split.behavior === 'Removed' : split.behavior === 'Isolated'
  return keeps ? scanners.get(split.pattern.source) : undefined
}
