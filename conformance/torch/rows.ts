// How rows of the tables of torch's ops are written: which inputs are meant, and what their attributes are called.
import { type Tensor, tensor } from '@cairn/tensor'
import type { Attributes, Inputs, Row } from './cases.ts'

export type Run = NonNullable<Row['run']>

export const spine = (run: Run): Row => ({ group: 'spine', run })
export const breadth = (run: Run): Row => ({ group: 'breadth', run })

/** The only input, whatever its name. */
export const x = (inputs: Inputs): Tensor => inputs.x ?? inputs.a ?? Object.values(inputs)[0]
/** The two operands. */
export const pair = (inputs: Inputs): [Tensor, Tensor] => {
  const [a, b] = Object.values(inputs)
  return [inputs.a ?? inputs.x ?? a, inputs.b ?? inputs.y ?? b]
}
export const unary = (f: (x: Tensor, attrs: Attributes) => Tensor): Row => spine((inputs, attrs) => f(x(inputs), attrs))
export const binary = (f: (a: Tensor, b: Tensor) => Tensor): Row => spine(inputs => f(...pair(inputs)))

export const axis = (attrs: Attributes, fallback = -1): number => attrs.number(fallback, 'dim', 'axis')
export const axes = (attrs: Attributes): readonly number[] | undefined =>
  attrs.has('dim', 'axis', 'dims', 'axes') ? attrs.numbers([], 'dim', 'axis', 'dims', 'axes') : undefined
export const keepDim = (attrs: Attributes) => ({ keepDim: attrs.flag('keepdim', 'keep_dim', 'keepdims') })
export const reduction = (attrs: Attributes) => {
  const name = attrs.text('mean', 'reduction')
  if (name !== 'mean' && name !== 'sum' && name !== 'none') throw new Error(`there is no reduction '${name}'`)
  return { reduction: name } as const
}
export const reduce = (
  f: (x: Tensor, axes: readonly number[] | undefined, options: { keepDim: boolean }, attrs: Attributes) => Tensor,
): Row => unary((t, attrs) => f(t, axes(attrs), keepDim(attrs), attrs))

/** Values, and positions too where the case has them as its second output. */
export const extreme = (kind: 'max' | 'min'): Row =>
  spine((inputs, attrs, given) => {
    const along = axes(attrs)
    const options = keepDim(attrs)
    const values = x(inputs)[kind](along, options)
    if ((given.outputs?.length ?? 1) < 2) return values
    return [values, x(inputs)[kind === 'max' ? 'argmax' : 'argmin'](along?.[0] ?? -1, options)]
  })

export function correction(attrs: Attributes): number {
  if (attrs.has('unbiased')) return attrs.flag('unbiased') ? 1 : 0
  return attrs.number(1, 'correction', 'ddof')
}

/** Against the targets, whatever they are called. */
export const target = ({ t, target: named, y }: Inputs): Tensor => t ?? named ?? y
/** The indices, an input or numbers among the attributes. */
export const indexOf = (inputs: Inputs, attrs: Attributes): Tensor =>
  attrs.has('index', 'indices')
    ? tensor([...attrs.numbers([], 'index', 'indices')], { dtype: 'i32' })
    : (inputs.i ?? inputs.index ?? inputs.indices ?? inputs.idx)

/** A row of one input whose attributes are all that the op takes besides. */
export const plain = (f: (x: Tensor, attrs: Attributes) => Tensor | Tensor[]): Row =>
  breadth((inputs, attrs) => f(x(inputs), attrs))
/** A row of two operands, the second of which may be a number: `other` in torch. */
export const operands = (f: (a: Tensor, b: Tensor | number) => Tensor): Row =>
  breadth((inputs, attrs) =>
    attrs.has('other', 'exponent', 'value')
      ? f(x(inputs), attrs.number(0, 'other', 'exponent', 'value'))
      : f(...pair(inputs)),
  )
/** As many of the results as the case has. */
export const first = (results: Tensor[], count: number): Tensor[] => results.slice(0, count)
