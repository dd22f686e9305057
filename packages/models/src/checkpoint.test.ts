// A GPT-2 that keeps only what goes into its blocks against one that keeps everything.

import { crossEntropy } from '@cairn/nn'
import { manualSeed, readAll, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { GPT2 } from './index.ts'

onEachDevice(
  'gradients of a GPT-2 are those without checkpoints, dropout included: bit for bit, but for how a compiler groups sums',
  async device => {
    const gradients = async (checkpoint: boolean) => {
      manualSeed(5)
      const model = new GPT2({ vocabSize: 19, contextLength: 40, layers: 2, heads: 2, width: 16, dropout: 0.2 })
      const ids = tensor(
        Int32Array.from({ length: 80 }, (_, i) => (i * 7) % 19),
        [2, 40],
      )
      const loss = crossEntropy(model.forward(ids, { checkpoint }), ids)
      loss.backward()
      return readAll([loss, ...[...model.parameters()].map(p => p.grad!)])
    }
    const plain = await gradients(false)
    const saved = await gradients(true)
    for (const [i, values] of saved.entries()) {
      if (device === 'reference') expect(values).toEqual(plain[i])
      const wanted = plain[i] as Float32Array
      const most = wanted.reduce((m, x) => Math.max(m, Math.abs(x)), 0)
      expect((values as Float32Array).every((x, j) => Math.abs(x - wanted[j]) <= 2e-6 * most)).toBe(true)
    }
  },
  { on: ['reference', 'wasm'] },
)
