// A module is a tree of parameters, buffers and children, found by looking at its fields. A field's name is its key in the state
// dict, so it is spelled as PyTorch spells it (`ln_1`, `c_attn`) and public checkpoints load without renaming.

import { CairnError, type DeviceName, type DType, observe, Tensor } from '@cairn/tensor'
import { buffer, isParameter, parameter } from './parameter.ts'

/** Tensors by their path: 'h.0.attn.c_attn.weight'. */
export type StateDict = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>

/** What takes one tensor and gives one. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor
}

type Field = Tensor | Module

/** Public fields that hold tensors with a storage, modules, or arrays of them. `#private` fields stay out of the state dict. */
function* fieldsOf(holder: object, prefix = ''): Generator<[name: string, field: Field]> {
  for (const [key, value] of Object.entries(holder)) {
    const name = `${prefix}${key}`
    if (value instanceof Tensor) {
      if (value.storage) yield [name, value]
    } else if (value instanceof Module) yield [name, value]
    else if (Array.isArray(value)) yield* fieldsOf(value, `${name}.`)
  }
}

/** A key whose tensor has another shape in the state than in the module. */
export interface ShapeMismatch {
  readonly name: string
  readonly here: readonly number[]
  readonly there: readonly number[]
}

/** What `loadStateDict` did; `String(result)` is a report to print. */
export class LoadStateResult {
  /** keys whose values were taken over */
  readonly loaded: readonly string[]
  /** keys of the module that the state does not have */
  readonly missing: readonly string[]
  /** keys of the state that the module does not have */
  readonly unexpected: readonly string[]
  /** keys on both sides with different shapes: left as they were */
  readonly mismatched: readonly ShapeMismatch[]

  constructor(parts: Pick<LoadStateResult, 'loaded' | 'missing' | 'unexpected' | 'mismatched'>) {
    this.loaded = parts.loaded
    this.missing = parts.missing
    this.unexpected = parts.unexpected
    this.mismatched = parts.mismatched
  }
  toString(): string {
    const part = (title: string, names: readonly string[]): string[] =>
      names.length ? [`${title}: ${names.length}`, ...names.map(name => `  ${name}`)] : []
    return [
      `loaded: ${this.loaded.length}`,
      ...part('missing', this.missing),
      ...part('unexpected', this.unexpected),
      ...part('other shapes', this.mismatched.map(sentence)),
    ].join('\n')
  }
}

const sentence = ({ name, here, there }: ShapeMismatch): string =>
  `${name} is [${here.join(', ')}] here and [${there.join(', ')}] there`

export interface LoadStateOptions {
  /** false: keys that are only on one side are reported instead of being an error */
  readonly strict?: boolean
  /** true: loads what fits and reports the rest, other shapes included */
  readonly partial?: boolean
}

export class Module {
  /** In training, dropout drops and batch statistics are taken; `eval()` turns it off. */
  training = true

  /** A jitted function is recorded anew when a field that it read has another value. */
  constructor() {
    observe(this)
  }

