// Layer normalisation with weight and bias: one kernel, and how it compares with one written by hand.

import { layerNorm } from '@cairn/nn'
import type { BenchOptions, Measurement } from '../bench.ts'
import { layerNormModule } from '../limits/layer-norm.ts'
import { columns, rowBench, rows, wave } from '../rows.ts'

export const description = 'layer norm [4096, 768] against a kernel written by hand and against a copy'

export const run = (options: BenchOptions): AsyncIterable<Measurement> =>
  rowBench(
    {
      name: 'layer norm',
      inputs: [wave(rows * columns), wave(columns), wave(columns)],
      apply: (x, weight, bias) => layerNorm(x!, 1, { weight, bias }),
      print: memory => layerNormModule(memory),
    },
    options,
  )
