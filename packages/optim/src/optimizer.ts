// What optimizers share. A rule sees one parameter and gives its new value and state as tensors; this file queues the writes. All writes of
// a step are queued before the first await, and nothing in a step is read by the host: step counts are tensors too, so a step that
// `when` skips leaves no trace anywhere.

import {
  CairnError,
  type DType,
  GradientError,
  type Live,
  live,
  noGrad,
  observe,
  step as runStep,
  type Shape,
  type SparseRows,
  sparseRows,
  Template,
  Tensor,
  tensor,
  where,
  zeros,
} from '@cairn/tensor'
import { checkGroup, listOf } from './check.ts'

/** Options of one group of parameters; `lr` may be changed at any time and compiles nothing. */
export interface GroupOptions {
  /** learning rate */
  lr: number
  /** step against the gradient's sign: upwards */
  maximize?: boolean
}

export type ParameterGroup<O> = { params: Tensor[] } & O
/** Parameters, or groups of them with options of their own. */
export type Parameters<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor> } & Partial<O>>

/** State of one parameter by torch's names: exp_avg, momentum_buffer ... */
export type ParameterState = Record<string, Tensor>

/** What a rule computes with; after sparse lookups the rows that were looked up, of the parameter and of everything of its shape. */
export interface Update<O> {
  readonly p: Tensor
  /** the gradient in f32 (or f64), its sign turned for `maximize` */
  readonly g: Tensor
  /** reading `lr` from it would fix its value in a jitted step: take `lr` below */
  readonly options: O
  /** the learning rate, as a number for ops */
  readonly lr: Live
  /** a number that follows from the learning rate */
  live(read: (options: O) => number): Live
  /** number of the group: part of the key of what is derived from its learning rate */
  readonly group: number
  /** state of this parameter, one of `slots`; f32 for narrow parameters */
  state(name: string): Tensor
  /** values of this step, shared by all parameters that have made the same steps */
  readonly clock: Clock
}

/** The step count `t` (0-d f32, 1 in the first step) and what rules derive from it, computed once for all parameters that share it. */
export interface Clock {
  readonly t: Tensor
  /** the 0-d value that `make` gives, made once for this step under this key */
  derive(key: string, make: (t: Tensor) => Tensor): Tensor
  /** a 0-d state beside the step count: its value after this step */
  carry(name: string, initial: number, next: (before: Tensor, t: Tensor) => Tensor): Tensor
}

/** A state that starts as one number everywhere; of the parameter's shape unless it names its own. */
export interface Slot {
  readonly initial: number
  readonly shape: Shape
  /** default: f32, or f64 for such a parameter */
  readonly dtype?: DType
}
/** States by name, with what they start as. */
export type Slots = Record<string, number | Slot>

/** New values: of the parameter, and of its state by name. */
export interface Updated {
  readonly p: Tensor
  readonly state?: ParameterState
}

/** Parameters that have made the same steps share one counter, so a step advances one number, not one a parameter. */
interface Counter {
  readonly values: Record<string, Tensor>
  /** how many parameters follow it */
  followers: number
}

export interface OptimizerState {
  /** what JSON can hold: options of the groups, and who shares a counter */
  readonly settings: {
    readonly groups: readonly Record<string, unknown>[]
    readonly counters: readonly (readonly number[])[]
  }
  /** the tensors themselves, by `<number of the parameter>.<name>` and `counter.<n>.<name>` */
  readonly tensors: Map<string, Tensor>
}

export interface StepOptions {
  /** a 0-d bool: the step happens only where it is true, decided on the device. For loss scaling */
  readonly when?: Tensor
}

/** Which states and counters there are; compared by identity. */
class Structure {}

/** A step whose graph serves the next one, and what has to be as it was for that. */
interface LastStep {
  readonly template: Template
  /** what its values are written to */
  readonly targets: readonly Tensor[]
  readonly gradients: ReadonlyMap<Tensor, Tensor | SparseRows>
  /** how many tensors it got besides */
  readonly given: number
  readonly structure: Structure
  /** of each group */
  readonly options: readonly Record<string, unknown>[]
}

