// `pnpm check:packages [name...]`: packs every package and tries the tarballs as strangers would, in empty projects. publint
// and are-the-types-wrong find nothing, sizes keep to their budgets, and the packages work in strict TypeScript, in Node by
// import and by require, under esbuild, and under Vite in a real browser.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { findChromium } from './chromium.ts'
import {
  bundleSize,
  bundlesForBrowsers,
  importSize,
  loadSizes,
  runBundled,
  vanishesUnused,
} from './consumers/esbuild.ts'
import { compilesInTypeScript, importsInNode, requiresInNode } from './consumers/node.ts'
import { makeProject, type Project } from './consumers/project.ts'
import { openBrowser, runsBuilt, runsInDevelopment, writePage } from './consumers/vite.ts'
import { attempt, closingLine, type Outcome, tally } from './outcome.ts'
import { type Manifest, type Packed, packAll, packageNames, root } from './pack.ts'
import { budgets, bundledPrograms, importBudgets, loadBudgets } from './size-budgets.ts'

/** Every check of every package, or of those named. */
export async function* checkPackages(names: readonly string[] = []): AsyncGenerator<Outcome> {
  const unknown = names.find(name => !packageNames.includes(name))
  if (unknown) throw new Error(`There is no package '${unknown}'; there are: ${packageNames.join(', ')}.`)
  let all: Packed[] = []
  const built = await attempt('the packages build and pack', async () => {
    all = await packAll(join(root, '.cache', 'packed'), names.length ? names : packageNames)
  })
  yield built
  if (built.status === 'failed') return
  const chosen = names.length ? all.filter(packed => names.includes(packed.name)) : all
  const folder = mkdtempSync(join(tmpdir(), 'cairn-consumers-'))
  try {
    for (const packed of chosen) yield* checkOne(packed, all, join(folder, packed.name))
    yield* checkInBrowser(chosen, all, join(folder, 'browser'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function* checkOne(packed: Packed, all: readonly Packed[], folder: string): AsyncGenerator<Outcome> {
  const { name } = packed
  yield attempt(`${name}: the tarball holds what it should and no more`, () => checkContents(packed))
  yield attempt(`${name}: publint`, () => lintTarball(packed))
  yield attempt(`${name}: are the types wrong`, () => checkTypes(packed))

  let project: Project | undefined
  yield attempt(`${name}: npm installs it`, () => {
    project = makeProject(folder, [packed], all)
  })
  if (!project) return
  const made = project
  yield attempt(`${name}: strict TypeScript`, () => compilesInTypeScript(made))
  yield attempt(`${name}: import in Node`, () => importsInNode(made))
  yield attempt(`${name}: require in Node`, () => requiresInNode(made))
  yield attempt(`${name}: esbuild for browsers`, () => bundlesForBrowsers(made))
  yield attempt(`${name}: unused, it leaves nothing in a bundle`, () => vanishesUnused(made))
  yield checkSize(packed, made, all)
  if (loadBudgets[name]) yield checkLoads(packed, made, all)
  const bundled = bundledPrograms[name]
  if (bundled)
    yield attempt(`${name}: a small program works in a bundle`, async () => {
      const printed = await runBundled(made, bundled.program)
      if (printed !== bundled.done) throw new Error(`it prints ${printed} and not ${bundled.done}`)
    })
  for (const [imported, budget] of Object.entries(importBudgets[name] ?? {})) {
    yield attempt(`${name}: ${imported} alone takes at most ${budget} kB`, async () => {
      const size = (await importSize(made, imported)) / 1024
      if (size > budget) throw new Error(`${ofBudget(size, budget)}, over the budget of tools/size-budgets.ts`)
    })
  }
}

function checkContents({ name, manifest, files }: Packed): void {
  const stray = files.filter(path => !/^(dist\/|LICENSE$|README\.md$|CHANGELOG\.md$|package\.json$)/.test(path))
  if (stray.length) throw new Error(`not to be published: ${stray.join(', ')}`)
  const missing = ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts'].filter(path => !files.includes(path))
  if (missing.length) throw new Error(`missing: ${missing.join(', ')}`)
  if (JSON.stringify(manifest).includes('"workspace:')) throw new Error('a workspace: range is published')
  const source = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest
  for (const field of ['exports', 'imports'] as const) {
    const wanted = source[field] && withoutSources(source[field])
    if (isDeepStrictEqual(manifest[field], wanted)) continue
    throw new Error(
      `publishConfig.${field} of packages/${name}/package.json must be ${JSON.stringify(wanted, null, 2)}`,
    )
  }
}

/** What is published of `exports` or `imports`: the same without the condition that leads to the sources. */
function withoutSources(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key]) => key !== '@cairn/source')
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutSources(inner)]))
}

async function lintTarball({ tarball }: Packed): Promise<void> {
  const data = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: data }, level: 'warning', strict: true })
  if (messages.length)
    throw new Error(messages.map(message => formatMessage(message, pkg, { color: false })).join('\n'))
}

