// Tests run on the TypeScript sources: `@cairn/source` is the condition under which a package's exports lead there.
export const conditions = ['@cairn/source', 'import', 'default']
// `import` is left to Node, which knows whether a module is imported or required: named here it would hold for both.
export const nodeConditions = ['@cairn/source', 'node']
export const browserConditions = ['@cairn/source', 'browser', 'import', 'default']

/** Where test files live; a suffix before `.test.ts` says which runner takes them. */
const everywhere = ['packages/*/src/**', 'examples/**', 'tools/**', 'conformance/**', 'bench/**']
const ending = (suffix: string) => everywhere.map(folder => `${folder}/*${suffix}.test.ts`)
const ignored = ['**/node_modules/**', '**/dist/**', '**/.cache/**']

export const nodeTests = { include: ending(''), exclude: [...ending('.slow'), ...ending('.browser'), ...ignored] }
export const slowTests = { include: ending('.slow'), exclude: ignored }
export const browserTests = { include: ending('.browser'), exclude: ignored }
