// Snowball's own vocabularies: for each language a folder with voc.txt[.gz], a word per line, and output.txt[.gz], its stem.
// One case per language; it passes when no word is wrong.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type StemmerLanguage, stemmer } from '@cairn/text'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = "stems of Snowball's vocabularies, a case per language"
export const data = 'stemmer'

function lines(folder: string, name: string): string[] | undefined {
  const plain = join(folder, name)
  if (existsSync(plain)) return readFileSync(plain, 'utf8').split('\n')
  return existsSync(`${plain}.gz`)
    ? gunzipSync(readFileSync(`${plain}.gz`))
        .toString('utf8')
        .split('\n')
    : undefined
}

export async function* run({ path, only }: SuiteOptions): AsyncIterable<CaseResult> {
  const languages = readdirSync(path, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort()
  if (only !== undefined && !languages.includes(only)) {
    throw new Error(`There is no group ${only}; there are: ${languages.join(', ') || 'none'}.`)
  }
  for (const language of only === undefined ? languages : [only]) {
    const words = lines(join(path, language), 'voc.txt')
    const stems = lines(join(path, language), 'output.txt')
    if (!words || !stems) continue
    try {
      const stem = await stemmer(language as StemmerLanguage)
      const wrong = words.flatMap((word, i) => {
        const got = stem(word)
        return got === stems[i] ? [] : [`${word}: got ${got}, expected ${stems[i]}`]
      })
      const error = `${wrong.length} of ${words.length} words wrong, first ${wrong.slice(0, 3).join('; ')}`
      yield wrong.length === 0
        ? { name: `${language} (${words.length} words)`, status: 'passed' }
        : { name: language, status: 'failed', error }
    } catch (error) {
      yield { name: language, status: 'failed', error: String(error) }
    }
  }
}
