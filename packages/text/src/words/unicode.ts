// Words by Unicode's rules (UAX #29), in any script; Chinese, Japanese and Thai by the engine's dictionaries.

/** A word and where it stands, in UTF-16 units. */
export type Word = { text: string; start: number; end: number }

/**
 * The words of a text: letters, numbers and ideographs, without punctuation and white space.
 * @param locale refines the rules for a language, e.g. `ja`   Uses the engine's `Intl.Segmenter`.
 */
export function unicodeWords(text: string, locale = 'und'): Word[] {
  const words: Word[] = []
  for (const { segment, index, isWordLike } of new Intl.Segmenter(locale, { granularity: 'word' }).segment(text)) {
    if (isWordLike) words.push({ text: segment, start: index, end: index + segment.length })
  }
  return words
}
