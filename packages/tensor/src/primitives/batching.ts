// How a primitive is applied to many examples at once (vmap). The examples of a batched source lie along its axis 0, and so do
// those of the result; sources without examples are shared by all. Most rules are one of four: align the axes of an elementwise op,
// shift the axes that the attributes name, give every source examples, or take the examples one by one.

import type { Attributes } from '../graph/node.ts'
import { stack } from '../ops/movement.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

export interface Batched {
  readonly value: Tensor
  /** whether the examples lie along axis 0 of the value */
  readonly batched: boolean
}

export interface Batch {
  /** how many examples */
  readonly size: number
  /** at least one is batched, or the primitive draws random numbers */
  readonly sources: readonly Batched[]
  readonly attributes: Attributes
  /** of one example's result */
  readonly shape: Shape
  /** the same primitive on other sources; attributes and shape as they were unless given */
  again(sources: readonly Tensor[], attributes?: Attributes, shape?: Shape): Tensor
  /** a function of tensors, such as a derivative, for many examples at once; gives results with examples, or null as it does */
  mapped(
    f: (...values: Tensor[]) => readonly (Tensor | null)[],
  ): (...values: readonly Batched[]) => readonly (Tensor | null)[]
}

/** The result of a primitive for all examples, along axis 0. */
export type BatchRule = (batch: Batch) => Tensor

/** A source with examples: one that has none repeats (a view). */
export const everyExample = ({ value, batched }: Batched, size: number): Tensor =>
  batched ? value : value.unsqueeze(0).expand([size, ...value.shape])

/** The shape of one example. */
export const exampleShape = ({ value, batched }: Batched): Shape => (batched ? value.shape.slice(1) : value.shape)

/** Numbers that a caller or the library wrote fit beside any shape. */
const isNumber = (t: Tensor): boolean => t.storage === null && (t.node.op === 'scalar' || t.node.op === 'constant')

/** Elementwise: sources get the examples' axis and the result's axes. */
export const alignAxes: BatchRule = ({ size, sources, shape, again }) =>
  again(
    sources.map(source => {
      if (isNumber(source.value)) return source.value
      if (exampleShape(source).length === shape.length) return everyExample(source, size)
      const { value, batched } = source
      return value.reshape([batched ? size : 1, ...shape.map(() => 1)]).expand([size, ...shape])
    }),
  )

/** One source with examples; `shift` says what the attributes are when an axis comes before. */
export const shiftAxes = (
  { size, sources: [x], attributes, shape, again }: Batch,
  shift: (attributes: Attributes) => Attributes,
): Tensor => again([everyExample(x, size)], shift(attributes), [size, ...shape])

/** Every source with examples, along one axis more. */
export const shiftAxis: BatchRule = ({ size, sources, attributes, again }) =>
  again(
    sources.map(s => everyExample(s, size)),
    { ...attributes, axis: attributes.axis! + 1 },
  )

/** Axis `from` becomes axis `to`; the others keep their order. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x
  const order = x.shape.map((_, d) => d)
  order.splice(to, 0, ...order.splice(from, 1))
  return x.permute(order)
}

/** One after the other: for primitives that know no axis of examples. The result is as large a graph as there are examples. */
export const oneByOne: BatchRule = ({ size, sources, again }) => {
  if (size === 0) {
    const nothing = sources.map(({ value, batched }) =>
      batched ? value.pad(value.shape.map((_, d) => [0, d ? 0 : 1])) : value,
    )
    return again(nothing.map((value, i) => (sources[i].batched ? value.select(0, 0) : value)))
      .unsqueeze(0)
      .narrow(0, 0, 0)
  }
  const results = Array.from({ length: size }, (_, i) =>
    again(sources.map(({ value, batched }) => (batched ? value.select(0, i) : value))),
  )
  return stack(results)
}
