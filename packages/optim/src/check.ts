// What callers may get wrong where no type holds them: parameters that are none, numbers that no rule takes, torch's spelling of an option.

import { CairnError } from '@cairn/tensor'

const isRate = (v: unknown): boolean => typeof v === 'number' && v >= 0 && v < Infinity

/** What every rule asks of an option of this name. */
const ranges: Readonly<Record<string, { readonly holds: (v: unknown) => boolean; readonly range: string }>> = {
  lr: { holds: isRate, range: 'a finite number from 0 up' },
  weightDecay: { holds: isRate, range: 'a finite number from 0 up' },
  momentum: { holds: isRate, range: 'a finite number from 0 up' },
  betas: {
    holds: v => Array.isArray(v) && v.length === 2 && v.every(b => isRate(b) && b < 1),
    range: 'two numbers from 0 up and below 1',
  },
  eps: { holds: v => (Array.isArray(v) ? v.every(isRate) : isRate(v)), range: 'a finite number from 0 up' },
}

/** @throws CairnError for an option of a group that no rule takes */
export function checkGroup(op: string, options: { readonly lr?: number }): void {
  if (options.lr === undefined) throw new CairnError(op, 'needs a learning rate, such as { lr: 0.01 }')
  for (const [name, value] of Object.entries(options)) {
    if (name.includes('_')) {
      const here = name.replace(/_+(.)/g, (_, letter: string) => letter.toUpperCase())
      throw new CairnError(op, `there is no option '${name}'; names are written like ${here}`)
    }
    const rule = Object.hasOwn(ranges, name) && value !== undefined ? ranges[name] : null
    if (rule && !rule.holds(value)) {
      const given = typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? `[${value.join(', ')}]` : value
      throw new CairnError(op, `${name} must be ${rule.range}, not ${given}`)
    }
  }
}

/** The parameters or groups as a list. @throws CairnError for what is no list of them, such as a module */
export function listOf<T>(op: string, params: Iterable<T>): T[] {
  if (typeof (params as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] !== 'function')
    throw new CairnError(op, 'takes a list of parameters, such as model.parameters(), or of groups of them')
  return [...params]
}
