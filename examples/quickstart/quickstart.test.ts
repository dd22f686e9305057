// The commands that a newcomer types first, as processes of their own, on a model small enough for a test.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const steps = 40
const small = [
  '--device',
  'wasm',
  '--vocab',
  '300',
  '--layers',
  '1',
  '--width',
  '32',
  '--context',
  '16',
  '--batch',
  '4',
]
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-quickstart-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs a script of this folder; `watch` sees its output grow. */
function script(
  name: string,
  args: readonly string[],
  watch: (output: string, child: ChildProcess) => void = () => {},
): Promise<{ code: number | null; output: string; errors: string }> {
  const path = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@cairn/source', path, ...args], { stdio: 'pipe' })
  let [output, errors] = ['', '']
  child.stdout.on('data', data => {
    output += data
    watch(output, child)
  })
  child.stderr.on('data', data => {
    errors += data
  })
  return new Promise(resolve => child.on('close', code => resolve({ code, output, errors })))
}
const train = (out: string, args: readonly string[], watch?: Parameters<typeof script>[2]) =>
  script('train', [...small, '--steps', String(steps), '--out', join(folder, out), ...args], watch)
const losses = (out: string) => JSON.parse(readFileSync(join(folder, out, 'loss.json'), 'utf8'))

test('trains, saves and writes; then writes again from what it saved', { timeout: 120_000 }, async () => {
  const { code, output, errors } = await train('whole', [])
  expect(errors).toBe('')
  expect(code).toBe(0)
  expect(readdirSync(join(folder, 'whole')).sort()).toEqual([
    'config.json',
    'loss.json',
    'loss.svg',
    'model.safetensors',
    'tokenizer.json',
  ])
  expect(output).toContain('loss on held-out text')
  expect(output).toContain('Call me')
  // What it tells to type is what the README tells, and finds this model.
  expect(output).toContain(`npx -y pnpm@12 generate --prompt "The whale" --model ${join(folder, 'whole')}\n`)
  const { train: curve } = losses('whole')
  expect(curve.length).toBe(steps)
  expect(curve.at(-1)).toBeLessThan(curve[0])

  const write = (...args: string[]) =>
    script('generate', ['--device', 'wasm', '--model', join(folder, 'whole'), '--tokens', '20', ...args])
  const [once, again, other] = [
    await write('--seed', '1', '--prompt', 'The whale'),
    await write('--seed', '1', '--prompt', 'The whale'),
    await write('--seed', '2', '--prompt', 'The whale'),
  ]
  expect(once.code).toBe(0)
  expect(once.output).toContain('The whale')
  expect(again.output).toBe(once.output)
  expect(other.output).not.toBe(once.output)
})

test('Ctrl-C saves a checkpoint, from which --resume goes on to the same losses', { timeout: 120_000 }, async () => {
  let sent = false
  const stopped = await train('stopped', [], (output, child) => {
    if (sent || !output.includes('step 10/')) return
    sent = true
    child.kill('SIGINT')
  })
  expect(stopped.errors).toBe('')
  expect(stopped.code).toBe(0)
  expect(stopped.output).toContain(
    `npx -y pnpm@12 quickstart --resume ${small.join(' ')} --steps ${steps} --out ${join(folder, 'stopped')}\n`,
  )
  const first = losses('stopped').train.length
  expect(first).toBeGreaterThanOrEqual(10)
  expect(first).toBeLessThan(steps)

  const resumed = await train('stopped', ['--resume'])
  expect(resumed.errors).toBe('')
  expect(resumed.output).toContain(`resumed at step ${first}`)
  expect(existsSync(join(folder, 'stopped', 'checkpoint.safetensors'))).toBe(false)
  if (!existsSync(join(folder, 'whole', 'loss.json'))) await train('whole', [])
  expect(losses('stopped')).toEqual(losses('whole'))
})

test('mistakes are one line', { timeout: 60_000 }, async () => {
  const line = async (name: string, args: readonly string[]) => {
    const { code, errors } = await script(name, args)
    expect(code).toBe(1)
    return errors
  }
  expect(await line('generate', ['--model', join(folder, 'none')])).toMatch(
    /^There is no model in .*: npx -y pnpm@12 quickstart --out .*none\n$/,
  )
  expect(await line('train', ['--device', 'abacus'])).toBe('--device abacus: must be wasm, webgpu or auto\n')
  expect(await line('train', ['--steps', 'many'])).toBe('--steps many: must be a number\n')
  expect(await line('train', [...small, '--out', join(folder, 'none'), '--resume'])).toMatch(/^There is no checkpoint/)
})
