// Products, normalizations and losses.
import { einsum, type Tensor } from '@cairn/tensor'
import { det } from '@cairn/tensor/linalg'
import { type Call, type Op, range, wrap } from '../call.ts'

function gemm(call: Call): Tensor {
  const a = call.flag('transA') ? call.x.transpose(0, 1) : call.x
  const b = call.flag('transB') ? call.input(1).transpose(0, 1) : call.input(1)
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)]
  const product = a.matmul(b).mul(alpha)
  const c = call.inputs[2]
  return c ? product.add(c.mul(beta)) : product
}

/** Per channel: axis 1. */
const channels = (t: Tensor, rank: number): Tensor => t.reshape([t.size, ...range(rank - 2).map(() => 1)])

function batchNormalization(call: Call): Tensor[] {
  const x = call.x
  const [scale, bias, mean, variance] = range(4, 1).map(i => call.input(i))
  const epsilon = call.float('epsilon', 1e-5)
  const momentum = call.float('momentum', 0.9)
  const training = call.flag('training_mode')
  const axes = range(x.ndim).filter(d => d !== 1)
  const [m, v] = training ? [x.mean(axes), x.variance(axes, { correction: 0 })] : [mean, variance]
  const of = (t: Tensor): Tensor => channels(t, x.ndim)
  const y = x.sub(of(m)).mul(of(scale.div(v.add(epsilon).sqrt()))).add(of(bias)) // biome-ignore format: one formula
  const moved = (before: Tensor, now: Tensor): Tensor => before.mul(momentum).add(now.mul(1 - momentum))
  return training ? [y, moved(mean, m), moved(variance, v)] : [y]
}

/** Mean 0 and variance 1 over axes; also what it took. */
function standardized(x: Tensor, axes: readonly number[], epsilon: number) {
  const mean = x.mean(axes, { keepDim: true })
  const inverse = x.variance(axes, { keepDim: true, correction: 0 }).add(epsilon).sqrt().reciprocal()
  return { y: x.sub(mean).mul(inverse), mean, inverse }
}

function instanceNormalization(call: Call): Tensor {
  const x = call.x
  const { y } = standardized(x, range(x.ndim - 2, 2), call.float('epsilon', 1e-5))
  return y.mul(channels(call.input(1), x.ndim)).add(channels(call.input(2), x.ndim))
}

function layerNormalization(call: Call): Tensor[] {
  const x = call.x
  const axis = wrap(call.int('axis', -1), x.ndim)
  call.ignore('stash_type')
  const { y, mean, inverse } = standardized(x, range(x.ndim - axis, axis), call.float('epsilon', 1e-5))
  const scaled = y.mul(call.input(1))
  return [call.inputs[2] ? scaled.add(call.inputs[2]) : scaled, mean, inverse]
}

function localResponse(call: Call): Tensor {
  const x = call.x
  const size = call.int('size', 1)
  const [alpha, beta, bias] = [call.float('alpha', 1e-4), call.float('beta', 0.75), call.float('bias', 1)]
  const before = Math.floor((size - 1) / 2)
  const padded = x
    .mul(x)
    .pad(x.shape.map((_, d) => (d === 1 ? ([before, size - 1 - before] as const) : ([0, 0] as const))))
  const sums = padded.windows(1, size).sum(-1)
  return x.div(sums.mul(alpha / size).add(bias).pow(beta)) // biome-ignore format: one formula
}

function meanVariance(call: Call): Tensor {
  const x = call.x
  const axes = call.ints('axes') ?? [0, 2, 3]
  const centred = x.sub(x.mean(axes, { keepDim: true }))
  const deviation = centred.mul(centred).mean(axes, { keepDim: true }).sqrt()
  return centred.div(deviation.add(1e-9))
}

/** log probabilities [N, C, ...], classes [N, ...] */
function negativeLogLikelihood(call: Call, logs: Tensor): Tensor {
  const target = call.input(1).to('i32')
  const weight = call.inputs[2]
  const ignored = call.has('ignore_index') ? call.int('ignore_index', 0) : null
  const reduction = call.text('reduction', 'mean')
  const counts = ignored === null ? target.eq(target) : target.ne(ignored)
  const safe = target.where(counts, 0)
  const picked = logs.gather(1, safe.unsqueeze(1)).squeeze(1).neg()
  const share = (weight ? weight.indexSelect(0, safe) : picked.onesLike()).mul(counts.to(logs.dtype))
  const losses = picked.mul(share)
  if (reduction === 'none') return losses
  return reduction === 'sum' ? losses.sum() : losses.sum().div(share.sum())
}

function softmaxCrossEntropy(call: Call): Tensor[] {
  const logs = call.x.logSoftmax(1)
  return [negativeLogLikelihood(call, logs), logs]
}

export const layers: Readonly<Record<string, Op>> = {
  MatMul: call => call.x.matmul(call.input(1)),
  Gemm: gemm,
  Det: call => det(call.x),
  Einsum: call => einsum(call.text('equation', ''), ...call.all()),
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
  NegativeLogLikelihoodLoss: call => negativeLogLikelihood(call, call.x),
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
}
