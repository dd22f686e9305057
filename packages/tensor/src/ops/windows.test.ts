// Windows as views, and their derivative, which sums a diagonal of windows instead of writing to one place twice.

import { expect, test } from 'vitest'
import { arange, grad, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'

checkOp('overlapping windows', x => x.windows(1, 3), {
  shapes: [
    [2, 7, 2],
    [2, 3, 1],
  ],
  webgpu: 'all',
})
checkOp('windows with steps and gaps', x => x.windows(0, 3, 2, 2), { shapes: [[9, 2], [5], [6]], webgpu: 'all' })
checkOp('windows of windows', x => x.windows(0, 2, 1, 2).windows(1, 3, 2), { shapes: [[5, 7]], webgpu: 'all' })
checkOp('windows side by side', x => x.windows(-1, 2, 2), { shapes: [[2, 7], [4]] })
checkOp('windows apart', x => x.windows(0, 2, 3), { shapes: [[9], [2, 2]] })
checkOp('windows of one', x => x.windows(0, 1, 2), { shapes: [[5], [4, 2]] })
checkOp('unfold', x => x.unfold(0, 4, 3), { shapes: [[10], [4, 2]] })
checkOp('windows of nothing', x => x.windows(1, 2), { shapes: [[0, 3]] })

onEachDevice('a window reads every step-th element from each start', async () => {
  expect(await arange(7).windows(0, 3, 2).toArray()).toEqual([
    [0, 1, 2],
    [2, 3, 4],
    [4, 5, 6],
  ])
})

onEachDevice('the gradient counts the windows that hold an element', async () => {
  const x = tensor([0, 0, 0, 0, 0, 0], { requiresGrad: true })
  const [g] = grad(x.windows(0, 3).sum(), [x])
  expect(await g.toArray()).toEqual([1, 2, 3, 3, 2, 1])
})

test('a window larger than its axis is refused by name', () => {
  expect(() => arange(4).windows(0, 3, 1, 2)).toThrow('windows: a window of 5 does not fit axis 0 (size 4)')
})
