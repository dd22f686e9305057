// Rows of torch's ops that move, repeat or pick elements.
import { cat, meshgrid, stack, type Tensor } from '@cairn/tensor'
import { fold, unfold } from '@cairn/tensor/functional'
import type { Attributes, Inputs, Row } from '../cases.ts'
import { axes, axis, breadth, indexOf, plain, x } from '../rows.ts'

type Pairs = readonly (readonly [number, number])[]

/** torch's flat widths, of the last axis first, as pairs of all axes. */
const widths = (t: Tensor, attrs: Attributes): Pairs => {
  const flat = attrs.numbers([], 'pad', 'padding')
  return t.shape.map((_, d) => {
    const i = 2 * (t.ndim - 1 - d)
    return [flat[i] ?? 0, flat[i + 1] ?? 0]
  })
}
const modes = { constant: 'constant', reflect: 'reflect', replicate: 'replicate', circular: 'circular' } as const
const source = ({ src, s, source: named, values, b }: Inputs): Tensor => src ?? s ?? named ?? values ?? b
const mask = ({ mask: named, m, c }: Inputs): Tensor => (named ?? m ?? c).to('bool')
const windowOf = (attrs: Attributes) => ({
  kernel: attrs.numbers([2], 'kernel_size', 'k', 'kernel'),
  stride: attrs.numbers([1], 'stride'),
  padding: attrs.numbers([0], 'padding'),
  dilation: attrs.numbers([1], 'dilation'),
})
/** A number for both axes, or one for each. */
const both = (values: readonly number[]): [number, number] => [values[0], values[values.length - 1]]

