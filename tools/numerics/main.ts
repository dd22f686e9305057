// docs/numerics.md: the largest error of each transcendental op on each backend, over a dense sweep of f32.
//   node tools/numerics/main.ts [op]     with an op: prints its lines and writes nothing
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type DeviceName, setDefaultDevice, tensor } from '../../packages/tensor/src/index.ts'
import { ensureWebGPU } from '../webgpu.ts'
import { type Row, rows } from './rows.ts'
import { sweep, ulps } from './ulp.ts'

const points = 2 ** 18
const devices: readonly DeviceName[] = ['reference', 'wasm', 'webgpu']

interface Worst {
  readonly error: number
  /** where it is */
  readonly at: readonly number[]
}

function operandsOf(row: Row): Float32Array[] {
  if (row.ranges.length === 1) return [sweep(...row.ranges[0], points, row.near)]
  // pairs: the second runs through its own sweep by a step that meets every combination of octaves
  const [a, b] = row.ranges.map(range => sweep(...range, points))
  const second = Float32Array.from(a, (_, i) => b[(i * 40503) % b.length])
  return [a, second]
}

/** GPUs may take subnormal numbers for 0 and give 0 for them, in the midst of a function too: there only numbers well above them count. */
const isNormal = (x: number): boolean => Math.abs(x) >= 2 ** -100

async function worstOf(row: Row, operands: readonly Float32Array[], device: DeviceName): Promise<Worst> {
  const [x, y] = operands.map(values => tensor(values))
  const found = await row.run(x, y).data()
  let worst: Worst = { error: 0, at: [] }
  for (let i = 0; i < found.length; i++) {
    const exact = row.exact(operands[0][i], operands[1]?.[i])
    if (device === 'webgpu' && !(isNormal(exact) && operands.every(o => isNormal(o[i])))) continue
    const error = ulps(Number(found[i]), exact, row.scale)
    if (error > worst.error) worst = { error, at: operands.map(o => o[i]) }
  }
  return worst
}

const short = (x: number): string => (x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5) ? String(Number(x.toPrecision(4))) : x.toExponential(1)) // biome-ignore format: one choice
const cell = ({ error, at }: Worst): string =>
  error === 0 ? '0' : `${error < 100 ? error.toFixed(2) : short(error)} at ${at.map(short).join(', ')}`

const only = process.argv[2]
const adapter = await ensureWebGPU()
const table: string[] = []
for (const row of rows.filter(r => !only || r.op === only)) {
  const operands = operandsOf(row)
  const cells: string[] = []
  for (const device of devices) {
    await setDefaultDevice(device)
    cells.push(cell(await worstOf(row, operands, device)))
  }
  const ranges = row.ranges.map(([a, b]) => `[${short(a)}, ${short(b)}]`).join(' x ')
  table.push(`| \`${row.op}\`${row.scale ? ' *' : ''} | ${ranges} | ${cells.join(' | ')} |`)
  console.log(table.at(-1))
}

if (!only)
  writeFileSync(
    fileURLToPath(new URL('../../docs/numerics.md', import.meta.url)),
    `# Numerics

The largest error of each transcendental op in f32, in units in the last place (ULP), and where it is. Half a unit is what rounding alone costs. Each range is
swept over ${points} numbers, as many in each octave, and without gaps around zeros and joints; the yardstick is double precision
([tools/numerics](../tools/numerics/functions.ts)). \`pnpm docs:numerics\` measures again and writes this page.

WebGPU was ${adapter}. GPUs may take subnormal numbers for 0 and give 0 for them, so there only operands and results above 2^-100 count; drivers also decide
about the rounding of quotients and square roots ([WGSL allows](https://www.w3.org/TR/WGSL/#floating-point-accuracy) 2.5 ULP for a quotient). The functions
themselves are computed by the same expansions as on the CPU. On \`wasm\` subnormal numbers count like all others.

| op | range | reference | wasm | webgpu |
| --- | --- | --- | --- | --- |
${table.join('\n')}

* The value passes through 0 between two numbers of f32, or is the difference of larger ones: where it is below 1, errors are in units of 1 (2^-23).

- \`sigmoid\` below -88.7 is 0: its exponential overflows, as in PyTorch. The value is below 3e-39.
- \`gelu\` is x/2 (1 + erf(x / sqrt 2)) as in PyTorch, so its tail keeps an absolute accuracy only; it is 0 below -5.9.
- \`erfc\` and \`ndtr\` come to 4.4 where their exponent is near 1: its own rounding is one unit, two exponentials and two products make the others.
- \`lgamma\` and \`digamma\` below 0 go by reflection: where the value is small, it is the difference of terms of some 7 and 3, whose roundings are the error.
`,
  )
process.exit(0)
