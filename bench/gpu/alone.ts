// The bench of a card without the workspace: what `bundle.ts` makes one file of. Words on the command line as for `pnpm bench gpu`; each figure is a line of JSON,
// written when it is known, with the seconds since the start: what is there when a machine is taken away counts.

import { shareOfLimit } from '../bench.ts'
import { run } from '../benches/gpu.ts'
import { deviceOf } from './dispatches.ts'

let named = false
for await (const measurement of run({ device: 'webgpu', args: process.argv.slice(2) })) {
  if (!named) {
    const { vendor, architecture, description, device } = (await deviceOf()).adapterInfo
    console.log(JSON.stringify({ adapter: { vendor, architecture, description, device }, node: process.version }))
    named = true
  }
  const at = Math.round(performance.now() / 1000)
  console.log(JSON.stringify({ ...measurement, share: shareOfLimit(measurement), at }))
}
// Dawn keeps a process alive
process.exit(0)
