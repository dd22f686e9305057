// Holds training programs to the same programs on another path: with nothing remembered, on another device, jitted.

import { type DeviceName, setDefaultDevice } from '@cairn/tensor'
import { draw, testSeed } from '../../../tensor/src/testing/random.ts'
import { rememberAll, rememberNothing } from '../../../tensor/src/testing/remembering.ts'
import { randomTraining, smaller, type TrainingProgram, textOf } from './training-programs.ts'
import { type Log, runTraining } from './training-run.ts'

export interface Path {
  readonly device: DeviceName
  readonly remembers: boolean
  readonly jitted: boolean
}

async function logOf(program: TrainingProgram, { device, remembers, jitted }: Path): Promise<Log> {
  await setDefaultDevice(device)
  if (remembers) rememberAll()
  else rememberNothing()
  try {
    return await runTraining(program, jitted)
  } finally {
    rememberAll()
  }
}

/** Errors name what they are about, and a pass names itself. */
const kindOf = (text: string): string => text.split(':')[0]

/** The first difference; null where there is none. */
function difference(a: Log, b: Log, tolerance: number): string | null {
  for (const [i, entry] of a.entries())
    for (const name of new Set([...Object.keys(entry), ...Object.keys(b[i])])) {
      const [x, y] = [entry[name], b[i][name]]
      if (typeof x === 'string' && typeof y === 'string' && kindOf(x) === kindOf(y)) continue
      if (typeof x !== 'object' || typeof y !== 'object' || x.length !== y.length)
        return `step ${i}, ${name}: ${x} and ${y}`
      const scale = Math.max(1, ...y.filter(Number.isFinite).map(Math.abs))
      for (const [at, v] of x.entries())
        if (!Object.is(v, y[at]) && v !== y[at] && !(Math.abs(v - y[at]) <= tolerance * scale))
          return `step ${i}, ${name}, element ${at}: ${v} and ${y[at]}`
    }
  return null
}

async function differs(program: TrainingProgram, one: Path, other: Path, tolerance: number): Promise<string | null> {
  return difference(await logOf(program, one), await logOf(program, other), tolerance)
}

export interface Comparison {
  readonly count: number
  readonly steps: number
  /** of the largest number of a tensor; 0: to the last bit */
  readonly tolerance: number
  /** how many smaller programs are tried when one differs; default 400 */
  readonly patience?: number
}

/** @throws with a program that differs, as small as it could be made */
export async function compareTraining(
  label: string,
  { count, steps, tolerance, patience = 400 }: Comparison,
  one: Path,
  other: Path,
): Promise<void> {
  const options = { jit: one.jitted || other.jitted, steady: tolerance > 0 }
  for (let i = 0; i < count; i++) {
    let program = randomTraining(draw(`${label} ${i}`), steps, options)
    let found = await differs(program, one, other, tolerance)
    for (let tries = 0, made = found !== null; made && tries < patience; ) {
      made = false
      for (const next of smaller(program)) {
        if (tries++ > patience) break
        const still = await differs(next, one, other, tolerance)
        if (!still) continue
        program = next
        found = still
        made = true
        break
      }
    }
    if (found)
      throw new Error(`program '${label} ${i}' (CAIRN_TEST_SEED ${testSeed}) differs: ${found}\n${textOf(program)}`)
  }
}
