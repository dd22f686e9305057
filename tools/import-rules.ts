// Who may import whom: the one place that says it. `tools/check-imports.ts` holds package.json and sources to these tables.

/**
 * Packages of the workspace and the packages that each may import. There are no cycles: a package stands below every
 * package that names it. Packages above `nn` handle tensors, so `tensor` is theirs too, as a peer like their siblings'.
 */
export const packages: Record<string, readonly string[]> = {
  wasm: [],
  tensor: ['wasm'],
  nn: ['tensor'],
  optim: ['tensor'],
  tokenizers: ['wasm'],
  text: [],
  metrics: [],
  data: ['tensor'],
  models: ['tensor', 'nn', 'tokenizers'],
  peft: ['tensor', 'nn'],
  train: ['tensor', 'nn', 'optim', 'data', 'metrics', 'peft'],
  rag: ['text', 'metrics', 'wasm'],
}

/** Packages of which an application must hold one copy: their siblings take them as peers, never as dependencies. */
export const peers: readonly string[] = ['tensor']

/** Packages without any dependency outside the workspace at run time (optional peers aside). */
export const core: readonly string[] = ['wasm', 'tensor', 'nn', 'optim', 'tokenizers']

/**
 * Subpaths of packages that need a library which the user brings, or Node's own modules. They are imported in Node, where they
 * load that library when they are called; a bundle or a type check of everything leaves them out.
 */
export const apart: Record<string, readonly string[]> = {
  rag: [
    './sqlite',
    './sqlite-wasm',
    './pglite',
    './postgres',
    './lancedb',
    './qdrant',
    './opensearch',
    './folder',
    './html',
    './pdf',
    './docx',
    './zip',
  ],
}

/**
 * Folders of a package's `src` and the sibling folders that each may import at run time (types may come from anywhere: they
 * vanish, so no order of loading depends on them). A folder that is not listed is free; files directly in `src` are open to all.
 */
export const folders: Record<string, Record<string, readonly string[]>> = {
  tensor: {
    kernel: [],
    backends: ['kernel'],
    graph: ['kernel', 'primitives'],
    primitives: ['kernel', 'ops'],
    io: [],
  },
}