  /** Parameters with their paths; a tied one under its first name only. */
  namedParameters(): [name: string, parameter: Tensor][] {
    return this.#unique(isParameter)
  }
  /** Each parameter once, in the order of the fields. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, p]) => p)
  }
  namedBuffers(): [name: string, buffer: Tensor][] {
    return this.#unique(t => !isParameter(t))
  }
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, b]) => b)
  }

  /** Every tensor with its path, each path once; tied tensors appear under each of their names. */
  *#tensors(prefix = ''): Generator<[name: string, tensor: Tensor]> {
    for (const [name, field] of fieldsOf(this)) {
      if (field instanceof Module) yield* field.#tensors(`${prefix}${name}.`)
      else yield [`${prefix}${name}`, field]
    }
  }

  #unique(wanted: (t: Tensor) => boolean): [string, Tensor][] {
    const seen = new Set<object>()
    const found: [string, Tensor][] = []
    for (const [name, t] of this.#tensors()) {
      if (!wanted(t) || seen.has(t.storage!)) continue
      seen.add(t.storage!)
      // Errors about a storage name the parameter then.
      t.storage!.label = name
      found.push([name, t])
    }
    return found
  }

  /** Direct children with their names; those in an array as `name.0`. */
  namedChildren(): [name: string, child: Module][] {
    return [...fieldsOf(this)].filter((entry): entry is [string, Module] => entry[1] instanceof Module)
  }
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child)
  }
  /** This module and everything below it. */
  *modules(): Generator<Module> {
    yield this
    for (const child of this.children()) yield* child.modules()
  }

  /** Calls `visit` on every module below, children first, then on this one. */
  apply(visit: (module: Module) => void): this {
    for (const child of this.children()) child.apply(visit)
    visit(this)
    return this
  }

  train(mode = true): this {
    for (const module of this.modules()) module.training = mode
    return this
  }
  eval(): this {
    return this.train(false)
  }

  /** Freezes (false) or thaws all parameters. */
  setRequiresGrad(value: boolean): this {
    for (const p of this.parameters()) p.requiresGrad = value
    return this
  }
  zeroGrad(): void {
    for (const p of this.parameters()) p.zeroGrad()
  }

  /**
   * The tensors themselves by path, not copies: `saveSafetensors(module.stateDict())` reads them as they are at its call.
   * @param options.tied 'first': a tensor with several names only under its first, so that a file holds it once; loading fills all of them
   */
  stateDict(options: { tied?: 'all' | 'first' } = {}): Map<string, Tensor> {
    const all = [...this.#tensors()]
    if (options.tied !== 'first') return new Map(all)
    const seen = new Set<object>()
    return new Map(all.filter(([, t]) => !seen.has(t.storage!) && seen.add(t.storage!)))
  }

  /** The names of each tensor that has several. */
  tiedNames(): string[][] {
    return [...Map.groupBy(this.#tensors(), ([, t]) => t.storage).values()]
      .filter(names => names.length > 1)
      .map(names => names.map(([name]) => name))
  }

  /**
   * Writes values into the module's own tensors, so optimizers and other holders see them, and tied tensors stay tied; dtypes convert. All or nothing.
   * @throws CairnError naming missing and unexpected keys and differing shapes, as far as the options do not allow them
   */
  loadStateDict(state: StateDict, options: LoadStateOptions = {}): LoadStateResult {
    const given: ReadonlyMap<string, Tensor> = state instanceof Map ? state : new Map(Object.entries(state))
    for (const [name, value] of given)
      if (!(value instanceof Tensor))
        throw new CairnError('loadStateDict', `'${name}' is no tensor; make it one with tensor()`)
    const own = this.stateDict()
    // Files often hold a tied tensor under one of its names only.
    const filled = new Set([...own].flatMap(([name, t]) => (given.has(name) ? [t.storage] : [])))
    const missing = [...own].flatMap(([name, t]) => (given.has(name) || filled.has(t.storage) ? [] : [name]))
    const unexpected = [...given.keys()].filter(name => !own.has(name))
    const mismatched = [...own].flatMap(([name, t]): ShapeMismatch[] => {
      const value = given.get(name)
      const same = !value || (value.ndim === t.ndim && value.shape.every((n, i) => n === t.shape[i]))
      return same ? [] : [{ name, here: t.shape, there: value.shape }]
    })
    const strict = options.strict !== false && !options.partial
    const problems: string[] = []
    if (strict && missing.length) problems.push(`missing ${list(missing)}`)
    if (strict && unexpected.length) problems.push(`unexpected ${list(unexpected)}`)
    if (!options.partial && mismatched.length) problems.push(`other shapes: ${list(mismatched.map(sentence))}`)
    if (problems.length) throw new CairnError('loadStateDict', problems.join('; '), { module: this.constructor.name })
    const differs = new Set(mismatched.map(m => m.name))
    const loaded = [...own.keys()].filter(name => given.has(name) && !differs.has(name))
    for (const name of loaded) {
      const t = own.get(name)!
      t.assign(given.get(name)!.detach().to(t.dtype))
    }
    return new LoadStateResult({ loaded, missing, unexpected, mismatched })
  }

  /**
   * Converts floating-point parameters and buffers to another floating-point dtype, or moves all of them to another device. They become other
   * tensors: make optimizers after it.
   */
  to(target: DType | DeviceName): this {
    const converted = new Map<Tensor, Tensor>()
    const stays = (t: Tensor): boolean =>
      target === t.dtype || target === t.device || (isFloat(target) && !isFloat(t.dtype))
    const convert = (t: Tensor): Tensor => {
      if (stays(t)) return t
      let next = converted.get(t)
      if (!next) {
        const value = t.detach().to(target)
        next = isParameter(t) ? parameter(value) : buffer(value)
        if (isParameter(t)) next.requiresGrad = t.requiresGrad
        converted.set(t, next)
      }
      return next
    }
    const walk = (holder: Record<string, unknown>): void => {
      for (const [key, value] of Object.entries(holder)) {
        if (value instanceof Tensor) {
          if (value.storage) holder[key] = convert(value)
        } else if (Array.isArray(value)) walk(value as unknown as Record<string, unknown>)
      }
    }
    for (const module of this.modules()) walk(module as unknown as Record<string, unknown>)
    return this
  }

  /** Frees the memory of all parameters, gradients and buffers now instead of when they are collected. */
  [Symbol.dispose](): void {
    for (const [, t] of this.#tensors()) t[Symbol.dispose]()
  }
}

const isFloat = (target: string): boolean => ['f64', 'f32', 'f16', 'bf16'].includes(target)

const list = (names: readonly string[]): string =>
  names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`
