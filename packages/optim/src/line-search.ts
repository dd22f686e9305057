// A step length by the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6), with torch's safeguards. It knows numbers
// only: what is minimized comes as a function of the step.

/** What is known at a step length: the value there, and its derivative along the direction. */
export interface Point {
  readonly t: number
  readonly loss: number
  readonly slope: number
}

export interface LineSearchOptions {
  /** largest element of the direction: brackets shorter than `toleranceChange` in units of it are not searched */
  readonly longest: number
  readonly toleranceChange: number
  /** evaluations beyond the first, default 25 */
  readonly most?: number
}

const sufficientDecrease = 1e-4
const curvature = 0.9

/** The minimum of the cubic through two points with their slopes, inside of bounds; their middle where there is none. */
export function cubicMinimum(a: Point, b: Point, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.t <= b.t ? [a.t, b.t] : [b.t, a.t])
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t)
  const square = d1 * d1 - a.slope * b.slope
  if (!(square >= 0)) return (low + high) / 2
  const d2 = Math.sqrt(square)
  const [left, right] = a.t <= b.t ? [a, b] : [b, a]
  const found = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
  return Math.min(Math.max(found, low), high)
}

/**
 * @param at evaluates a step length   @param start the point of length 0, its slope negative   @param t the first length to try
 * @returns the best point found, and how often `at` was called
 */
export async function strongWolfe<P extends Point>(
  at: (t: number) => Promise<P>,
  start: P,
  t: number,
  { longest, toleranceChange, most = 25 }: LineSearchOptions,
): Promise<{ point: P; evaluations: number }> {
  const tooHigh = (p: Point): boolean => p.loss > start.loss + sufficientDecrease * p.t * start.slope
  const flat = (p: Point): boolean => Math.abs(p.slope) <= -curvature * start.slope
  let before = start
  let now = await at(t)
  let evaluations = 1
  /** the lower end of the bracket first */
  let bracket: [P, P] | null = null
  const between = (a: P, b: P): [P, P] => (a.loss <= b.loss ? [a, b] : [b, a])
  let tries = 0
  for (; tries < most; tries++) {
    if (tooHigh(now) || (tries > 1 && now.loss >= before.loss)) bracket = between(before, now)
    else if (flat(now)) return { point: now, evaluations }
    else if (now.slope >= 0) bracket = between(before, now)
    if (bracket) break
    const next = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10])
    before = now
    now = await at(next)
    evaluations++
  }
  let [low, high] = bracket ?? between(start, now)

  let stalled = false
  for (; tries < most; tries++) {
    const [left, right] = low.t <= high.t ? [low.t, high.t] : [high.t, low.t]
    if ((right - left) * longest < toleranceChange) break
    let next = cubicMinimum(low, high)
    // twice near an end of the bracket: a step away from it
    const margin = 0.1 * (right - left)
    if (Math.min(right - next, next - left) < margin) {
      if (stalled || next >= right || next <= left) {
        next = right - next < next - left ? right - margin : left + margin
        stalled = false
      } else stalled = true
    } else stalled = false
    const found = await at(next)
    evaluations++
    if (tooHigh(found) || found.loss >= low.loss) [low, high] = between(low, found)
    else if (flat(found)) return { point: found, evaluations }
    else [low, high] = [found, found.slope * (high.t - low.t) >= 0 ? low : high]
  }
  return { point: low, evaluations }
}
