// How each primitive runs for many examples at once: what vmap replaces its nodes by, and loaded with it.

import type { DerivativeRule } from '../graph/node.ts'
import { threefryParity, threefryRotations } from '../kernel/threefry.ts'
import { positions } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { alignAxes, type BatchRule, everyExample, exampleShape, moveAxis, shiftAxes, shiftAxis } from './batching.ts'
import type { elementwise } from './elementwise.ts'
import type { ReduceName } from './reduce.ts'
import { primitiveOf, type TableName } from './table.ts'
import type { Primitive } from './types.ts'

const shortcut: BatchRule = ({ size, sources: [value, ...inputs], attributes, again, mapped }) => {
  const rule: DerivativeRule = (g, given, out) => {
    const list = (parts: readonly Tensor[]) => ({
      g: parts[0],
      given: parts.slice(1, -1),
      out: parts[parts.length - 1],
    })
    const run = mapped((...parts) => {
      const { g, given, out } = list(parts)
      return attributes.rule!(g, given, out)
    })
    const parts = run(
      { value: g, batched: true },
      ...given.map((value, i) => ({ value, batched: inputs[i].batched })),
      { value: out, batched: true },
    )
    // what all examples share collects the gradients of all
    return parts.map((part, i) => (part && !inputs[i].batched ? part.sum(0) : part))
  }
  return again([everyExample(value, size), ...inputs.map(i => i.value)], { rule })
}

const expand: BatchRule = ({ size, sources: [x], shape, again }) => {
  const example = exampleShape(x)
  // the axes that an example does not have come behind that of the examples
  const ranked = [size, ...new Array<number>(shape.length - example.length).fill(1), ...example]
  return again([x.batched ? x.value.reshape(ranked) : x.value], undefined, [size, ...shape])
}

const narrowAt: BatchRule = ({ size, sources: [x, start], attributes, shape, again }) => {
  const [whole, axis] = [everyExample(x, size), attributes.axis! + 1]
  if (!start.batched) return again([whole, start.value], { ...attributes, axis })
  // a window of its own for each example: its places as an index
  const all = [size, ...shape]
  const first = start.value.clamp(0, whole.shape[axis] - all[axis]).reshape(all.map((n, d) => (d === 0 ? n : 1)))
  return whole.gather(axis, first.expand(all).add(positions(all, axis, whole.engine)))
}

const gather: BatchRule = batch => {
  const { size, sources, attributes, shape, again } = batch
  const [x, index] = sources
  if (x.batched) return shiftAxis(batch)
  // All examples pick from one table: more picks along the axis, so that its gradient is one table too and not one for each example.
  const axis = attributes.axis!
  const picks = moveAxis(index.value, 0, axis)
  const flat = shape.with(axis, size * shape[axis])
  return moveAxis(again([x.value, picks.reshape(flat)]).reshape(picks.shape), axis, 0)
}

const matmul: BatchRule = ({ size, sources: [a, b], shape, again }) => {
  const rank = shape.length
  const [m, n] = shape.slice(-2)
  // One product over the rows of all examples where they share the right matrix, and over their columns where they share the left one.
  // Columns that are wider than one would have to be laid out again, so those stay products of their own.
  if (!b.batched && rank === 2) {
    const k = b.value.shape[0]
    return again([a.value.reshape([size * m, k]), b.value]).reshape([size, m, n])
  }
  if (!a.batched && rank === 2 && n === 1)
    return again([a.value, b.value.squeeze(2).transpose(0, 1)])
      .transpose(0, 1)
      .unsqueeze(2)
  return again([everyExample(a, size), everyExample(b, size)])
}

const randomBits: BatchRule = ({ size, sources, shape, again }) => {
  const values = sources.map(s => s.value)
  if (!sources.some(s => s.batched)) return again(values, undefined, [size, ...shape])
  // a key or a count of its own for each example: each draws what it would draw alone
  const [low, high, draw] = sources.map(({ value, batched }) =>
    value.reshape([batched ? size : 1, 1]).expand([size, 1]),
  )
  const count = sizeOf(shape)
  const places = positions([size, count], 1, values[0].engine).to('u32')
  return threefryOf([low, high], places, draw.expand([size, count])).reshape([size, ...shape])
}

/** The same in tensor ops: all of one shape, u32; keys may be [size, 1]. */
function threefryOf([key0, key1]: readonly Tensor[], count0: Tensor, count1: Tensor): Tensor {
  const keys = [key0, key1, key0.xor(key1).xor(k(threefryParity))]
  let x = count0.add(keys[0])
  let y = count1.add(keys[1])
  for (let group = 0; group < 5; group++) {
    for (const turn of threefryRotations[group % 2]) {
      x = x.add(y)
      y = y
        .shiftLeft(k(turn))
        .or(y.shiftRight(k(32 - turn)))
        .xor(x)
    }
    x = x.add(keys[(group + 1) % 3])
    y = y.add(keys[(group + 2) % 3]).add(k(group + 1))
  }
  return x
}

const custom: BatchRule = ({ size, sources, attributes, mapped }) => {
  const { plain, vmap } = attributes.custom!
  if (vmap)
    return vmap(
      size,
      sources.map(s => s.value),
      sources.map(s => s.batched),
    )
  return mapped((...values) => [plain(...values)])(...sources)[0]!
}

const program: BatchRule = ({ size, sources, shape, again }) =>
  again(
    sources.map(s => everyExample(s, size)),
    undefined,
    [size, ...shape],
  )

/** Of the families whose members are all alike. */
const families: Partial<Record<Primitive['family'], BatchRule>> = {
  elementwise: alignAxes,
  reduce: batch => shiftAxes(batch, ({ axes }) => ({ axes: axes!.map(a => a + 1) })),
}

type Alike = Exclude<keyof typeof elementwise, 'shortcut'> | ReduceName

const rules: Record<Exclude<TableName, Alike>, BatchRule> = {
  barrier: ({ size, sources: [x, after], again }) => again([everyExample(x, size), after.value]),
  reshape: batch => shiftAxes(batch, attributes => attributes),
  permute: batch => shiftAxes(batch, ({ axes }) => ({ axes: [0, ...axes!.map(a => a + 1)] })),
  slice: batch => shiftAxes(batch, ({ sizes, steps }) => ({ sizes: [0, ...sizes!], steps: [1, ...steps!] })),
  pad: batch => shiftAxes(batch, ({ sizes }) => ({ sizes: [0, 0, ...sizes!] })),
  window: batch => shiftAxes(batch, attributes => ({ ...attributes, axis: attributes.axis! + 1 })),
  cat: shiftAxis,
  scatter: shiftAxis,
  iota: ({ again }) => again([]),
  shortcut,
  expand,
  narrowAt,
  gather,
  matmul,
  randomBits,
  custom,
  program,
}

export function batchOf(name: string): BatchRule {
  const { family, batch } = primitiveOf(name)
  return batch ?? (rules as Partial<Record<string, BatchRule>>)[name] ?? families[family]!
}
