// L-BFGS (Liu and Nocedal 1989) as torch has it, with its line search where asked for. Whether to go on depends on numbers that the host reads, so it is no
// step of a jitted function; all vectors stay on the device.

import { CairnError, cat, noGrad, readAll, realize, type Tensor } from '@cairn/tensor'
import { type Point, strongWolfe } from './line-search.ts'

export interface LBFGSOptions {
  /** default 1 */
  lr?: number
  /** iterations of a step, default 20 */
  maxIterations?: number
  /** evaluations of the closure in a step, default 1.25 times the iterations */
  maxEvaluations?: number
  /** stops where no element of the gradient is larger, default 1e-7 */
  toleranceGrad?: number
  /** stops where neither the loss nor an element changes by more, default 1e-9 */
  toleranceChange?: number
  /** pairs of differences that are kept, default 100 */
  historySize?: number
  /** 'strongWolfe': a step length by the strong Wolfe conditions, which takes more evaluations and needs no tuned `lr`; default null: always `lr` */
  lineSearch?: 'strongWolfe' | null
}

/** Where the closure was evaluated. */
interface Evaluation extends Point {
  readonly gradient: Tensor
  /** largest absolute value of the gradient, and the sum of all */
  readonly largest: number
  readonly sum: number
}

interface Pair {
  readonly s: Tensor
  readonly y: Tensor
  readonly rho: Tensor
}

/** Sets parameters' gradients and gives the loss: `() => { opt.zeroGrad(); const loss = f(); loss.backward(); return loss }` */
export type Closure = () => Tensor

export class LBFGS {
  readonly params: readonly Tensor[]
  lr: number
  readonly #options: Required<Omit<LBFGSOptions, 'lr'>>
  #pairs: Pair[] = []
  #previous: Tensor | null = null
  #direction: Tensor | null = null
  #rate = 0
  #iterations = 0
  /** the first inverse Hessian is this times the identity, 0-d */
  #scale: Tensor | null = null

  constructor(params: Iterable<Tensor>, options: LBFGSOptions = {}) {
    this.params = [...params]
    if (this.params.length === 0) throw new CairnError('LBFGS', 'needs at least one parameter')
    const { lr = 1, maxIterations = 20, toleranceGrad = 1e-7, toleranceChange = 1e-9, historySize = 100 } = options
    this.lr = lr
    const maxEvaluations = options.maxEvaluations ?? Math.floor(maxIterations * 1.25)
    const { lineSearch = null } = options
    if (lineSearch !== null && lineSearch !== 'strongWolfe')
      throw new CairnError('LBFGS', `there is no line search '${lineSearch}'; use 'strongWolfe' or null`)
    this.#options = { maxIterations, maxEvaluations, toleranceGrad, toleranceChange, historySize, lineSearch }
  }
  zeroGrad(): void {
    for (const p of this.params) p.zeroGrad()
  }

  /** @returns the loss before the step */
  async step(closure: Closure): Promise<number> {
    const { maxIterations, maxEvaluations, toleranceGrad, toleranceChange, historySize, lineSearch } = this.#options
    /** @param along the direction that the slope is of */
    const evaluate = async (t = 0, along: Tensor | null = null): Promise<Evaluation> => {
      const loss = closure()
      const gradient = noGrad(() => this.#flat()).keep()
      const [l, m, s, slope] = await readNumbers(
        noGrad(() => [
          loss.detach(),
          gradient.abs().max(),
          gradient.abs().sum(),
          ...(along ? [gradient.mul(along).sum()] : []),
        ]),
      )
      return { t, loss: l, gradient, largest: m, sum: s, slope: slope ?? 0 }
    }
    let now = await evaluate()
    const first = now.loss
    let evaluations = 1
    if (now.largest <= toleranceGrad) return first
    for (let n = 1; n <= maxIterations; n++) {
      this.#iterations++
      const g = now.gradient
      if (this.#previous && this.#direction) {
        const [before, moved, rate] = [this.#previous, this.#direction, this.#rate]
        const [y, s] = noGrad(() => [g.sub(before).keep(), moved.mul(rate).keep()])
        const ys = noGrad(() => y.mul(s).sum().keep())
        const [curvature] = await readNumbers([ys])
        if (curvature > 1e-10) {
          if (this.#pairs.length === historySize) this.#pairs.shift()
          this.#pairs.push({ s, y, rho: noGrad(() => ys.reciprocal().keep()) })
          this.#scale = noGrad(() => ys.div(y.mul(y).sum()).keep())
        }
      }
      const direction = noGrad(() => this.#twoLoops(g)).keep()
      this.#direction = direction
      this.#previous = g
      this.#rate = this.#iterations === 1 ? Math.min(1, 1 / now.sum) * this.lr : this.lr
      const [slope, longest] = await readNumbers(noGrad(() => [g.mul(direction).sum(), direction.abs().max()]))
      if (slope > -toleranceChange) break
      const before = now.loss
      if (lineSearch) {
        const origin = await this.#snapshot()
        const at = async (t: number): Promise<Evaluation> => {
          this.#move(direction, t, origin)
          return evaluate(t, direction)
        }
        const search = { longest, toleranceChange }
        const found = await strongWolfe(at, { ...now, t: 0, slope }, this.#rate, search)
        now = found.point
        evaluations += found.evaluations
        this.#rate = now.t
        this.#move(direction, now.t, origin)
        await realize(...this.params)
        for (const p of origin) p[Symbol.dispose]()
        if (n === maxIterations) break
      } else {
        this.#move(direction, this.#rate, this.params)
        await realize(...this.params)
        if (n === maxIterations) break
        now = await evaluate()
        evaluations++
      }
      if (evaluations >= maxEvaluations || now.largest <= toleranceGrad) break
      if (longest * this.#rate <= toleranceChange || Math.abs(now.loss - before) < toleranceChange) break
    }
    return first
  }

  #twoLoops(g: Tensor): Tensor {
    let q = g.neg()
    const shares: Tensor[] = []
    for (const { s, y, rho } of [...this.#pairs].reverse()) {
      const share = s.mul(q).sum().mul(rho)
      shares.unshift(share)
      q = q.sub(y.mul(share))
    }
    let r = this.#scale ? q.mul(this.#scale) : q
    this.#pairs.forEach(({ s, y, rho }, i) => {
      r = r.add(s.mul(shares[i].sub(y.mul(r).sum().mul(rho))))
    })
    return r
  }

  /** All gradients one after the other, as they are now; zeros where there is none. */
  #flat(): Tensor {
    const parts = this.params.map(p => (p.grad ?? p.detach().zerosLike()).reshape([p.size]))
    // the gradient of one vector would be the storage itself, whose value moves on
    return parts.length === 1 ? parts[0].clone() : cat(parts)
  }
  /** The parameters as they are now, in memory of their own. */
  async #snapshot(): Promise<Tensor[]> {
    const copies = noGrad(() =>
      this.params.map(p => {
        const copy = p.clone().detach()
        copy.own()
        return copy
      }),
    )
    await realize(...copies)
    return copies
  }
  #move(direction: Tensor, rate: number, from: readonly Tensor[]): void {
    noGrad(() => {
      let at = 0
      this.params.forEach((p, i) => {
        p.assign(from[i].add(direction.narrow(0, at, p.size).reshape(p.shape).mul(rate)))
        at += p.size
      })
    })
  }
}

async function readNumbers(list: readonly Tensor[]): Promise<number[]> {
  return (await readAll(list)).map(values => Number(values[0]))
}
