// Reductions, orders along an axis, and what is normalized by sums.
import type { Tensor } from '@cairn/tensor'
import { asIndex, type Call, type Op, range, wrap } from '../call.ts'

type Reduce = (x: Tensor, axes: readonly number[], options: { keepDim: boolean }) => Tensor

const reduction =
  (f: Reduce): Op =>
  async call => {
    const given = await call.axes(1)
    const keepDim = call.flag('keepdims', true)
    const nothing = call.flag('noop_with_empty_axes')
    const x = call.x
    if (!given?.length && nothing) return x
    return f(x, given?.length ? given : range(x.ndim), { keepDim })
  }

const position = (which: 'argmax' | 'argmin'): Op => {
  return call => {
    const x = call.x
    const axis = wrap(call.int('axis', 0), x.ndim)
    const keepDim = call.flag('keepdims', true)
    const last = call.flag('select_last_index')
    const at = (last ? x.flip(axis) : x)[which](axis, { keepDim })
    return asIndex(last ? at.neg().add(x.shape[axis] - 1) : at)
  }
}

/** Before version 13 the axes from `axis` on were one. */
const alongAxis =
  (f: (x: Tensor, axis: number) => Tensor): Op =>
  call => {
    const x = call.x
    const axis = wrap(call.int('axis', call.opset >= 13 ? -1 : 1), x.ndim)
    if (call.opset >= 13) return f(x, axis)
    const rows = x.shape.slice(0, axis).reduce((a, b) => a * b, 1)
    return f(x.reshape([rows, x.size / rows]), 1).reshape(x.shape)
  }

function hardmax(x: Tensor, axis: number): Tensor {
  const first = x.argmax(axis, { keepDim: true })
  return x.zerosLike().scatter(axis, first, 1)
}

async function cumulative(call: Call): Promise<Tensor> {
  const axis = wrap(await call.number(1), call.x.ndim)
  const [exclusive, reverse] = [call.flag('exclusive'), call.flag('reverse')]
  const x = reverse ? call.x.flip(axis) : call.x
  const own = x.cumsum(axis)
  const sums = exclusive ? own.sub(x) : own
  return reverse ? sums.flip(axis) : sums
}

async function largest(call: Call): Promise<Tensor[]> {
  const x = call.x
  const count = call.inputs[1] ? await call.number(1) : call.int('k', 1)
  const axis = wrap(call.int('axis', -1), x.ndim)
  const descending = call.flag('largest', true)
  call.ignore('sorted') // sorted is one of the orders that "unsorted" allows
  const [values, indices] = x.sort(axis, { descending })
  return [values.narrow(axis, 0, count), asIndex(indices.narrow(axis, 0, count))]
}

const square = (x: Tensor): Tensor => x.mul(x)

export const reduce: Readonly<Record<string, Op>> = {
  ReduceL1: reduction((x, axes, o) => x.abs().sum(axes, o)),
  ReduceL2: reduction((x, axes, o) => square(x).sum(axes, o).sqrt()),
  ReduceLogSum: reduction((x, axes, o) => x.sum(axes, o).log()),
  ReduceLogSumExp: reduction((x, axes, o) => x.logsumexp(axes, o)),
  ReduceMax: reduction((x, axes, o) => x.max(axes, o).to(x.dtype)),
  ReduceMean: reduction((x, axes, o) => x.mean(axes, o)),
  ReduceMin: reduction((x, axes, o) => x.min(axes, o).to(x.dtype)),
  ReduceProd: reduction((x, axes, o) => x.prod(axes, o).to(x.dtype)),
  ReduceSum: reduction((x, axes, o) => x.sum(axes, o).to(x.dtype)),
  ReduceSumSquare: reduction((x, axes, o) => square(x).sum(axes, o).to(x.dtype)),
  ArgMax: position('argmax'),
  ArgMin: position('argmin'),
  CumSum: cumulative,
  TopK: largest,
  Hardmax: alongAxis(hardmax),
  Softmax: alongAxis((x, axis) => x.softmax(axis)),
  LogSoftmax: alongAxis((x, axis) => x.logSoftmax(axis)),
}
