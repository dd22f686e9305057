// The checker against small workspaces that break one rule each: a check that never complains would check nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkImports } from './check-imports.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cairn-imports-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A workspace of one package with one source file. */
function breaches(name: string, source: string, manifest: object = {}, path = 'src/index.ts'): string[] {
  const file = join(root, 'packages', name, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, source)
  writeFileSync(join(root, 'packages', name, 'package.json'), JSON.stringify({ name: `@cairn/${name}`, ...manifest }))
  return checkImports(root)
}

const tensorPeer = { peerDependencies: { '@cairn/tensor': 'workspace:^' } }

test.each([
  ['a declared import', 'nn', `import { x } from '@cairn/tensor'`, tensorPeer],
  ['an import of Node when asked for', 'tensor', `export const read = () => import('node:fs')`, {}],
  ['Node behind #platform', 'wasm', `import 'node:fs'`, { imports: { '#p': { default: './src/index.ts' } } }],
  ['anything in a test', 'wasm', `import 'node:fs'`, {}, 'src/a.test.ts'],
  ['anything in what tests share', 'wasm', `import 'node:fs'`, {}, 'src/testing/a.ts'],
])('allows %s', (_, name, source, manifest, path?: string) => {
  expect(breaches(name, source, manifest, path)).toEqual([])
})

test.each([
  ['a wrong direction', 'tensor', `import { x } from '@cairn/nn'`, {}, 'tensor may not import nn'],
  ['a type in a wrong direction', 'wasm', `import type { x } from '@cairn/nn'`, {}, 'wasm may not import nn'],
  ['a re-export in a wrong direction', 'tokenizers', `export * from '@cairn/nn'`, {}, 'tokenizers may not import nn'],
  ['a dynamic import in a wrong direction', 'wasm', `void import('@cairn/nn')`, {}, 'wasm may not import nn'],
  ['an import() type', 'wasm', `export type T = import('@cairn/nn').T`, {}, 'wasm may not import nn'],
  ['an undeclared import', 'nn', `import '@cairn/tensor'`, {}, `'@cairn/tensor' is not declared`],
  ['a foreign import', 'tensor', `import 'left-pad'`, {}, `'left-pad' is not declared`],
  ['a static import of Node', 'tensor', `import { x } from 'node:fs'`, {}, 'must be imported dynamically'],
  ['a path out of the package', 'nn', `import '../../tensor/src/index.ts'`, {}, `leaves the package's src`],
  ['a missing .ts', 'nn', `import './linear'`, {}, 'must end in .ts'],
  ['a use of what tests share', 'nn', `import './testing/a.ts'`, {}, 'is for tests'],
  ['a core dependency', 'nn', '', { dependencies: { 'left-pad': '1' } }, 'core package cannot depend on left-pad'],
  [
    'a peer as a dependency',
    'nn',
    '',
    { dependencies: { '@cairn/tensor': 'workspace:^' } },
    'belongs in peerDependencies',
  ],
  [
    'a dependency upwards',
    'tensor',
    '',
    { dependencies: { '@cairn/nn': 'workspace:^' } },
    'tensor may not depend on nn',
  ],
  ['a package without a row', 'stray', '', {}, 'no row'],
])('refuses %s', (_, name, source, manifest, message) => {
  expect(breaches(name, source, manifest).join('\n')).toContain(message)
})

test('holds folders inside a package to their own directions, types aside', () => {
  expect(breaches('tensor', `import type { x } from '../graph/node.ts'`, {}, 'src/kernel/ir.ts')).toEqual([])
  expect(breaches('tensor', `import { x } from '../graph/node.ts'`, {}, 'src/kernel/ir.ts')).toEqual([
    'packages/tensor/src/kernel/ir.ts:1: folder kernel may not import folder graph.',
  ])
})
