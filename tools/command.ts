// How a script of the workspace is written where a person reads it and types it next: through npx, so that it works for whoever has Node
// and nothing else. Whoever has pnpm 12 may leave the first two words out.

const shown = (word: string): string => (/^[\w./:=@\\-]+$/.test(word) ? word : JSON.stringify(word))

/** What to type: a script of the root's package.json, and its arguments. */
export const command = (script: string, ...args: readonly string[]): string =>
  ['npx', '-y', 'pnpm@12', script, ...args.map(shown)].join(' ')
