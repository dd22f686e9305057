// The handle: a thin typed reference to a node, or to a storage (then it always means the storage's newest version).
// Ops are functions in ops/; ops/methods.ts gives them to this class as fluent methods, from one table.

import { gradientOf } from './autograd/gradient.ts'
import type { DType, TypedArray } from './dtype.ts'
import { isFloat } from './dtype.ts'
import { CairnError, DeviceError, DTypeError, GradientError, listed, ShapeError } from './errors.ts'
import type { Engine } from './graph/engine.ts'
import { type Attributes, Node, noAttributes, noSources } from './graph/node.ts'
import { checkEffect, checkRead, state } from './graph/scope.ts'
import { Storage } from './graph/storage.ts'
import type { TensorMethods } from './ops/methods.ts'
import { type PrimitiveName, primitiveOf } from './primitives/table.ts'
import { type Shape, sameShape, sizeOf } from './shape.ts'

export interface Tensor extends TensorMethods {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: ops/methods.ts installs exactly the methods that TensorMethods names
export class Tensor {
  #node: Node | null
  #storage: Storage | null

  /** Use `tensor`, `zeros`, `randn` ... or an op; this constructor is for the library. */
  constructor(of: Node | Storage) {
    if (of instanceof Storage) {
      this.#storage = of
      this.#node = null
    } else {
      this.#node = of
      this.#storage = null
      if (!state.internal) {
        of.named = true
        state.trace?.made.push(of)
      }
    }
  }

  /** The graph's node: for a storage, its newest version. */
  get node(): Node {
    return this.#storage ? this.#storage.head : this.#node!
  }
  /** The storage that this handle owns a name for; null for a computed value. */
  get storage(): Storage | null {
    return this.#storage
  }
  get shape(): Shape {
    return this.#storage ? this.#storage.shape : this.#node!.shape
  }
  get dtype(): DType {
    return this.#storage ? this.#storage.dtype : this.#node!.dtype
  }
  get engine(): Engine {
    return this.#storage ? this.#storage.device : this.#node!.device
  }
  /** 'wasm', 'webgpu' or 'reference' */
  get device(): string {
    return this.engine.name
  }
  get ndim(): number {
    return this.shape.length
  }
  /** number of elements */
  get size(): number {
    return sizeOf(this.shape)
  }

