// Links between documents lead somewhere: the target of every relative link in the documentation exists. Addresses of the
// web are not visited.
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
