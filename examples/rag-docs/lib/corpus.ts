// Cairn's own documentation and source, as files.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { folderFiles } from '@cairn/rag/folder'
import type { SourceFile } from './docs.ts'

export const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

const prose = ['README.md', 'docs/*.md', 'bench/README.md', 'conformance/README.md', 'packages/*/README.md']

export async function corpus({ code = true } = {}): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  const include = [...prose, ...(code ? ['packages/*/src/**/*.ts'] : [])]
  const exclude = ['**/*.test.ts', '**/testing', '**/dist', '**/*.data.ts', 'docs/api']
  for await (const { path } of folderFiles(repository, { include, exclude }))
    files.push({ path, text: await readFile(join(repository, path), 'utf8') })
  return files
}
