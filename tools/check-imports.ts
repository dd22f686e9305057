// Holds every package to the import directions of `import-rules.ts`, in its package.json and in its sources:
// - packages import only the packages named for them, by name, and declare what they import;
// - core packages have no dependency outside the workspace;
// - importing does nothing: Node's modules are imported statically only where package.json's `imports` leads Node to;
// - folders inside a package import as declared, and relative imports neither leave the package nor drop their `.ts`;
// - tests, and what they share in a folder `testing`, may use anything, and nothing else may use them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { core, folders, packages, peers } from './import-rules.ts'

interface Manifest {
  name: string
  imports?: Record<string, unknown>
  exports?: unknown
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

interface Import {
  specifier: string
  line: number
  /** `type` vanishes when compiled, `static` is loaded with the file, `dynamic` when the program asks for it. */
  kind: 'type' | 'static' | 'dynamic'
}

const SCOPE = '@cairn/'

/** Every breach in the packages below `root`, one sentence each, empty if all is well. */
export function checkImports(root: string): string[] {
  const names = readdirSync(join(root, 'packages')).filter(name =>
    existsSync(join(root, 'packages', name, 'package.json')),
  )
  return [...checkTable(), ...names.flatMap(name => checkPackage(join(root, 'packages', name), name))]
}

/** The table itself has no cycles: walking down from any package never comes back to it. */
function checkTable(): string[] {
  const walk = (name: string, trail: readonly string[]): string[] =>
    trail.includes(name)
      ? [`import-rules.ts: a cycle: ${[...trail, name].join(' -> ')}.`]
      : (packages[name] ?? []).flatMap(next => walk(next, [...trail, name]))
  return Object.keys(packages).flatMap(name => walk(name, []))
}

function checkPackage(folder: string, name: string): string[] {
  const allowed = packages[name]
  if (!allowed) return [`packages/${name} has no row in tools/import-rules.ts.`]
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const sources = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map(path => join(folder, 'src', path))
  return [
    ...checkManifest(manifest, name, allowed),
    ...sources.flatMap(file => checkSource(file, folder, name, manifest, allowed)),
  ]
}

function checkManifest(manifest: Manifest, name: string, allowed: readonly string[]): string[] {
  const where = `packages/${name}/package.json`
  const breaches: string[] = []
  for (const field of ['dependencies', 'peerDependencies'] as const) {
    for (const [dependency, range] of Object.entries(manifest[field] ?? {})) {
      const sibling = dependency.startsWith(SCOPE) ? dependency.slice(SCOPE.length) : null
      const optional = manifest.peerDependenciesMeta?.[dependency]?.optional === true
      if (sibling === null) {
        if (core.includes(name) && !optional) breaches.push(`${where}: a core package cannot depend on ${dependency}.`)
      } else {
        if (!allowed.includes(sibling)) breaches.push(`${where}: ${name} may not depend on ${sibling}.`)
        if (!range.startsWith('workspace:')) breaches.push(`${where}: ${dependency} must have a workspace: range.`)
        if (peers.includes(sibling) !== (field === 'peerDependencies'))
          breaches.push(
            `${where}: ${dependency} belongs in ${peers.includes(sibling) ? 'peerDependencies' : 'dependencies'}.`,
          )
      }
    }
  }
  return breaches
}

function checkSource(
  file: string,
  folder: string,
  name: string,
  manifest: Manifest,
  allowed: readonly string[],
): string[] {
  const here = relative(folder, file).split(sep).join('/')
  if (isForTests(here)) return []
  const breaches: string[] = []
  for (const { specifier, line, kind } of importsOf(file)) {
    const breach = judge(specifier, kind)
    if (breach) breaches.push(`packages/${name}/${here}:${line}: ${breach}.`)
  }
  return breaches

  function judge(specifier: string, kind: Import['kind']): string | null {
    if (specifier.startsWith('.')) return judgeRelative(specifier, kind)
    if (specifier.startsWith('#'))
      return manifest.imports?.[specifier] ? null : `package.json has no import '${specifier}'`
    if (isBuiltin(specifier)) {
      if (!specifier.startsWith('node:')) return `write '${specifier}' with its node: prefix`
      return kind !== 'static' || leadsNodeTo(manifest, here)
        ? null
        : `'${specifier}' must be imported dynamically, or in a file that package.json's imports lead Node to`
    }
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
    const sibling = specifier.startsWith(SCOPE) ? (specifier.slice(SCOPE.length).split('/')[0] ?? '') : null
    if (sibling === name) return `import inside the package is relative, not '${specifier}'`
    if (sibling !== null && !allowed.includes(sibling)) return `${name} may not import ${sibling}`
    const dependency = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (!(dependency in declared)) return `'${dependency}' is not declared in package.json`
    return null
  }

  function judgeRelative(specifier: string, kind: Import['kind']): string | null {
    const target = relative(folder, resolve(dirname(file), specifier))
      .split(sep)
      .join('/')
    if (!target.startsWith('src/')) return `'${specifier}' leaves the package's src`
    if (isForTests(target)) return `'${specifier}' is for tests`
    if (!specifier.endsWith('.ts')) return `'${specifier}' must end in .ts`
    const [from, to] = [topFolder(here), topFolder(target)]
    const open = from === null || to === null || from === to || kind === 'type'
    if (open || !(from in (folders[name] ?? {}))) return null
    return folders[name]?.[from]?.includes(to) ? null : `folder ${from} may not import folder ${to}`
  }
}

/** Whether a path below the package's folder is a test or something that tests share. */
function isForTests(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/')
}

/** 'graph' of 'src/graph/plan.ts'; null for a file directly in src. */
function topFolder(path: string): string | null {
  const parts = normalize(path).split(sep)
  return parts.length > 2 ? (parts[1] ?? null) : null
}

/** Whether some entry of the package's `imports` or `exports`, other than a browser's, resolves to the file. */
function leadsNodeTo(manifest: Manifest, file: string): boolean {
  const search = (value: unknown): boolean =>
    typeof value === 'string'
      ? value === `./${file}`
      : typeof value === 'object' && value !== null
        ? Object.entries(value).some(([condition, inner]) => condition !== 'browser' && search(inner))
        : false
  return search(manifest.imports)
}

/** The imports of a file, by the TypeScript parser: re-exports, `import()` calls and `import('...')` types too. */
function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Import[] = []
  const add = (node: ts.Expression | undefined, kind: Import['kind']) => {
    if (!node || !ts.isStringLiteralLike(node)) return
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    found.push({ specifier: node.text, line: line + 1, kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'static')
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static')
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.Expression, 'type')
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], 'dynamic')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

if (import.meta.main) {
  const breaches = checkImports(join(dirname(fileURLToPath(import.meta.url)), '..'))
  for (const breach of breaches) console.error(breach)
  console.log(breaches.length ? `${breaches.length} imports against the rules.` : 'All imports follow the rules.')
  process.exitCode = breaches.length ? 1 : 0
}
