// The code in the documentation works: every ```ts block of README.md, docs/*.md and packages/*/README.md is type-checked
// and run. The words after `ts` say how:
//   ts             a program of its own
//   ts continues   goes on where the block before it in the same document ended
//   ts no-run      type-checked only: it needs a download, a card, a long time
// Each program is written below docs/.cache at the same line numbers as in its document, so messages point at the document.
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { closingLine, type Outcome, tally } from './outcome.ts'

export interface Program {
  /** The document, relative to the root, and the line of the program's first block. */
  document: string
  line: number
  /** Source text whose line numbers are the document's. */
  code: string
  run: boolean
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, 'docs', '.cache', `blocks-${process.pid}`)
/** Where documentation lives. */
export const documentPatterns = [
  'README.md',
  'docs/*.md',
  'packages/*/README.md',
  'examples/README.md',
  'examples/*/README.md',
]
const WORDS = ['continues', 'no-run']
const TIME_LIMIT_MS = 120_000

/** The programs of a Markdown text. Throws on a word after `ts` that means nothing, and on a fence that is never closed. */
export function programsOf(markdown: string, document: string): Program[] {
  const programs: Program[] = []
  const lines = markdown.split(/\r?\n/)
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/.exec(lines[at] ?? '')
    if (!fence) continue
    const [, , mark = '', language, rest = ''] = fence
    const start = at + 1
    const isEnd = (line: string) => line.trim().startsWith(mark) && line.trim().replaceAll(mark[0]!, '') === ''
    while (++at < lines.length && !isEnd(lines[at] ?? ''));
    if (at >= lines.length) throw new Error(`${document}:${start}: the code block is not closed`)
    if (language !== 'ts' && language !== 'typescript') continue

    const words = rest.split(/\s+/).filter(Boolean)
    const unknown = words.find(word => !WORDS.includes(word))
    if (unknown) throw new Error(`${document}:${start}: '${unknown}' after ts; known words: ${WORDS.join(', ')}`)
    const body = lines.slice(start, at).join('\n')
    const last = programs.at(-1)
    if (words.includes('continues')) {
      if (!last) throw new Error(`${document}:${start}: there is no block before this one to continue`)
      last.code += '\n'.repeat(start - last.code.split('\n').length + 1) + body
      last.run &&= !words.includes('no-run')
    } else {
      programs.push({ document, line: start + 1, code: '\n'.repeat(start) + body, run: !words.includes('no-run') })
    }
  }
  return programs
}

/** Checks and runs the programs of all documents, or of those given; yields one outcome for each program. */
export async function* checkDocuments(
  documents = globSync(documentPatterns, { cwd: root }).sort(),
): AsyncGenerator<Outcome> {
  mkdirSync(folder, { recursive: true })
  const programs: (Program & { file: string })[] = []
  for (const document of documents) {
    try {
      for (const program of programsOf(readFileSync(join(root, document), 'utf8'), document)) {
        const file = join(folder, `${document.replaceAll(/[\\/]/g, '_')}_${program.line}.ts`)
        writeFileSync(file, `${program.code}\n`)
        programs.push({ ...program, file })
      }
    } catch (error) {
      yield { name: `${document}: code blocks`, status: 'failed', error: String(error) }
    }
  }
  const mistakes = typeErrors(programs)
  for (const program of programs) {
    const name = `${program.document}:${program.line} ${program.run ? 'compiles and runs' : 'compiles'}`
    const error = mistakes.get(program.file) ?? (program.run ? await run(program) : undefined)
    yield error === undefined ? { name, status: 'passed' } : { name, status: 'failed', error }
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Messages of the TypeScript compiler by file, with the lines of the document. */
function typeErrors(programs: readonly { file: string; document: string }[]): Map<string, string> {
  const base = ts.readConfigFile(join(root, 'tsconfig.base.json'), path => readFileSync(path, 'utf8'))
  const { options } = ts.parseJsonConfigFileContent(base.config, ts.sys, root)
  const files = programs.map(program => program.file)
  const compiled = ts.createProgram(files, { ...options, moduleDetection: ts.ModuleDetectionKind.Force, noEmit: true })
  const mistakes = new Map<string, string>()
  for (const { file, document } of programs) {
    const source = compiled.getSourceFile(file)
    const found = [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)]
    if (!found.length) continue
    const messages = found.map(({ start, messageText }) => {
      const line = source && start !== undefined ? source.getLineAndCharacterOfPosition(start).line + 1 : 0
      return `${document}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
    mistakes.set(file, messages.join('\n'))
  }
  return mistakes
}

/** Runs a program on the sources in an empty working directory; what it printed, if it failed. */
function run({ file, document }: { file: string; document: string }): Promise<string | undefined> {
  const cwd = mkdtempSync(join(tmpdir(), 'cairn-docs-'))
  return new Promise<string | undefined>(done => {
    const node = spawn(process.execPath, ['--conditions=@cairn/source', file], { cwd, timeout: TIME_LIMIT_MS })
    let output = ''
    node.stdout.on('data', piece => (output += piece))
    node.stderr.on('data', piece => (output += piece))
    node.on('error', error => done(String(error)))
    node.on('close', (code, signal) => {
      const said = output.replaceAll(`file://${file}`, document).replaceAll(file, document).trim()
      done(code === 0 ? undefined : `${signal ? `ended by ${signal}` : `exit code ${code}`}\n${said}`)
    })
  }).finally(() => rmSync(cwd, { recursive: true, force: true }))
}

if (import.meta.main) {
  const named = process.argv.slice(2)
  for (const path of named) if (!existsSync(resolve(root, path))) throw new Error(`There is no document ${path}.`)
  const count = await tally(checkDocuments(named.length ? named : undefined))
  console.log(closingLine(count))
  process.exitCode = count.failed ? 1 : 0
}
