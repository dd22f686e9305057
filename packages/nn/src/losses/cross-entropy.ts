import { arange, type DeviceName, ShapeError, type Tensor } from '@cairn/tensor'
import type { LossOptions } from './reduction.ts'

export interface CrossEntropyOptions extends LossOptions {
  /** targets of this value count for nothing, default -100 */
  readonly ignoreIndex?: number
  /** share of the target that is spread evenly over all classes (Szegedy et al. 2016) */
  readonly labelSmoothing?: number
}

/**
 * -log softmax(logits)[target]: torch.nn.functional.cross_entropy, with the classes last. The target is picked inside of each row, so
 * the logits are read once and the gradient (softmax - one hot) is elementwise: nothing is gathered or scattered over a vocabulary.
 * @param logits [..., classes]
 * @param targets integers [...]; one that is neither a class nor `ignoreIndex` makes the loss NaN
 * @returns the mean over targets that count (0-d), their sum, or every loss [...]
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignoreIndex = -100, labelSmoothing = 0, reduction = 'mean' } = options
  const classes = logits.shape[logits.ndim - 1]
  if (targets.ndim !== logits.ndim - 1 || targets.shape.some((n, d) => n !== logits.shape[d]))
    throw new ShapeError(
      'crossEntropy',
      `targets [${targets.shape.join(', ')}] do not fit logits [${logits.shape.join(', ')}]; classes come last`,
    )
  const target = targets.to('i32')
  const numbers = arange(0, classes, 1, { device: logits.device as DeviceName })
  const total = logits.logsumexp(-1)
  const picked = logits.where(target.unsqueeze(-1).eq(numbers), 0).sum(-1)
  let losses = total.sub(picked)
  if (labelSmoothing) {
    const spread = total.sub(logits.mean(-1))
    losses = losses.mul(1 - labelSmoothing).add(spread.mul(labelSmoothing))
  }
  const counts = target.ne(ignoreIndex)
  losses = losses.where(target.ge(0).and(target.lt(classes)), Number.NaN).where(counts, 0)
  if (reduction === 'none') return losses
  return reduction === 'sum' ? losses.sum() : losses.sum().div(counts.sum().to(losses.dtype))
}

/** -log probability of the target. @param logProbabilities [..., classes]   @param targets integers [...] */
export function nllLoss(
  logProbabilities: Tensor,
  targets: Tensor,
  options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Tensor {
  const { ignoreIndex = -100, reduction = 'mean' } = options
  const classes = logProbabilities.shape[logProbabilities.ndim - 1]
  const target = targets.to('i32')
  const numbers = arange(0, classes, 1, { device: logProbabilities.device as DeviceName })
  const picked = logProbabilities.where(target.unsqueeze(-1).eq(numbers), 0).sum(-1).neg()
  const counts = target.ne(ignoreIndex)
  const losses = picked.where(target.ge(0).and(target.lt(classes)), Number.NaN).where(counts, 0)
  if (reduction === 'none') return losses
  return reduction === 'sum' ? losses.sum() : losses.sum().div(counts.sum().to(losses.dtype))
}
