// Options are written by hand, and a misspelled one would say nothing and do nothing: what has options names those it has.

import { CairnError } from './errors.ts'

/**
 * Refuses options that there are not, such as torch's spelling of one.
 * @param known a key for every option of the type, none other; values do not matter
 * @throws CairnError naming the option and those that there are
 */
export function checkOptions<O extends object>(
  op: string,
  options: O,
  known: Readonly<Record<keyof O, unknown>>,
): void {
  if (typeof options !== 'object' || options === null)
    throw new CairnError(op, `options are an object such as { ${Object.keys(known)[0]}: ... }, not ${String(options)}`)
  for (const key in options)
    if (!Object.hasOwn(known, key))
      throw new CairnError(op, `there is no option '${key}'; there are ${Object.keys(known).join(', ')}`)
}
