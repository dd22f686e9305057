// Which parameters learn, chosen by name.

import { CairnError } from '@cairn/tensor'
import type { Module } from '../module.ts'

/** A name in which `*` stands for anything, a regular expression, or a test of the name. */
export type NamePattern = string | RegExp | ((name: string) => boolean)

/** @returns whether a name fits one of the patterns */
export function matching(patterns: NamePattern | readonly NamePattern[]): (name: string) => boolean {
  const list = (Array.isArray(patterns) ? patterns : [patterns]) as readonly NamePattern[]
  const tests = list.map((pattern): ((name: string) => boolean) => {
    if (typeof pattern === 'function') return pattern
    if (pattern instanceof RegExp) return name => name.search(pattern) >= 0
    const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const whole = new RegExp(`^${parts.join('.*')}$`)
    return name => whole.test(name)
  })
  return name => tests.some(test => test(name))
}

function set(op: string, module: Module, patterns: NamePattern | readonly NamePattern[], value: boolean): string[] {
  const fits = matching(patterns)
  const chosen = module.namedParameters().filter(([name]) => fits(name))
  if (chosen.length === 0)
    throw new CairnError(
      op,
      `no parameter of ${module.constructor.name} fits ${String(patterns)}; see namedParameters()`,
    )
  for (const [, p] of chosen) p.requiresGrad = value
  return chosen.map(([name]) => name)
}

/**
 * Stops parameters from learning: `freeze(model, 'transformer.h.0.*')`. A tied parameter goes by its first name.
 * @returns the names @throws CairnError when none fits
 */
export const freeze = (module: Module, patterns: NamePattern | readonly NamePattern[] = '*'): string[] =>
  set('freeze', module, patterns, false)
/** Lets parameters learn again. @returns the names @throws CairnError when none fits */
export const unfreeze = (module: Module, patterns: NamePattern | readonly NamePattern[] = '*'): string[] =>
  set('unfreeze', module, patterns, true)
