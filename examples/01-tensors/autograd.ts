// A gradient by hand, by finite differences, and by backward().
import { tensor } from '@cairn/tensor'
import { main, options, startDevice } from '../lib/run.ts'

await main(async () => {
  await startDevice(options({}).device)

  // y = sum(tanh(w x)) for a small w and x. A tensor only describes its computation; reading it runs it.
  const x = tensor([0.5, -1, 2])
  const w = tensor(
    [
      [0.1, 0.2, 0.3],
      [-0.4, 0.5, 0.6],
    ],
    { requiresGrad: true },
  )
  const f = (weights: typeof w) => weights.matmul(x).tanh().sum()

  const y = f(w)
  y.backward()
  console.log('y           ', await y.item())
  console.log('by backward ', await w.grad!.toArray())

  // By hand: dy/dw[i][j] = (1 - tanh(w x)[i]^2) * x[j].
  const h = w.matmul(x).tanh()
  const byHand = h.mul(h).neg().add(1).unsqueeze(1).mul(x)
  console.log('by hand     ', await byHand.toArray())

  // By finite differences: move one weight a little and look.
  const step = 1e-2
  const nudge = tensor([
    [step, 0, 0],
    [0, 0, 0],
  ])
  const slope = (await f(w.add(nudge)).item()) - (await f(w.sub(nudge)).item())
  console.log('by nudging the first weight', slope / (2 * step))

  // One step downhill, on the device: the weights' storage gets a new version.
  w.assign(w.sub(w.grad!.mul(0.1)))
  console.log('y after a step', await f(w).item())
})
