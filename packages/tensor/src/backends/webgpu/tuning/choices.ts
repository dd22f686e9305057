// What was measured to be the fastest on a device, by class of kernels, as a text that is kept from run to run. A text of another version, of another
// device, or that is no such text at all counts as none; a choice that is not among those that there are is ignored.

import type { Kernel } from '../../../kernel/ir.ts'
import type { Choice } from '../choose.ts'
import { classOf } from './classes.ts'
import { candidates, type TuningLimits, version } from './space.ts'

const format = 'cairn: what is fastest on a GPU'

interface Kept {
  readonly format: string
  readonly version: number
  /** the adapter, and what it lets kernels use */
  readonly device: string
  /** by class, the choice as JSON gives it */
  readonly choices: Record<string, unknown>
}

export class Choices {
  private readonly device: string
  private readonly limits: TuningLimits
  private readonly byClass = new Map<string, string>()

  /** @param device its name with all that choices depend on */
  constructor(device: string, limits: TuningLimits) {
    this.device = device
    this.limits = limits
  }

  get size(): number {
    return this.byClass.size
  }

  has(name: string): boolean {
    return this.byClass.has(name)
  }

  set(name: string, choice: Choice): void {
    this.byClass.set(name, JSON.stringify(choice))
  }

  /** What is known to be the fastest for a kernel; null: nothing. */
  find(kernel: Kernel, alias: readonly number[]): Choice | null {
    const name = classOf(kernel, alias)
    const known = name === null ? undefined : this.byClass.get(name)
    if (known === undefined) return null
    return candidates(kernel, alias, this.limits).find(c => JSON.stringify(c) === known) ?? null
  }

  /** Takes over what a text says of this device. @returns whether it says anything */
  read(text: string): boolean {
    let kept: Partial<Kept> | null
    try {
      kept = JSON.parse(text)
    } catch {
      return false
    }
    if (kept?.format !== format || kept.version !== version || kept.device !== this.device) return false
    if (typeof kept.choices !== 'object' || kept.choices === null) return false
    for (const [name, choice] of Object.entries(kept.choices))
      if (!this.byClass.has(name)) this.byClass.set(name, JSON.stringify(choice))
    return true
  }

  toString(): string {
    const choices: Record<string, unknown> = {}
    for (const [name, choice] of [...this.byClass].sort(([a], [b]) => (a < b ? -1 : 1)))
      choices[name] = JSON.parse(choice)
    return `${JSON.stringify({ format, version, device: this.device, choices } satisfies Kept, null, 1)}\n`
  }
}
