// Makes the bench of a card portable: one file and Dawn, in `out/gpu-bench`, for a machine that has a card and Node and nothing of the workspace.
// Run from the root: `node --conditions=@cairn/source bench/gpu/bundle.ts`. How to use what it makes: bench/README.md.

import { cp, mkdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = join(root, 'out/gpu-bench')
const platform = process.argv[2] ?? 'linux-x64'

await rm(out, { recursive: true, force: true })
const dawn = join(out, 'node_modules/webgpu')
await mkdir(join(dawn, 'dist'), { recursive: true })
await build({
  entryPoints: [join(root, 'bench/gpu/alone.ts')],
  outfile: join(out, 'bench.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  conditions: ['@cairn/source'],
  external: ['webgpu', '@sparticuz/chromium', 'tar-fs'],
  logLevel: 'warning',
})
// an optional peer of tensor, installed there
const webgpu = dirname(createRequire(join(root, 'packages/tensor/package.json')).resolve('webgpu'))
for (const file of ['package.json', 'index.js', `dist/${platform}`])
  await cp(join(webgpu, file), join(dawn, file), { recursive: true, dereference: true })
console.log(`${out}: bench.mjs, and Dawn for ${platform}`)
