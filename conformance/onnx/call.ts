// What an op of the table is given: its inputs and attributes, each asked for by name, so that what is not understood is an error and never ignored.
import { type DType, type Tensor, tensor } from '@cairn/tensor'
import { int64, numbersOf, tensorOf } from './elements.ts'
import type { AttributeProto, NodeProto } from './proto.ts'

export type Result = Tensor | readonly (Tensor | undefined)[]
/** An op: a function of tensors. Where a size depends on values it reads them, and is async. */
export type Op = (call: Call) => Result | Promise<Result>

export class Call {
  readonly op: string
  readonly inputs: readonly (Tensor | undefined)[]
  /** the version of the op's domain */
  readonly opset: number
  /** how many results the node names */
  readonly outputs: number
  readonly #attributes: ReadonlyMap<string, AttributeProto>
  readonly #unread: Set<string>

  constructor(node: NodeProto, inputs: readonly (Tensor | undefined)[], opset: number) {
    this.op = node.op
    this.inputs = inputs
    this.opset = opset
    this.outputs = node.outputs.length
    this.#attributes = new Map(node.attributes.map(a => [a.name, a]))
    this.#unread = new Set(this.#attributes.keys())
  }

  /** An input that must be there. */
  input(i: number): Tensor {
    const found = this.inputs[i]
    if (!found) throw new Error(`${this.op}: input ${i} is missing`)
    return found
  }
  get x(): Tensor {
    return this.input(0)
  }
  /** All inputs of an op that takes any number. */
  all(): Tensor[] {
    return this.inputs.map((_, i) => this.input(i))
  }
  /** The numbers of an input; undefined where it is left out. */
  async numbers(i: number): Promise<readonly number[] | undefined> {
    const found = this.inputs[i]
    return found && numbersOf(found)
  }
  /** The only number of an input. */
  async number(i: number): Promise<number> {
    return (await numbersOf(this.input(i)))[0]
  }

  #take(name: string): AttributeProto | undefined {
    this.#unread.delete(name)
    return this.#attributes.get(name)
  }
  int(name: string, otherwise: number): number {
    return this.#take(name)?.i ?? otherwise
  }
  flag(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0
  }
  /** Proto3 leaves out a zero, so a float that is named without a value is 0. */
  float(name: string, otherwise: number): number {
    const found = this.#take(name)
    return found ? (found.f ?? 0) : otherwise
  }
  text<T extends string = string>(name: string, otherwise: NoInfer<T>): T {
    return (this.#take(name)?.s as T | undefined) ?? otherwise
  }
  ints(name: string): readonly number[] | undefined {
    return this.#take(name)?.ints
  }
  floats(name: string): readonly number[] | undefined {
    return this.#take(name)?.floats
  }
  texts(name: string): readonly string[] | undefined {
    return this.#take(name)?.strings
  }
  tensor(name: string): Tensor | undefined {
    const found = this.#take(name)?.t
    return found && tensorOf(found)
  }
  has(name: string): boolean {
    return this.#attributes.has(name)
  }
  /** An attribute that changes nothing here. */
  ignore(...names: string[]): this {
    for (const name of names) this.#unread.delete(name)
    return this
  }
  /** Names of attributes that were never asked for. */
  unread(): string[] {
    return [...this.#unread]
  }

  /** Axes as an input (from some version on) or as an attribute. */
  async axes(input: number, name = 'axes'): Promise<readonly number[] | undefined> {
    return (await this.numbers(input)) ?? this.ints(name)
  }
}

/** Positions and counts are int64 in ONNX. */
export const asIndex = (t: Tensor): Tensor => t.to(int64())
export const hostTensor = (values: ArrayLike<number>, shape: readonly number[], dtype: DType = 'f32'): Tensor =>
  tensor(Float64Array.from(values), [...shape], { dtype })
export const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i)
export const wrap = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
/** Negative positions count from the end. */
export const wrapped = (index: Tensor, size: number): Tensor => index.to('i32').add(index.to('i32').lt(0).to('i32').mul(size)) // biome-ignore format: one formula