  get requiresGrad(): boolean {
    if (this.#storage) state.trace?.requires(this.#storage)
    return this.#storage ? this.#storage.requiresGrad : this.#node!.requiresGrad
  }
  /** Setting it to true makes the tensor a leaf with a storage of its own, which collects a gradient in `grad`. */
  set requiresGrad(value: boolean) {
    if (value && !isFloat(this.dtype))
      throw new DTypeError('requiresGrad', `only floating-point tensors have gradients, not ${this.dtype}`)
    if (!value && !this.#storage) {
      if (this.#node!.requiresGrad)
        throw new GradientError('requiresGrad', 'a computed tensor keeps its history; use detach()')
      return
    }
    const storage = this.own()
    state.trace?.requires(storage)
    storage.requiresGrad = value
    storage.head.requiresGrad = value
  }

  /** The storage behind this handle; a computed tensor gets one, filled by the next execution. */
  own(): Storage {
    if (!this.#storage) {
      const value = this.#node!
      if (value.requiresGrad)
        throw new GradientError(
          'assign',
          'a computed tensor with gradient history cannot become a leaf; use detach() first',
        )
      this.#storage = new Storage(value.device, value.shape, value.dtype)
      value.named = false
      this.#node = null
      value.device.queue.assign(this.#storage, value, 'init')
    }
    return this.#storage
  }

  /**
   * Writes a new value into this tensor's storage: version v+1, in place where nothing still reads the old one. The gradient is cut.
   * Runs with the queue: at the next read, step or `realize()`.
   * @param value same shape and dtype
   */
  assign(value: Tensor | number): this {
    checkEffect('assign')
    const storage = this.own()
    const next = typeof value === 'number' ? this.detach().fullLike(value) : value
    if (!sameShape(next.shape, this.shape))
      throw new ShapeError('assign', `the value has another shape: ${listed(next.shape)} into ${listed(this.shape)}`)
    if (next.dtype !== this.dtype)
      throw new DTypeError(
        'assign',
        `the value is ${next.dtype}, the tensor ${this.dtype}; convert with .to('${this.dtype}')`,
      )
    checkSameDevice('assign', [this, next])
    storage.device.queue.assign(storage, next.node, 'assign')
    return this
  }

  /** The next execution computes this tensor and keeps its value, unless its handle is gone by then. Returns itself. */
  keep(): this {
    if (!this.#storage) this.#node!.device.queue.keep(this.#node!, this)
    return this
  }

  /**
   * The gradient that `backward` left, until `zeroGrad`; a Tensor over persistent memory. Assigning replaces it, `undefined` drops it. After sparse lookups
   * alone it is made of rows, which `sparseRows` gives; this tensor of the whole shape is computed only where it is read.
   */
  get grad(): Tensor | undefined {
    const storage = this.#storage
    if (!storage) return undefined
    state.trace?.gradient(storage, storage.gradient?.form ?? null)
    return storage.gradient?.current
  }
  set grad(value: Tensor | undefined) {
    if (value === undefined) {
      this.zeroGrad()
      return
    }
    checkGradient('grad', value, this)
    gradientOf(this.own()).set(value)
  }
  /** Forgets the gradient (pending ones too); its memory waits for the next `backward`. */
  zeroGrad(): void {
    this.#storage?.gradient?.clear()
  }

  /** The values, row-major, in a fresh typed array that the caller owns: bool as Uint8Array, f16 and bf16 as bits in Uint16Array. */
  data(): Promise<TypedArray> {
    checkRead('data')
    return this.engine.queue.read(this.node)
  }

  /** The only element as a number (bool: 0 or 1). */
  item(): Promise<number> {
    checkRead('item')
    return this.#item()
  }
  async #item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError('item', `needs exactly one element, the tensor has ${this.size}`, { shape: [...this.shape] })
    return (await this.numbers())[0]
  }

  /** The values as nested arrays of numbers (booleans for bool); a number for a 0-d tensor. */
  toArray(): Promise<NestedArray> {
    checkRead('toArray')
    return this.#toArray()
  }
  async #toArray(): Promise<NestedArray> {
    const flat = await this.numbers()
    const value = this.dtype === 'bool' ? (v: number) => v !== 0 : (v: number) => v
    const nest = (axis: number, at: number, step: number): NestedArray => {
      if (axis === this.shape.length) return value(flat[at])
      const inner = this.shape[axis] ? step / this.shape[axis] : 0
      return Array.from({ length: this.shape[axis] }, (_, i) => nest(axis + 1, at + i * inner, inner))
    }
    return nest(0, 0, this.size)
  }

  /** The values as plain numbers, whatever the dtype. */
  numbers(): Promise<number[]> {
    checkRead('numbers')
    return this.#numbers()
  }
  async #numbers(): Promise<number[]> {
    return this.engine.decode(this.dtype, await this.data())
  }

  /** Never blocks: says what the tensor is, and that it is lazy where no value was computed yet. `formatTensor` of @cairn/tensor/interop shows values. */
  toString(): string {
    const lazy = this.#storage || this.#node!.alias ? '' : ', lazy'
    return `Tensor(${listed(this.shape)}, ${this.dtype}, ${this.device}${lazy}${this.requiresGrad ? ', requiresGrad' : ''})`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  /** Frees the storage now instead of when it is collected. Later use is an error. */
  [Symbol.dispose](): void {
    this.#storage?.gradient?.dispose()
    const storage = this.#storage ?? (this.#node!.alias ?? this.#node!).storage
    storage?.device.queue.dispose(storage)
  }
}

export type NestedArray = number | boolean | NestedArray[]

/** @throws for a gradient that is not of the shape, dtype and device of its tensor */
export function checkGradient(op: string, gradient: Tensor, of: Tensor): void {
  checkSameDevice(op, [of, gradient])
  if (!sameShape(gradient.shape, of.shape))
    throw new ShapeError(op, `the gradient has another shape: ${listed(gradient.shape)} for ${listed(of.shape)}`)
  if (gradient.dtype !== of.dtype)
    throw new DTypeError(
      op,
      `the gradient is ${gradient.dtype}, the tensor ${of.dtype}; convert with .to('${of.dtype}')`,
    )
}

export function checkSameDevice(op: string, tensors: readonly Tensor[]): Engine {
  let engine: Engine | null = null
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i]
    if (!(t instanceof Tensor))
      throw new CairnError(op, `needs tensors, got ${typeof t}; a second copy of @cairn/tensor makes foreign ones`)
    if (engine === null) engine = t.engine
    else if (t.engine !== engine) {
      const [{ device }] = tensors
      throw new DeviceError(op, `tensors are on ${device} and ${t.device}; move one with .to('${device}')`)
    }
  }
  return engine!
}

/** A new node of a primitive. Leaves out of `sources` decide the device unless one is given. */
export function apply(
  name: PrimitiveName,
  sources: readonly Tensor[],
  attributes: Attributes = noAttributes,
  shape?: Shape,
  device?: Engine,
): Tensor {
  const engine = device ?? checkSameDevice(name, sources)
  const primitive = primitiveOf(name)
  const nodes = sources.length === 0 ? noSources : sources.map(s => s.node)
  const typed = primitive.infer(nodes, attributes, shape)
  const node = new Node(name, nodes, typed.shape, typed.dtype, engine, attributes)
  if (primitive.vjp !== undefined && hasHistory(nodes, typed.dtype)) node.requiresGrad = true
  return new Tensor(node)
}

/** Whether a value of this dtype that is made of these now has gradient history. */
export function hasHistory(sources: readonly Node[], dtype: DType): boolean {
  if (!state.grad || !isFloat(dtype)) return false
  for (let i = 0; i < sources.length; i++) if (sources[i].requiresGrad) return true
  return false
}
