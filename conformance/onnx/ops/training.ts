// The steps of optimizers as ops (domain ai.onnx.preview.training): any number of parameters, each with its gradient and state.
import type { Tensor } from '@cairn/tensor'
import { type Call, type Op, range } from '../call.ts'

/** Inputs after rate and count come in groups: parameters, gradients, states; results the same without the gradients. */
async function forEach(
  call: Call,
  parts: number,
  step: (rate: Tensor, count: number, x: Tensor, g: Tensor, states: readonly Tensor[]) => readonly Tensor[],
): Promise<Tensor[]> {
  const many = (call.inputs.length - 2) / parts
  const count = await call.number(1)
  const results = range(many).map(i => {
    const [x, g, ...states] = range(parts).map(part => call.input(2 + part * many + i))
    return step(call.x, count, x, g, states)
  })
  return range(parts - 1).flatMap(part => results.map(r => r[part]))
}

const adagrad: Op = call => {
  const [decay, epsilon, norm] = [call.float('decay_factor', 0), call.float('epsilon', 1e-6), call.float('norm_coefficient', 0)] // biome-ignore format: a list
  return forEach(call, 3, (rate, count, x, g, [h]) => {
    const gradient = x.mul(norm).add(g)
    const squares = h.add(gradient.mul(gradient))
    const step = gradient.mul(rate.div(1 + count * decay)).div(squares.sqrt().add(epsilon)) // biome-ignore format: one formula
    return [x.sub(step), squares]
  })
}

const adam: Op = call => {
  const [alpha, beta, epsilon] = [call.float('alpha', 0.9), call.float('beta', 0.999), call.float('epsilon', 1e-6)]
  const [norm, after] = [call.float('norm_coefficient', 0), call.float('norm_coefficient_post', 0)]
  return forEach(call, 4, (rate, count, x, g, [v, h]) => {
    const gradient = x.mul(norm).add(g)
    const mean = v.mul(alpha).add(gradient.mul(1 - alpha))
    const squares = h.mul(beta).add(gradient.mul(gradient).mul(1 - beta))
    const own = count > 0 ? rate.mul(Math.sqrt(1 - beta ** count) / (1 - alpha ** count)) : rate
    const next = x.sub(own.mul(mean).div(squares.sqrt().add(epsilon)))
    return [next.mul(1 - after), mean, squares]
  })
}

const momentum: Op = call => {
  const [alpha, beta, norm] = [call.float('alpha', 0), call.float('beta', 0), call.float('norm_coefficient', 0)]
  const nesterov = call.text('mode', 'standard') === 'nesterov'
  return forEach(call, 3, (rate, count, x, g, [v]) => {
    const gradient = x.mul(norm).add(g)
    const speed = v.mul(alpha).add(gradient.mul(count > 0 ? beta : 1))
    return [x.sub(rate.mul(nesterov ? gradient.add(speed.mul(alpha)) : speed)), speed]
  })
}

export const training: Readonly<Record<string, Op>> = { Adagrad: adagrad, Adam: adam, Momentum: momentum }
