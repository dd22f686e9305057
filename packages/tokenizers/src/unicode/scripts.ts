// Scripts of Unicode (Scripts.txt), from the pinned table.
import { scriptNames as packedNames, scriptRuns } from './scripts.data.ts'

let names: string[] | undefined
let table: Uint8Array | undefined

/** Names of scripts by number, such as `Han`; the empty name stands for unassigned code points. */
export function scriptNames(): readonly string[] {
  return (names ??= packedNames.split(','))
}

/** The script number of every code point. Shared: do not write to it. */
export function scriptTable(): Uint8Array {
  if (table) return table
  const out = new Uint8Array(0x110000)
  let at = 0
  for (const run of scriptRuns.split(';')) {
    const [script, length] = run.split(',').map(n => Number.parseInt(n, 36))
    out.fill(script, at, (at += length))
  }
  return (table = out)
}