/** A group's parameters, and options that a rule may have read as they are. The learning rate is looked up at each step. */
function optionsOf({ lr, ...options }: ParameterGroup<GroupOptions>): Record<string, unknown> {
  const read = options as Record<string, unknown>
  for (const name in read) if (Array.isArray(read[name])) read[name] = [...read[name]]
  return read
}

/** Whether a group still has these parameters and options, and no other. */
function hasOptions(group: object, options: Record<string, unknown>): boolean {
  const now = group as Record<string, unknown>
  for (const name in now) {
    if (name === 'lr') continue
    const [x, y] = [options[name], now[name]]
    const same = Array.isArray(x) && Array.isArray(y) ? x.length === y.length && x.every((v, i) => v === y[i]) : x === y
    if (!same || !Object.hasOwn(options, name)) return false
  }
  for (const name in options) if (!Object.hasOwn(now, name)) return false
  return true
}

export abstract class Optimizer<O extends GroupOptions> {
  readonly groups: ParameterGroup<O>[]
  // weakly: what has left all groups and is nobody's takes its state along
  #state = new WeakMap<Tensor, ParameterState>()
  #counters = new WeakMap<Tensor, Counter>()
  /** another one whenever there are other states or counters: a jitted step is recorded anew then */
  readonly #structure: { current: Structure; groups: readonly object[] } = { current: new Structure(), groups: [] }
  #last: LastStep | null = null

  constructor(params: Parameters<O>, defaults: O) {
    const list = listOf<Tensor | ({ params: Iterable<Tensor> } & Partial<O>)>(new.target.name, params)
    if (list.length === 0) throw new CairnError(new.target.name, 'needs at least one parameter')
    const grouped = list.some(entry => !(entry instanceof Tensor))
    if (grouped && list.some(entry => entry instanceof Tensor))
      throw new CairnError(new.target.name, 'takes parameters or groups of them, not both')
    const groups = (grouped ? list : [{ params: list }]) as ({ params: Iterable<Tensor> } & Partial<O>)[]
    this.groups = groups.map(
      ({ params, ...options }) =>
        ({ ...defaults, ...options, params: listOf(new.target.name, params) }) as ParameterGroup<O>,
    )
    for (const { params: _, ...options } of this.groups) checkGroup(new.target.name, options)
    const all = this.groups.flatMap(g => g.params)
    if (new Set(all).size !== all.length) throw new CairnError(new.target.name, 'a parameter is given twice')
    for (const p of all)
      if (!p.storage)
        throw new CairnError(new.target.name, 'optimizes leaves; a computed tensor has no value of its own')
    for (const group of this.groups) observe(group)
    this.#structure.groups = this.groups
    observe(this.#structure)
    // Made here and not in the first step, so that the first step looks like all others and compiles once.
    const learning = all.filter(p => p.requiresGrad)
    const counter = { values: { step: scalar(all[0], 0) }, followers: 0 }
    for (const p of learning) this.#follow(p, counter)
    for (const group of this.groups)
      for (const p of group.params)
        if (p.requiresGrad)
          for (const [name, slot] of Object.entries(this.slots(group, p))) this.#stateOf(p)[name] = fresh(p, slot)
  }

  /** The learning rate of the first group; setting it sets all groups. */
  get lr(): number {
    return this.groups[0].lr
  }
  set lr(value: number) {
    for (const group of this.groups) group.lr = value
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.groups) for (const p of params) p.zeroGrad()
  }

  /** The state that `update` keeps for each parameter, with its initial values. */
  protected abstract slots(options: O, p: Tensor): Slots
  protected abstract update(update: Update<O>): Updated
  /**
   * The `update` of this class, if what it computes follows from what it gets alone: then its graph is built once, and again only for other options, state
   * or parameters. A rule that reads anything else, a counter of its own or the clock, leaves this undefined.
   */
  protected readonly repeats?: (update: Update<O>) => Updated

  /**
   * Why this rule takes no gradient of a form, with the remedy; null where it does. A rule that would leave a row without a gradient as it is
   * takes sparse ones: its `update` sees rows then.
   */
  protected refusal(gradient: 'dense' | 'sparse', _options: O): string | null {
    return gradient === 'dense'
      ? null
      : 'takes no sparse gradients; use SGD, Adagrad or SparseAdam, or make the embedding without { sparse: true }'
  }

