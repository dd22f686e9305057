// Connectionist temporal classification (Graves et al. 2006): the probability of a sequence of labels, summed over all ways of stretching it with
// repetitions and blanks to the length of the input. The forward recursion in logarithms; its derivative comes with it.

import { CairnError, type DeviceName, ShapeError, stack, type Tensor, tensor } from '@cairn/tensor'

export interface CTCOptions {
  /** number of the blank, default 0 */
  readonly blank?: number
  /** 'mean' divides each loss by the length of its target first, as torch does */
  readonly reduction?: 'mean' | 'sum' | 'none'
  /** targets that are longer than their input allows give 0 instead of Infinity, with no gradient */
  readonly zeroInfinity?: boolean
}

/** The logarithm of 0; finite, so that its derivative is no NaN. */
const never = -1e30

/**
 * CTC loss, as torch.nn.functional.ctc_loss.
 * @param logProbabilities [time, batch, classes], of logSoftmax
 * @param targets integers [batch, longest]; what lies after a target's length is not looked at
 * @param inputLengths how many steps of each example count, default all   @param targetLengths default all
 */
export function ctcLoss(
  logProbabilities: Tensor,
  targets: Tensor,
  inputLengths?: readonly number[] | Tensor,
  targetLengths?: readonly number[] | Tensor,
  options: CTCOptions = {},
): Tensor {
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options
  const [time, batch, classes] = logProbabilities.shape
  if (logProbabilities.ndim !== 3 || targets.ndim !== 2 || targets.shape[0] !== batch)
    throw new ShapeError('ctcLoss', 'needs logProbabilities [time, batch, classes] and targets [batch, longest]', {
      logProbabilities: [...logProbabilities.shape],
      targets: [...targets.shape],
    })
  if (!(blank >= 0 && blank < classes)) throw new CairnError('ctcLoss', `the blank ${blank} is no class`, { classes })
  const device = logProbabilities.device as DeviceName
  const vector = (given: readonly number[] | Tensor | undefined, all: number): Tensor =>
    given === undefined || Array.isArray(given)
      ? tensor(Int32Array.from((given as number[] | undefined) ?? new Array<number>(batch).fill(all)), [batch], {
          device,
        })
      : (given as Tensor).to('i32')
  const longest = targets.shape[1]
  const steps = vector(inputLengths, time)
  const lengths = vector(targetLengths, longest)
  // blank, first label, blank, second label ... blank: [batch, 2 * longest + 1]
  const width = 2 * longest + 1
  const labels = targets.to('i32')
  const blanks = labels.mul(0).add(blank)
  const states = stack([blanks, labels], -1)
    .reshape([batch, 2 * longest])
    .pad([
      [0, 0],
      [0, 1],
    ])
  const numbers = tensor(
    Int32Array.from({ length: width }, (_, s) => s),
    [1, width],
    { device },
  )
  const symbols = states.where(numbers.lt(2 * longest), blank)
  // a label may be reached over the blank before it when it is another label than the last
  const before = symbols.narrow(1, 0, Math.max(0, width - 2)).pad([
    [0, 0],
    [Math.min(2, width), 0],
  ])
  const jumps = numbers.ge(2).and(symbols.ne(blank)).and(symbols.ne(before))
  const scores = logProbabilities.gather(
    2,
    symbols
      .clamp(0, classes - 1)
      .unsqueeze(0)
      .expand([time, batch, width]),
  )
  const shifted = (a: Tensor, by: number): Tensor =>
    by >= width
      ? a.fullLike(never)
      : a.narrow(1, 0, width - by).pad(
          [
            [0, 0],
            [by, 0],
          ],
          never,
        )
  let alpha = scores.select(0, 0).where(numbers.lt(2), never)
  for (let t = 1; t < time; t++) {
    const [one, two] = [shifted(alpha, 1), shifted(alpha, 2).where(jumps, never)]
    const next = stack([alpha, one, two], 0).logsumexp(0).add(scores.select(0, t)).maximum(never)
    alpha = next.where(steps.gt(t).unsqueeze(1), alpha)
  }
  const last = lengths.mul(2).unsqueeze(1)
  const ends = numbers.eq(last).or(numbers.eq(last.sub(1)))
  const found = alpha.where(ends, never).logsumexp(-1)
  const possible = found.gt(never / 2)
  const losses = found
    .where(possible, 0)
    .neg()
    .where(possible, zeroInfinity ? 0 : Infinity)
  if (reduction === 'none') return losses
  if (reduction === 'sum') return losses.sum()
  return losses.div(lengths.maximum(1).to(losses.dtype)).mean()
}
