// The bench of a card without the workspace: what `bundle.ts` makes one file of. Words on the command line as for `pnpm bench gpu`; each figure is a line of JSON.

import { shareOfLimit } from '../bench.ts'
import { run } from '../benches/gpu.ts'

for await (const measurement of run({ device: 'webgpu', args: process.argv.slice(2) }))
  console.log(JSON.stringify({ ...measurement, share: shareOfLimit(measurement) }))
// Dawn keeps a process alive
process.exit(0)
