// Softmax over the last axis: one kernel, and how it compares with one written by hand.

import type { BenchOptions, Measurement } from '../bench.ts'
import { softmaxModule } from '../limits/softmax.ts'
import { columns, rowBench, rows, wave } from '../rows.ts'

export const description = 'softmax [4096, 768] against a kernel written by hand and against a copy'

export const run = (options: BenchOptions): AsyncIterable<Measurement> =>
  rowBench(
    {
      name: 'softmax',
      inputs: [wave(rows * columns)],
      apply: x => x!.softmax(-1),
      print: memory => softmaxModule(memory),
    },
    options,
  )
