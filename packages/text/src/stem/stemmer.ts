// Stemmers of Snowball (Porter 2001 and others) for every language it has, from its own algorithms compiled to WebAssembly
// (npm multilingual-stemmer); Porter's first one is here in TypeScript. The others are loaded when one is asked for.
import { porter } from './porter.ts'

export const stemmerLanguages = [
  'arabic', 'armenian', 'basque', 'catalan', 'czech', 'danish', 'dutch', 'english', 'esperanto', 'estonian', 'finnish', 'french',
  'german', 'greek', 'hindi', 'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian', 'nepali', 'norwegian', 'persian',
  'polish', 'porter', 'portuguese', 'romanian', 'russian', 'serbian', 'sesotho', 'spanish', 'swedish', 'tamil', 'turkish', 'yiddish',
] as const // biome-ignore format: a table reads better in rows

/** A language with a stemmer; `porter` is English by the algorithm of 1980. */
export type StemmerLanguage = (typeof stemmerLanguages)[number]

/**
 * The stemmer of a language: a function from a word in lower case to its stem.
 * @throws RangeError for a language that Snowball does not have
 */
export async function stemmer(language: StemmerLanguage): Promise<(word: string) => string> {
  if (language === 'porter') return porter
  if (!stemmerLanguages.includes(language)) {
    throw new RangeError(`stemmer: ${language} has none; there are ${stemmerLanguages.join(', ')}`)
  }
  const stemmers = await import('multilingual-stemmer')
  const stem = stemmers[language]
  return word => stem(word)
}
