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
