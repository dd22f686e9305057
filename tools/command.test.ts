import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { command } from './command.ts'

const text = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('what to type stands as the README has it', () => {
  expect(text('README.md')).toContain(command('generate', '--prompt', 'Call me'))
  expect(text('README.md')).toContain(command('quickstart'))
  expect(command('quickstart', '--out', '/tmp/a b', '--steps', '40')).toBe(
    'npx -y pnpm@12 quickstart --out "/tmp/a b" --steps 40',
  )
})

test('examples name no pnpm that nobody has installed', () => {
  const files = readdirSync(new URL('../examples', import.meta.url), { recursive: true, encoding: 'utf8' })
  const sources = files.filter(path => /\.(ts|html|js)$/.test(path) && !/(^|[\\/])(node_modules|out)[\\/]/.test(path))
  expect(sources.length).toBeGreaterThan(10)
  const bare = sources.filter(path => /\bpnpm (?!exec|add)[a-z]/.test(text(`examples/${path}`)))
  expect(bare).toEqual([])
})
