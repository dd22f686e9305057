// `pnpm release:dry`: what the next release would be, and what would go to the registry. Publishes nothing, changes nothing:
// the versions are worked out by changesets on a copy, and the tarballs are those that `check:packages` tries.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Manifest, packAll, packageNames, root, run } from './pack.ts'

const copy = mkdtempSync(join(tmpdir(), 'cairn-release-'))
try {
  for (const path of [
    'package.json',
    'pnpm-workspace.yaml',
    '.changeset',
    'examples/package.json',
    'docs/package.json',
  ])
    cpSync(join(root, path), join(copy, path), { recursive: true })
  for (const name of packageNames)
    cpSync(join(root, 'packages', name, 'package.json'), join(copy, 'packages', name, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  run('git', ['init', '--quiet', '--initial-branch=main'], copy)
  run('changeset', ['version'], copy)

  const versionIn = (folder: string, name: string) =>
    (JSON.parse(readFileSync(join(folder, 'packages', name, 'package.json'), 'utf8')) as Manifest).version
  console.log('Versions, by the changesets that wait:\n')
  for (const name of packageNames) {
    const [now, next] = [versionIn(root, name), versionIn(copy, name)]
    console.log(`  @cairn/${name.padEnd(12)} ${now}${next === now ? ' (stays)' : ` -> ${next}`}`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}

console.log('\nTarballs, as they would be published:\n')
for (const { manifest, size, files } of await packAll(join(root, '.cache', 'packed'))) {
  console.log(`  ${manifest.name.padEnd(19)} ${(size / 1024).toFixed(1).padStart(7)} kB`)
  for (const file of files) console.log(`      ${file}`)
}
console.log('\nTo release: pnpm exec changeset version, commit, pnpm test, pnpm exec changeset publish.')
