import type { Tensor } from '@cairn/tensor'

/**
 * Two groups: matrices and larger decay, vectors (biases, norms) do not, as GPT training has it.
 * @example new AdamW(decayGroups(model.parameters(), 0.1), { lr: 3e-4 })
 */
export function decayGroups(
  params: Iterable<Tensor>,
  weightDecay: number,
): { params: Tensor[]; weightDecay: number }[] {
  const list = [...params]
  return [
    { params: list.filter(p => p.ndim >= 2), weightDecay },
    { params: list.filter(p => p.ndim < 2), weightDecay: 0 },
  ].filter(group => group.params.length > 0)
}

/**
 * Two groups by name: what fits `decays` has weight decay, all else does not.
 * @example new AdamW(maskedDecay(model.namedParameters(), 0.1, name => name.endsWith('.weight') && !name.includes('norm')), { lr: 3e-4 })
 */
export function maskedDecay(
  named: Iterable<readonly [name: string, parameter: Tensor]>,
  weightDecay: number,
  decays: (name: string, parameter: Tensor) => boolean,
): { params: Tensor[]; weightDecay: number }[] {
  const list = [...named]
  const some = (wanted: boolean): Tensor[] => list.filter(([name, p]) => decays(name, p) === wanted).map(([, p]) => p)
  return [
    { params: some(true), weightDecay },
    { params: some(false), weightDecay: 0 },
  ].filter(group => group.params.length > 0)
}
