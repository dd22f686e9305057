// How long the embedded store takes to be back after its process was killed: a child process writes passages with vectors and is
// killed with SIGKILL behind its last acknowledged write, another opens the file and answers a question by words and one by a vector.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measurement } from '../bench.ts'

/** What the child that recovers says, in milliseconds since it had loaded the code. */
export interface Recovery {
  open: number
  words: number
  vectors: number
  /** Of the processor in all this, which other programs blur less. */
  processor: number
}

const child = fileURLToPath(new URL('./recovery-child.ts', import.meta.url))

/** Runs the child; one that kills itself is as good as one that ends. */
function run(...args: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const started = spawn(process.execPath, ['--conditions=@cairn/source', child, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  started.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString()
  })
  started.on('error', reject)
  started.on('close', (code, signal) => {
    if (code === 0 || signal === 'SIGKILL') resolve(output)
    else reject(new Error(`the child ended with ${code}`))
  })
  return promise
}

/**
 * @param passages in all   @param each in a document
 * @param of `owned`: documents with principals and times, passages with places; else open to all, at all times
 */
export async function* recoveryBench(passages: number, each: number, of = ''): AsyncGenerator<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-recovery-'))
  try {
    const path = join(folder, 'store.db')
    const written = await run('write', path, String(passages), String(each), of)
    if (!written.includes(`acknowledged ${passages}`)) throw new Error('the writer died before its last write')
    const size = statSync(path).size + statSync(`${path}-wal`).size
    const title = `${passages} passages in ${passages / each} ${of ? `${of} ` : ''}documents, 384 numbers each, killed`
    yield { name: `${title}: the file and its log`, value: size / 2 ** 20, unit: 'MiB' }
    const runs: Recovery[] = []
    for (let i = 0; i < 5; i++) runs.push(JSON.parse(await run('recover', path)) as Recovery)
    const median = (of: (run: Recovery) => number): number => runs.map(of).sort((a, b) => a - b)[2]! / 1000
    yield { name: `${title}: opened`, value: median(run => run.open), unit: 's' }
    yield { name: `${title}: then the first answer by words`, value: median(run => run.words - run.open), unit: 's' }
    yield { name: `${title}: then the first by a vector`, value: median(run => run.vectors - run.words), unit: 's' }
    yield { name: `${title}: all, processor time`, value: median(run => run.processor), unit: 's' }
    yield {
      name: `${title}: all`,
      value: median(run => run.vectors),
      unit: 's',
      limit: { name: 'wanted', value: passages / 100_000 },
      target: 1,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
