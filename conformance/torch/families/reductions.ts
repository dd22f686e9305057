// Rows of torch's reductions, scans, sorting and statistics.
import type { Tensor } from '@cairn/tensor'
import type { Attributes, Row } from '../cases.ts'
import { axes, axis, breadth, correction, first, keepDim, plain, reduce, x } from '../rows.ts'

const all = (attrs: Attributes): boolean => !attrs.has('dim', 'axis')
/** Values and positions along an axis. */
const ranked = (f: (t: Tensor, attrs: Attributes) => readonly Tensor[]): Row =>
  breadth((inputs, attrs, given) => first([...f(x(inputs), attrs)], given.outputs?.length ?? 2))

export const reductions: Readonly<Record<string, Row>> = {
  any: reduce((t, along, options) => t.any(along, options)),
  all: reduce((t, along, options) => t.all(along, options)),
  nansum: reduce((t, along, options) => t.nansum(along, options)),
  nanmean: reduce((t, along, options) => t.nanmean(along, options)),
  count_nonzero: reduce((t, along) => t.countNonzero(along)),
  var_mean: ranked((t, attrs) => t.varMean(axes(attrs), { ...keepDim(attrs), correction: correction(attrs) })),
  std_mean: ranked((t, attrs) => t.stdMean(axes(attrs), { ...keepDim(attrs), correction: correction(attrs) })),
  aminmax: ranked((t, attrs) => t.aminmax(axes(attrs), keepDim(attrs))),
  dist: breadth((inputs, attrs) => inputs.a.dist(inputs.b, attrs.number(2, 'p'))),
  renorm: plain((t, attrs) => t.renorm(attrs.number(2, 'p'), axis(attrs), attrs.number(1, 'maxnorm'))),

  cumprod: plain((t, attrs) => t.cumprod(axis(attrs))),
  logcumsumexp: plain((t, attrs) => t.logcumsumexp(axis(attrs))),
  cummax: ranked((t, attrs) => t.cummax(axis(attrs))),
  cummin: ranked((t, attrs) => t.cummin(axis(attrs))),
  diff: plain((t, attrs) => t.diff(attrs.number(1, 'n'), axis(attrs))),

  sort: ranked((t, attrs) => t.sort(axis(attrs), { descending: attrs.flag('descending') })),
  argsort: plain((t, attrs) => t.argsort(axis(attrs), { descending: attrs.flag('descending') })),
  topk: ranked((t, attrs) => t.topk(attrs.number(1, 'k'), axis(attrs), { largest: attrs.flagOr(true, 'largest') })),
  kthvalue: ranked((t, attrs) => t.kthvalue(attrs.number(1, 'k'), axis(attrs), keepDim(attrs))),
  mode: ranked((t, attrs) => t.mode(axis(attrs), keepDim(attrs))),
  median: ranked((t, attrs) => [t.median(all(attrs) ? undefined : axis(attrs), keepDim(attrs))]),
  nanmedian: ranked((t, attrs) => [t.nanmedian(all(attrs) ? undefined : axis(attrs), keepDim(attrs))]),
  quantile: plain((t, attrs) =>
    t.quantile(attrs.raw('q') as number, all(attrs) ? undefined : axis(attrs), keepDim(attrs)),
  ),
  nanquantile: plain((t, attrs) =>
    t.nanquantile(attrs.raw('q') as number, all(attrs) ? undefined : axis(attrs), keepDim(attrs)),
  ),
  searchsorted: breadth((inputs, attrs) =>
    (inputs.sorted ?? inputs.a ?? inputs.s).searchsorted(inputs.values ?? inputs.v ?? inputs.b, {
      right: attrs.flag('right'),
    }),
  ),
  bucketize: breadth((inputs, attrs) =>
    x(inputs).bucketize(inputs.boundaries ?? inputs.b, { right: attrs.flag('right') }),
  ),
  histc: plain((t, attrs) => t.histc(attrs.number(100, 'bins'), attrs.number(0, 'min'), attrs.number(0, 'max'))),
  bincount: breadth((inputs, attrs, given) =>
    x(inputs).bincount(Math.max(attrs.number(0, 'minlength'), given.outputs?.[0]?.shape[0] ?? 0), {
      weights: inputs.w ?? inputs.weights,
    }),
  ),
  cov: plain((t, attrs) => t.cov({ correction: correction(attrs) })),
  corrcoef: plain(t => t.corrcoef()),
  trapezoid: plain((t, attrs) => t.trapezoid({ dx: attrs.number(1, 'dx'), axis: axis(attrs) })),
}