  /**
   * Queues one step for every parameter with a gradient, then runs the queue. The promise is back-pressure: it resolves when at most two
   * steps are in flight.
   */
  step(options: StepOptions = {}): Promise<void> {
    noGrad(() => this.#queue(options.when))
    return runStep(this.groups.flatMap(g => g.params))
  }

  #queue(when: Tensor | undefined): void {
    if (when && (when.dtype !== 'bool' || when.ndim > 0))
      throw new CairnError(
        'step',
        `when is a 0-d bool tensor, not [${when.shape.join(', ')}] ${when.dtype}; compare first`,
      )
    void this.#structure.current
    // groups that were added are conditions of a jitted step as the first ones are
    for (const group of this.#structure.groups) observe(group)
    const gradients = this.#gradients()
    const given = when ? [when] : []
    const last = this.#last
    if (last?.template.repeats && this.#fits(last, gradients, given)) {
      const values = last.template.again(given)
      for (let i = 0; i < values.length; i++) last.targets[i].assign(values[i])
      return
    }
    this.#last = null
    const targets: Tensor[] = []
    const build = (): Tensor[] => {
      const values: Tensor[] = []
      this.#writes(gradients, when, (target, value) => {
        targets.push(target)
        values.push(value)
      })
      return values
    }
    const sparse = [...gradients.values()].some(g => !(g instanceof Tensor))
    const plain = sparse || this.update !== this.repeats
    const { values, template } = plain
      ? { values: build(), template: null }
      : Template.of(this.constructor.name, given, build)
    targets.forEach((target, i) => void target.assign(values[i]))
    if (template?.repeats)
      this.#last = {
        template,
        targets,
        gradients,
        given: given.length,
        structure: this.#structure.current,
        options: this.groups.map(optionsOf),
      }
  }

  #fits(
    { gradients, structure, given, options }: LastStep,
    now: LastStep['gradients'],
    more: readonly Tensor[],
  ): boolean {
    if (structure !== this.#structure.current || given !== more.length || gradients.size !== now.size) return false
    for (const [p, g] of now) if (gradients.get(p) !== g) return false
    return options.length === this.groups.length && this.groups.every((group, i) => hasOptions(group, options[i]))
  }

  /** What a step writes, in order. */
  #writes(
    gradients: ReadonlyMap<Tensor, Tensor | SparseRows>,
    when: Tensor | undefined,
    put: (target: Tensor, value: Tensor) => void,
  ): void {
    const write = (target: Tensor, value: Tensor): void => put(target, when ? where(when, value, target) : value)
    const clocks = this.#tick([...gradients.keys()], write)
    this.groups.forEach((group, number) => {
      const lr = live(group, g => g.lr)
      for (const p of group.params) {
        const gradient = gradients.get(p)
        if (!gradient) continue
        const part = gradient instanceof Tensor ? wholeOf(gradient, write) : rowsOf(gradient, p, when, put)
        const states = this.#stateOf(p)
        const stateAt = (name: string): Tensor => (states[name] ??= this.#made(fresh(p, 0)))
        const { p: value, state } = this.update({
          p: wide(part.of(p)),
          g: group.maximize ? wide(part.g).neg() : wide(part.g),
          options: group,
          lr,
          live: read => live(group, read),
          group: number,
          state: name => part.of(stateAt(name)),
          clock: clocks.get(p)!,
        })
        for (const name in state) part.write(stateAt(name), state[name])
        part.write(p, value.to(p.dtype))
      }
    })
  }

  /** What this step is made of. @throws GradientError before anything is queued */
  #gradients(): Map<Tensor, Tensor | SparseRows> {
    const found = new Map<Tensor, Tensor | SparseRows>()
    for (const group of this.groups)
      for (const p of group.params) {
        const { grad } = p
        if (!grad) continue
        const rows = sparseRows(grad)
        const problem = this.refusal(rows ? 'sparse' : 'dense', group)
        if (problem) throw new GradientError(this.constructor.name, problem, { parameter: p.storage!.label })
        found.set(p, rows ?? grad)
      }
    return found
  }

  #made(state: Tensor): Tensor {
    this.#structure.current = new Structure()
    return state
  }

  /** Advances the counters of the parameters that step. One that only some of its parameters still follow splits. */
  #tick(active: readonly Tensor[], write: (target: Tensor, value: Tensor) => void): Map<Tensor, Clock> {
    const clocks = new Map<Tensor, Clock>()
    const stepping = Map.groupBy(active, p => this.#counters.get(p))
    for (const [counter, params] of stepping) {
      const whole = counter?.followers === params.length
      const own = whole
        ? counter
        : { values: counter ? copies(counter.values) : { step: scalar(params[0], 0) }, followers: 0 }
      if (!whole) {
        this.#structure.current = new Structure()
        for (const p of params) this.#follow(p, own)
      }
      const clock = clockOf(own, params[0], write)
      for (const p of params) clocks.set(p, clock)
    }
    return clocks
  }

  #follow(p: Tensor, counter: Counter): void {
    const before = this.#counters.get(p)
    if (before) before.followers--
    counter.followers++
    this.#counters.set(p, counter)
  }

  /** The state of a parameter by name, for rules that write it outside of a step. */
  protected stateOf(p: Tensor): Readonly<ParameterState> {
    return this.#stateOf(p)
  }

  #stateOf(p: Tensor): ParameterState {
    let state = this.#state.get(p)
    if (!state) this.#state.set(p, (state = {}))
    return state
  }

  /**
   * Everything a resumed run needs: `tensors` for a safetensors file, `settings` for JSON. The tensors are the optimizer's own; save them
   * at once (`saveSafetensors` fixes their versions when it is called).
   */
  stateDict(): OptimizerState {
    const params = this.groups.flatMap(g => g.params)
    const tensors = new Map<string, Tensor>()
    params.forEach((p, i) => {
      for (const [name, t] of Object.entries(this.#state.get(p) ?? {})) tensors.set(`${i}.${name}`, t)
    })
    const counters = [...new Set(params.flatMap(p => this.#counters.get(p) ?? []))]
    counters.forEach((counter, n) => {
      for (const [name, t] of Object.entries(counter.values)) tensors.set(`counter.${n}.${name}`, t)
    })
    return {
      settings: {
        groups: this.groups.map(({ params, ...options }) => ({ ...options, params: params.length })),
        counters: counters.map(c => params.flatMap((p, i) => (this.#counters.get(p) === c ? [i] : []))),
      },
      tensors,
    }
  }

  /**
   * Takes over the state of an optimizer of the same kind over the same parameters.
   * @throws CairnError if it does not fit; nothing is changed then
   */
  loadStateDict({ settings, tensors }: OptimizerState): void {
    const name = this.constructor.name
    if (!settings?.groups || !settings.counters || !(tensors instanceof Map))
      throw new CairnError('loadStateDict', 'takes what stateDict() gave: { settings, tensors }', { optimizer: name })
    const params = this.groups.flatMap(g => g.params)
    checkFit(name, { settings, tensors }, this.groups, p => this.#state.get(p))
    settings.groups.forEach(({ params: _, ...options }, i) => Object.assign(this.groups[i], options))
    const counters = settings.counters.map(() => ({}) as Record<string, Tensor>)
    for (const [key, value] of tensors) {
      const [, isCounter, number, slot] = keyForm.exec(key)!
      if (isCounter) counters[Number(number)][slot] = copyOf(value)
      else {
        const state = this.#stateOf(params[Number(number)])
        if (state[slot]) state[slot].assign(value.detach().to(state[slot].dtype))
        else state[slot] = copyOf(value)
      }
    }
    this.#structure.current = new Structure()
    this.#counters = new WeakMap()
    settings.counters.forEach((members, n) => {
      const counter = { values: counters[n], followers: 0 }
      for (const i of members) this.#follow(params[i], counter)
    })
  }

  /** Frees the memory of the state of its groups' parameters now. The parameters stay. */
  [Symbol.dispose](): void {
    for (const t of this.stateDict().tensors.values()) t[Symbol.dispose]()
    this.#structure.current = new Structure()
    this.#state = new WeakMap()
    this.#counters = new WeakMap()
    this.#last = null
  }
}

/** `12.exp_avg` and `counter.0.step` */
const keyForm = /^(counter\.)?(\d+)\.(.+)$/

function checkFit(
  op: string,
  { settings, tensors }: OptimizerState,
  groups: readonly { params: Tensor[] }[],
  stateOf: (p: Tensor) => ParameterState | undefined,
): void {
  function fail(problem: string): never {
    throw new CairnError('loadStateDict', problem, { optimizer: op })
  }
  const given = settings.groups.map(g => g.params)
  const own = groups.map(g => g.params.length)
  if (given.length !== own.length || given.some((n, i) => n !== own[i]))
    fail(`groups of [${given.join(', ')}] parameters do not fit groups of [${own.join(', ')}]`)
  const params = groups.flatMap(g => g.params)
  for (const members of settings.counters)
    for (const i of members) if (!params[i]) fail(`a counter is followed by parameter ${i} of ${params.length}`)
  for (const [key, value] of tensors) {
    const [, isCounter, number, slot] = keyForm.exec(key) ?? fail(`the key '${key}' is not an optimizer's`)
    const p = params[Number(number)]
    const shape = isCounter ? settings.counters[Number(number)] && [] : p && (stateOf(p)?.[slot] ?? p).shape
    if (!shape) fail(`the key '${key}' names no parameter`)
    if (value.ndim !== shape.length || value.shape.some((n, d) => n !== shape[d]))
      fail(`'${key}' is [${value.shape.join(', ')}] there and [${shape.join(', ')}] here`)
  }
}

/** Where a rule works: on whole tensors, or on the rows of a table that its gradient has. */
interface Part {
  readonly g: Tensor
  of(t: Tensor): Tensor
  write(target: Tensor, value: Tensor): void
}

const wholeOf = (g: Tensor, write: Part['write']): Part => ({ g, of: t => t, write })

/** Nothing here is of the table's size: rows are gathered, and scattered into the memory in which the table lies. */
function rowsOf(gradient: SparseRows, p: Tensor, when: Tensor | undefined, put: Part['write']): Part {
  const { indices, rows } = gradient.whole
  const picks = indices.reshape([indices.size, ...rows.shape.slice(1).map(() => 1)]).expand(rows.shape)
  const of = (t: Tensor): Tensor => {
    if (t.ndim !== p.ndim || t.shape.some((n, d) => n !== p.shape[d]))
      throw new CairnError('step', `a state of shape [${t.shape.join(', ')}] has no rows of [${p.shape.join(', ')}]`)
    return t.gather(0, picks)
  }
  return {
    g: rows,
    of,
    write: (target, value) => put(target, target.scatter(0, picks, when ? where(when, value, of(target)) : value)),
  }
}

/** Narrow floats compute in f32. */
const wide = (t: Tensor): Tensor => (t.dtype === 'f16' || t.dtype === 'bf16' ? t.to('f32') : t)
const wideType = (p: Tensor): 'f32' | 'f64' => (p.dtype === 'f64' ? 'f64' : 'f32')

function fresh(p: Tensor, slot: number | Slot): Tensor {
  const {
    initial,
    shape,
    dtype = wideType(p),
  }: Slot = typeof slot === 'number' ? { initial: slot, shape: p.shape } : slot
  const base = zeros(shape, { dtype, device: p.device as 'wasm' })
  const value = initial === 0 ? base : base.add(initial)
  value.own()
  return value
}

const scalar = (p: Tensor, value: number): Tensor => tensor(value, { dtype: wideType(p), device: p.device as 'wasm' })

/** A storage of its own with the same value. */
function copyOf(value: Tensor): Tensor {
  const copy = value.detach()
  copy.own()
  return copy
}
const copies = (values: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(values).map(([name, t]) => [name, copyOf(t)]))

function clockOf({ values }: Counter, p: Tensor, write: (target: Tensor, value: Tensor) => void): Clock {
  const t = values.step.add(1)
  write(values.step, t)
  const derived = new Map<string, Tensor>()
  const once = (key: string, make: () => Tensor): Tensor => {
    let value = derived.get(key)
    if (!value) derived.set(key, (value = make()))
    return value
  }
  return {
    t,
    derive: (key, make) => once(key, () => make(t)),
    carry: (name, initial, next) =>
      once(name, () => {
        const before = (values[name] ??= scalar(p, initial))
        const after = next(before, t)
        write(before, after)
        return after
      }),
  }
}
