// A project of plain Node, as a module and through require(esm), and one of strict TypeScript.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { root, run } from '../pack.ts'
import { type Project, write } from './project.ts'

const nameList = (project: Project) => JSON.stringify(project.nodeSpecifiers)

/** `import` finds exports, and doing so starts nothing: the process ends by itself at once. */
export function importsInNode(project: Project): void {
  const script = `
    for (const name of ${nameList(project)}) {
      const keys = Object.keys(await import(name))
      if (keys.length === 0) throw new Error(name + ' exports nothing')
    }
    const busy = process.getActiveResourcesInfo().filter(name => !/TTY|Pipe|File/.test(name))
    if (busy.length) throw new Error('importing started ' + busy.join(', '))`
  run('node', [write(project.folder, 'import.mjs', script)], project.folder)
}

/** `require` gives the same names, which a top-level await anywhere in the package would prevent. */
export function requiresInNode(project: Project): void {
  const script = `
    for (const name of ${nameList(project)}) {
      if (Object.keys(require(name)).length === 0) throw new Error(name + ' exports nothing')
    }`
  run('node', [write(project.folder, 'require.cjs', script)], project.folder)
}

/** The declarations compile in a strict project that checks libraries too and has no types but its own. */
export function compilesInTypeScript(project: Project): void {
  const imports = project.specifiers.map((name, i) => `import * as api${i} from '${name}'`)
  const uses = project.specifiers.map((_, i) => `console.log(Object.keys(api${i}).length)`)
  write(project.folder, 'index.ts', [...imports, ...uses].join('\n'))
  write(project.folder, 'tsconfig.json', {
    compilerOptions: {
      strict: true,
      module: 'nodenext',
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable'],
      types: [],
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    },
    files: ['index.ts'],
  })
  const compiler = join(dirname(createRequire(join(root, 'package.json')).resolve('typescript')), 'tsc.js')
  run('node', [compiler, '-p', '.'], project.folder)
}
