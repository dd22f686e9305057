// Links between documents lead somewhere: the target of every relative link in the documentation exists, and so does every source file
// that the description of the architecture names. Addresses of the web are not visited.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { documentPatterns } from './doc-blocks.ts'
import { root } from './pack.ts'

/** Written by `pnpm docs:api`, so not there in a fresh clone. */
const GENERATED = /^docs\/api\//

/** One sentence for each link of the documents that leads nowhere. */
export function brokenLinks(documents = globSync(documentPatterns, { cwd: root }).sort()): string[] {
  return documents.flatMap(document =>
    linksIn(readFileSync(join(root, document), 'utf8'))
      .filter(({ target }) => !existsSync(join(root, dirname(document), target)))
      .filter(({ target }) => !GENERATED.test(join(dirname(document), target).replaceAll('\\', '/')))
      .map(({ target, line }) => `${document}:${line}: there is no ${target}`),
  )
}

/** Relative targets of links and pictures outside code, without their fragments. */
export function linksIn(markdown: string): { target: string; line: number }[] {
  const withoutCode = markdown
    .replace(/^\s*(```|~~~)[\s\S]*?^\s*\1\s*$/gm, code => code.replace(/[^\n]/g, ' '))
    .replace(/`[^`\n]*`/g, '')
  return withoutCode
    .split('\n')
    .flatMap((text, at) =>
      [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)]
        .map(match => ({ target: decodeURI(match[1]!.replace(/#.*$/, '')), line: at + 1 }))
        .filter(({ target }) => target !== '' && !/^[a-z]+:/i.test(target)),
    )
}

/** One sentence for each source file, such as `graph/queue.ts`, that a document names and the workspace does not have. */
export function missingSources(documents: readonly string[] = ['docs/architecture.md']): string[] {
  const sources = globSync('{packages/*/src,tools,bench,conformance}/**/*.ts', {
    cwd: root,
    exclude: path => path.includes('node_modules'),
  }).map(path => `/${path.replaceAll('\\', '/')}`)
  return documents.flatMap(document =>
    sourcesIn(readFileSync(join(root, document), 'utf8'))
      .filter(({ name }) => {
        const [start, ...rest] = name.split('*')
        return !sources.some(path =>
          rest.length ? path.includes(`/${start}`) && path.endsWith(rest.at(-1)!) : path.endsWith(`/${name}`),
        )
      })
      .map(({ name, line }) => `${document}:${line}: there is no ${name}`),
  )
}

/** Names of source files in code spans; a star stands for any part of a name. */
function sourcesIn(markdown: string): { name: string; line: number }[] {
  return markdown
    .split('\n')
    .flatMap((text, at) => [...text.matchAll(/`([\w./*-]+\.ts)`/g)].map(match => ({ name: match[1]!, line: at + 1 })))
}
