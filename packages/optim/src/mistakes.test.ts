// What users of torch.optim write first: each is an error that names the optimizer, the values and the remedy.

import { CairnError, ones, setDefaultDevice, tensor } from '@cairn/tensor'
import { expect, test } from 'vitest'
import * as optim from './index.ts'

// as JavaScript: what the types refuse is tried, too
type Untyped = new (...args: unknown[]) => { loadStateDict(state: unknown): void }
const u = optim as unknown as Record<string, Untyped>
await setDefaultDevice('reference')
const p = () => tensor([1, 2], { requiresGrad: true })

const mistakes: [string, () => unknown, RegExp][] = [
  [
    'a module',
    () => new u.AdamW({ parameters: () => [p()] }),
    /^AdamW: takes a list of parameters, such as model\.parameters\(\)/,
  ],
  ['a group without parameters', () => new u.SGD([{ lr: 0.1 }], { lr: 1 }), /^SGD: takes a list of parameters/],
  ['no learning rate', () => new u.SGD([p()]), /^SGD: needs a learning rate, such as \{ lr: 0\.01 \}$/],
  ['no parameters', () => new optim.SGD([], { lr: 1 }), /^SGD: needs at least one parameter$/],
  [
    'a parameter twice',
    () => {
      const w = p()
      return new optim.SGD([w, w], { lr: 1 })
    },
    /^SGD: a parameter is given twice$/,
  ],
  ['a computed tensor', () => new optim.SGD([ones([2]).mul(2)], { lr: 1 }), /^SGD: optimizes leaves/],
  [
    'no rate',
    () => new optim.AdamW([p()], { lr: Number.NaN }),
    /^AdamW: lr must be a finite number from 0 up, not NaN$/,
  ],
  [
    'a rate below 0',
    () => new optim.SGD([p()], { lr: -0.1 }),
    /^SGD: lr must be a finite number from 0 up, not -0\.1$/,
  ],
  ['a rate as text', () => new u.SGD([p()], { lr: '0.1' }), /^SGD: lr must be a finite number from 0 up, not '0\.1'$/],
  [
    'a rate of a group',
    () => new optim.SGD([{ params: [p()], lr: Number.POSITIVE_INFINITY }], { lr: 1 }),
    /^SGD: lr must be a finite number from 0 up, not Infinity$/,
  ],
  [
    'one beta',
    () => new u.Adam([p()], { betas: 0.9 }),
    /^Adam: betas must be two numbers from 0 up and below 1, not 0\.9$/,
  ],
  [
    'a beta of 1',
    () => new optim.Adam([p()], { betas: [0.9, 1] }),
    /^Adam: betas must be two numbers from 0 up and below 1, not \[0\.9, 1\]$/,
  ],
  [
    'the spelling of torch',
    () => new u.AdamW([p()], { weight_decay: 0.1 }),
    /^AdamW: there is no option 'weight_decay'; names are written like weightDecay$/,
  ],
  [
    'decay below 0',
    () => new optim.AdamW([p()], { weightDecay: -1 }),
    /^AdamW: weightDecay must be a finite number from 0 up, not -1$/,
  ],
  [
    'a state that is none',
    () => new u.SGD([p()], { lr: 1 }).loadStateDict({}),
    /^loadStateDict: takes what stateDict\(\) gave: \{ settings, tensors \}/,
  ],
]

for (const [name, run, message] of mistakes)
  test(name, () => {
    expect(run).toThrow(CairnError)
    expect(run).toThrow(message)
  })