export const movement: Readonly<Record<string, Row>> = {
  squeeze: plain((t, attrs) => t.squeeze(...(attrs.has('dim') ? [axis(attrs)] : []))),
  unsqueeze: plain((t, attrs) => t.unsqueeze(axis(attrs))),
  flatten: plain((t, attrs) => t.flatten(attrs.number(0, 'start_dim'), attrs.number(-1, 'end_dim'))),
  unflatten: plain((t, attrs) => t.unflatten(axis(attrs), attrs.numbers([], 'sizes'))),
  movedim: plain((t, attrs) => t.movedim(attrs.numbers([], 'source'), attrs.numbers([], 'destination'))),
  swapaxes: plain((t, attrs) => t.swapaxes(attrs.number(0, 'axis0', 'dim0'), attrs.number(1, 'axis1', 'dim1'))),
  fliplr: plain(t => t.flip([1])),
  flipud: plain(t => t.flip([0])),
  roll: plain((t, attrs) => {
    const along = axes(attrs)
    const shifts = attrs.numbers([], 'shifts')
    return along ? t.roll(shifts, along) : t.roll(shifts[0])
  }),
  rot90: plain((t, attrs) => t.rot90(attrs.number(1, 'k'), both(attrs.numbers([0, 1], 'dims')))),
  narrow: plain((t, attrs) => t.narrow(axis(attrs), attrs.number(0, 'start'), attrs.number(1, 'length'))),
  select: plain((t, attrs) => t.select(axis(attrs, 0), attrs.number(0, 'index'))),
  tile: plain((t, attrs) => t.tile(attrs.numbers([], 'dims', 'reps'))),
  repeat: plain((t, attrs) => t.repeat(...attrs.numbers([], 'repeats', 'sizes', 'size'))),
  repeat_interleave: plain((t, attrs) => t.repeatInterleave(attrs.number(1, 'repeats'), axis(attrs, 0))),
  chunk: plain((t, attrs) => t.chunk(attrs.number(1, 'chunks'), axis(attrs, 0))),
  split: plain((t, attrs) => {
    const sizes = attrs.numbers([], 'split_size', 'split_sizes', 'split_size_or_sections')
    return t.split(sizes.length === 1 ? sizes[0] : sizes, axis(attrs, 0))
  }),
  tensor_split: plain((t, attrs) => {
    const where = attrs.numbers([], 'indices_or_sections', 'indices', 'sections')
    return t.tensorSplit(where.length === 1 && !Array.isArray(attrs.raw('indices')) ? where[0] : where, axis(attrs, 0))
  }),
  unbind: plain((t, attrs) => t.unbind(axis(attrs, 0))),
  stack: breadth((inputs, attrs) => stack(Object.values(inputs), axis(attrs, 0))),
  hstack: breadth(inputs => {
    const all = Object.values(inputs)
    return cat(all, all[0].ndim > 1 ? 1 : 0)
  }),
  vstack: breadth(inputs => cat(Object.values(inputs).map(t => (t.ndim === 1 ? t.unsqueeze(0) : t)))),
  meshgrid: breadth((inputs, attrs) =>
    meshgrid(Object.values(inputs), { indexing: attrs.text('ij', 'indexing') as 'ij' | 'xy' }),
  ),
  diag: plain((t, attrs) => t.diag(attrs.number(0, 'diagonal', 'offset'))),
  diagonal: plain((t, attrs) =>
    t.diagonal(attrs.number(0, 'offset', 'diagonal'), attrs.number(0, 'dim1'), attrs.number(1, 'dim2')),
  ),
  diag_embed: plain((t, attrs) =>
    t.diagEmbed(attrs.number(0, 'offset'), attrs.number(-2, 'dim1'), attrs.number(-1, 'dim2')),
  ),
  diagflat: plain((t, attrs) => t.diagflat(attrs.number(0, 'offset'))),
  trace: plain(t => t.trace()),
  pad: plain((t, attrs) => {
    const mode = modes[attrs.text('constant', 'mode') as keyof typeof modes]
    if (!mode) throw new Error(`there is no mode of padding '${attrs.text('', 'mode')}'`)
    return t.padWith(widths(t, attrs), mode, attrs.number(0, 'value'))
  }),
  unfold: plain((t, attrs) => {
    if (attrs.has('size')) return t.unfold(axis(attrs, 0), attrs.number(1, 'size'), attrs.number(1, 'step'))
    const { kernel, stride, padding, dilation } = windowOf(attrs)
    return unfold(t, both(kernel), { stride: both(stride), padding: both(padding), dilation: both(dilation) })
  }),
  fold: plain((t, attrs) => {
    const { kernel, stride, padding, dilation } = windowOf(attrs)
    const size = both(attrs.numbers([], 'output_size', 'size'))
    return fold(t, size, both(kernel), { stride: both(stride), padding: both(padding), dilation: both(dilation) })
  }),
  vander: plain((t, attrs) => t.vander(attrs.number(t.size, 'N'), { increasing: attrs.flag('increasing') })),

  take: breadth((inputs, attrs) => x(inputs).take(indexOf(inputs, attrs))),
  take_along_dim: breadth((inputs, attrs) => x(inputs).takeAlongDim(indexOf(inputs, attrs), axis(attrs))),
  index_add: breadth((inputs, attrs) => x(inputs).indexAdd(axis(attrs, 0), indexOf(inputs, attrs), source(inputs))),
  index_copy: breadth((inputs, attrs) => x(inputs).indexCopy(axis(attrs, 0), indexOf(inputs, attrs), source(inputs))),
  index_fill: breadth((inputs, attrs) =>
    x(inputs).indexFill(axis(attrs, 0), indexOf(inputs, attrs), attrs.number(0, 'value')),
  ),
  scatter: breadth((inputs, attrs) => x(inputs).scatter(axis(attrs, 0), indexOf(inputs, attrs), source(inputs))),
  scatter_reduce: breadth((inputs, attrs) =>
    x(inputs).scatterReduce(
      axis(attrs, 0),
      indexOf(inputs, attrs),
      source(inputs),
      attrs.text('sum', 'reduce') as 'sum',
      {
        includeSelf: attrs.flagOr(true, 'include_self'),
      },
    ),
  ),
  masked_scatter: breadth(inputs => x(inputs).maskedScatter(mask(inputs), source(inputs))),
  one_hot: breadth((inputs, attrs, given) =>
    x(inputs).oneHot(attrs.number(given.outputs?.[0]?.shape.at(-1) ?? 1, 'num_classes')),
  ),
}