/** The profile of packages that are modules only: whoever cannot load modules is not asked, nor are files to be fetched. */
async function checkTypes({ tarball, manifest }: Packed): Promise<void> {
  const data = createPackageFromTarballData(new Uint8Array(readFileSync(tarball)))
  const result = await checkPackage(data, { excludeEntrypoints: [/\.\w+$/] })
  if (!result.types) throw new Error(`${manifest.name} has no types`)
  const problems = result.problems.filter(
    problem =>
      problem.kind !== 'CJSResolvesToESM' && !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
  )
  if (problems.length) throw new Error(problems.map(problem => JSON.stringify(problem)).join('\n'))
}

/** Kilobytes beside what they may be; with two decimals where one would hide on which side they are. */
const ofBudget = (size: number, budget: number): string =>
  `${size.toFixed(Math.abs(size - budget) < 0.1 ? 2 : 1)} of ${budget} kB`

async function checkSize(packed: Packed, project: Project, all: readonly Packed[]): Promise<Outcome> {
  const siblings = all.filter(other => other !== packed).map(other => other.manifest.name)
  const kilobytes = (bytes: number) => bytes / 1024
  let title = `${packed.name}: size`
  const outcome = await attempt(title, async () => {
    // families that stand under subpaths are paid by those who import them
    const [main, ...subpaths] = project.specifiers
    const own = await bundleSize(project, siblings, [main!])
    const sizes = { tarball: kilobytes(packed.size), bundle: kilobytes(own) }
    const more: string[] = []
    for (const path of subpaths) {
      const both = await bundleSize(project, siblings, [main!, path])
      more.push(`${path.slice(main!.length)} adds ${kilobytes(both - own).toFixed(1)} kB`)
    }
    const budget = budgets[packed.name]
    if (!budget) throw new Error('no budget in tools/size-budgets.ts')
    const parts = (['tarball', 'bundle'] as const).map(kind => `${kind} ${ofBudget(sizes[kind], budget[kind])}`)
    title = `${packed.name}: size: ${[...parts, ...more].join(', ')}`
    const over = (['tarball', 'bundle'] as const).filter(kind => sizes[kind] > budget[kind])
    if (over.length) throw new Error(`over the budget of tools/size-budgets.ts: ${over.join(', ')}`)
  })
  return { ...outcome, name: title }
}

/** What a page loads with each of two backends, neither of which needs the other. */
async function checkLoads(packed: Packed, project: Project, all: readonly Packed[]): Promise<Outcome> {
  const siblings = all.filter(other => other !== packed).map(other => other.manifest.name)
  const budget = loadBudgets[packed.name]!
  let title = `${packed.name}: what a page loads`
  const outcome = await attempt(title, async () => {
    const usesThreads = ({ imports }: { imports: readonly string[] }) => imports.includes('@cairn/wasm')
    const compiles = ({ entry }: { entry: string }) => /compiled-\w+\.js$/.test(entry)
    const backend = ({ entry }: { entry: string }) => /backend-\w+\.js$/.test(entry)
    const loads = await loadSizes(project, budget.program, siblings, {
      wasm: chunk => compiles(chunk) || (backend(chunk) && usesThreads(chunk)),
      webgpu: chunk => compiles(chunk) || (backend(chunk) && !usesThreads(chunk)),
    })
    const sizes = { 'at once': loads.atOnce, ...Object.fromEntries(loads.with) }
    const most: Record<string, number> = { 'at once': budget.atOnce, ...budget.with }
    const parts = Object.entries(sizes).map(([part, bytes]) => `${part} ${ofBudget(bytes / 1024, most[part]!)}`)
    title = `${packed.name}: what a page loads: ${parts.join(', ')}`
    const over = Object.entries(sizes).filter(([part, bytes]) => bytes / 1024 > most[part]!)
    if (over.length)
      throw new Error(`over the budget of tools/size-budgets.ts: ${over.map(([part]) => part).join(', ')}`)
  })
  return { ...outcome, name: title }
}

async function* checkInBrowser(
  chosen: readonly Packed[],
  all: readonly Packed[],
  folder: string,
): AsyncGenerator<Outcome> {
  const names = { dev: 'Vite dev in Chromium', built: 'Vite build in Chromium', alone: 'Vite build, page not isolated' }
  const executable = findChromium()
  if (!executable) {
    for (const name of Object.values(names)) yield { name, status: 'skipped', error: 'no Chromium on this machine' }
    return
  }
  const project = makeProject(folder, chosen, all)
  writePage(project)
  const browser = await openBrowser(executable)
  try {
    yield await attempt(names.dev, () => runsInDevelopment(project, browser))
    yield await attempt(names.built, () => runsBuilt(project, browser, true))
    yield await attempt(names.alone, () => runsBuilt(project, browser, false))
  } finally {
    await browser.close()
  }
}

if (import.meta.main) {
  const count = await tally(checkPackages(process.argv.slice(2)))
  console.log(closingLine(count))
  process.exitCode = count.failed ? 1 : 0
}
