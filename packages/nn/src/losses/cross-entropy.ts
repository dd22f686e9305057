import { arange, composite, type DeviceName, DTypeError, ShapeError, type Tensor } from '@cairn/tensor'
import { checkReduction, type LossOptions, reduced } from './reduction.ts'

export interface CrossEntropyOptions extends LossOptions {
  /** targets of this value count for nothing, default -100 */
  readonly ignoreIndex?: number
  /** share of the target that is spread evenly over all classes (Szegedy et al. 2016) */
  readonly labelSmoothing?: number
  /** how much each class counts [classes]; the mean divides by the weights of the targets */
  readonly weight?: Tensor
}

const isSoft = (targets: Tensor): boolean => ['f64', 'f32', 'f16', 'bf16'].includes(targets.dtype)

function checkWeight(op: string, weight: Tensor | undefined, classes: number): void {
  if (weight && (weight.ndim !== 1 || weight.shape[0] !== classes))
    throw new ShapeError(op, `needs one weight for each of ${classes} classes`, { weight: [...weight.shape] })
}

/** The elements of the last axis that the targets name. Rows stay rows: the gradient is elementwise, nothing is scattered. */
function pickedFrom(rows: Tensor, target: Tensor): Tensor {
  const numbers = arange(0, rows.shape[rows.ndim - 1], 1, { device: rows.device as DeviceName })
  return rows.where(target.unsqueeze(-1).eq(numbers), 0).sum(-1)
}

/** Leaves out ignored targets and makes wrong ones NaN, then reduces; the mean is over the weights of what counts. */
function counted(losses: Tensor, target: Tensor, classes: number, options: CrossEntropyOptions): Tensor {
  const { ignoreIndex = -100, reduction = 'mean', weight } = options
  const counts = target.ne(ignoreIndex)
  const kept = losses.where(target.ge(0).and(target.lt(classes)), Number.NaN).where(counts, 0)
  checkReduction(reduction)
  if (reduction === 'none') return kept
  if (reduction === 'sum') return kept.sum()
  const total = weight ? weightsOf(weight, target).where(counts, 0).sum() : counts.sum().to(losses.dtype)
  return kept.sum().div(total)
}

/** The weight of each target; 0 for what is no class. */
const weightsOf = (weight: Tensor, target: Tensor): Tensor =>
  pickedFrom(weight.expand([...target.shape, weight.size]), target)

/**
 * -log softmax(logits)[target]: torch.nn.functional.cross_entropy, with the classes last. The target is picked inside of each row, so
 * the logits are read once and the gradient (softmax - one hot) is elementwise: nothing is gathered or scattered over a vocabulary.
 * @param logits [..., classes]
 * @param targets integers [...]; one that is neither a class nor `ignoreIndex` makes the loss NaN. Or probabilities [..., classes]
 * @returns the mean over targets that count (0-d; over all rows for probabilities), their sum, or every loss [...]
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0, weight } = options
  const classes = logits.shape[logits.ndim - 1]
  checkWeight('crossEntropy', weight, classes)
  if (isSoft(targets)) return softCrossEntropy(logits, targets, options)
  if (targets.ndim !== logits.ndim - 1 || targets.shape.some((n, d) => n !== logits.shape[d]))
    throw new ShapeError(
      'crossEntropy',
      `targets [${targets.shape.join(', ')}] do not fit logits [${logits.shape.join(', ')}]; classes come last`,
    )
  const { ignoreIndex = -100, reduction = 'mean' } = options
  checkReduction(reduction)
  const plain = { ignoreIndex, reduction, labelSmoothing }
  const text = `${ignoreIndex} ${reduction} ${labelSmoothing}`
  return weight
    ? composite('crossEntropy', `${text} weighted`, [logits, targets, weight], (x, t, weight) =>
        ofClasses(x, t, { ...plain, weight }),
      )
    : composite('crossEntropy', text, [logits, targets], (x, t) => ofClasses(x, t, plain))
}

/** For targets that are classes. */
function ofClasses(logits: Tensor, targets: Tensor, options: CrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, weight } = options
  const classes = logits.shape[logits.ndim - 1]
  const target = targets.to('i32')
  const total = logits.logsumexp(-1)
  let losses = total.sub(pickedFrom(logits, target))
  if (weight) losses = losses.mul(weightsOf(weight, target))
  if (labelSmoothing) {
    // the mean over all classes of their (weighted) losses
    const spread = weight
      ? total.mul(weight.sum()).sub(logits.mul(weight).sum(-1)).div(classes)
      : total.sub(logits.mean(-1))
    losses = losses.mul(1 - labelSmoothing).add(spread.mul(labelSmoothing))
  }
  return counted(losses, target, classes, options)
}

function softCrossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, weight } = options
  const classes = logits.shape[logits.ndim - 1]
  if (options.ignoreIndex !== undefined)
    throw new DTypeError('crossEntropy', 'targets that are probabilities have no ignoreIndex; give integers')
  if (targets.ndim !== logits.ndim || targets.shape.some((n, d) => n !== logits.shape[d]))
    throw new ShapeError(
      'crossEntropy',
      `probabilities [${targets.shape.join(', ')}] do not fit logits [${logits.shape.join(', ')}]`,
    )
  const wanted = labelSmoothing ? targets.mul(1 - labelSmoothing).add(labelSmoothing / classes) : targets
  const shares = weight ? wanted.mul(weight) : wanted
  const losses = shares.mul(logits.logSoftmax(-1)).sum(-1).neg()
  return reduced(losses, options)
}

/** -log probability of the target. @param logProbabilities [..., classes]   @param targets integers [...] */
export function nllLoss(
  logProbabilities: Tensor,
  targets: Tensor,
  options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Tensor {
  const classes = logProbabilities.shape[logProbabilities.ndim - 1]
  checkWeight('nllLoss', options.weight, classes)
  const target = targets.to('i32')
  const picked = pickedFrom(logProbabilities, target).neg()
  const losses = options.weight ? picked.mul(weightsOf(options.weight, target)) : picked
  return counted(losses, target, classes, options)
}
