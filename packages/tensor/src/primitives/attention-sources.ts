// How attention nodes name their sources: for the primitives, and for the compiler, which must not import them.

export const attentionOps: ReadonlySet<string> = new Set(['attention', 'attentionLse', 'attentionGrad'])

export interface AttentionSources<T> {
  readonly q: T
  readonly k: T
  readonly v: T
  readonly scale: T
  readonly starts: T | null
  readonly ends: T | null
  readonly mask: T | null
  /** g, lse and delta of the gradients */
  readonly rest: readonly T[]
}

/** The sources by name. */
export function attentionSources<T>(sources: readonly T[], mode: string): AttentionSources<T> {
  const [q, k, v, scale, ...more] = sources
  const next = (flag: string): T | null => (mode.includes(flag) ? more.shift()! : null)
  return { q, k, v, scale, starts: next('s'), ends: next('e'), mask: next('m'), rest: more }
}
