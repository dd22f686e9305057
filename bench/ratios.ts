// Ratios that were measured on a quiet machine, to tell a regression from a slow machine: each is of a figure to a yardstick timed in the
// same run, so it holds from one machine of a class to the next, within the noise that is allowed here.

import { readFileSync, writeFileSync } from 'node:fs'
import { type Measurement, shareOfLimit } from './bench.ts'

type Result = Measurement & { readonly bench: string }

const file = new URL('./ratios.json', import.meta.url)

/** A ratio may fall to this part of the recorded one: runs on a quiet machine differ by up to a tenth. */
const tolerance = 0.85

const keyOf = ({ bench, name, limit }: Result): string => `${bench}: ${name} / ${limit?.name}`

/** The recorded ratios, by bench, figure and yardstick. */
export const recorded = (): Record<string, number> => JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>

/** Writes the ratios of these results beside those of other benches. @returns how many */
export function recordRatios(results: readonly Result[]): number {
  const ratios = recorded()
  let count = 0
  for (const result of results) {
    const share = shareOfLimit(result)
    if (share === undefined) continue
    ratios[keyOf(result)] = Number(share.toPrecision(3))
    count++
  }
  const sorted = Object.fromEntries(Object.entries(ratios).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`)
  return count
}

/** Of each result with a ratio that nothing was recorded for, its key: what is called otherwise now is not checked. */
export const unrecorded = (results: readonly Result[], ratios = recorded()): string[] =>
  results.filter(r => shareOfLimit(r) !== undefined && !(keyOf(r) in ratios)).map(keyOf)

/** One line for each result whose ratio has fallen. */
export function regressions(results: readonly Result[], ratios = recorded()): string[] {
  return results.flatMap(result => {
    const share = shareOfLimit(result)
    const before = ratios[keyOf(result)]
    if (share === undefined || before === undefined || share >= tolerance * before) return []
    return `${keyOf(result)}: ${share.toFixed(2)}, recorded ${before.toFixed(2)}`
  })
}
