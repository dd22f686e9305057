// What a user pays for each package, at most. `tarball` is the download; `bundle` is everything the package exports under
// its name, minified and gzipped by esbuild without its siblings, so what one import costs is less; what subpaths add is printed beside it. Raising a budget is a decision: say why.

/** Kilobytes of 1024 bytes. */
export const budgets: Record<string, { tarball: number; bundle: number }> = {
  wasm: { tarball: 60, bundle: 14 },
  // Both backends, every op and transform measure 145: einsum and its like, checked indices and new kernels added 7. The aim is 130, and
  // what is left to move under subpaths is convolutions, pooling, recurrence and the profile.
  tensor: { tarball: 500, bundle: 147 },
  // All layers, losses and tools of torch.nn measure 18.7, all rules, schedules and wrappers 8.8; a program takes what it names.
  nn: { tarball: 100, bundle: 20 },
  optim: { tarball: 60, bundle: 10 },
  // The tables of Unicode are half of it; RankEncoder below is what a page that counts takes.
  tokenizers: { tarball: 400, bundle: 88 },
  text: { tarball: 60, bundle: 12 },
  metrics: { tarball: 100, bundle: 16 },
  rag: { tarball: 300, bundle: 60 },
  models: { tarball: 120, bundle: 24 },
}

/**
 * What a page fetches to run this program of a package, minified and gzipped without siblings: before anything runs, and with each backend. A
 * backend leaves the other one out. The aim with one backend is 75.
 */
export const loadBudgets: Record<string, { program: string; atOnce: number; with: Record<'wasm' | 'webgpu', number> }> =
  {
    tensor: {
      program: `
      import { noGrad, rand, randn, realize, setDefaultDevice, tensor } from '@cairn/tensor'
      export { noGrad, rand, randn, realize, setDefaultDevice, tensor }`,
      atOnce: 48,
      with: { wasm: 104, webgpu: 92 },
    },
  }

/** Programs that must still do in a bundle what they do by themselves, though most of the package is left out of it; `done` is what they print. */
export const bundledPrograms: Record<string, { program: string; done: string }> = {
  // methods are put on Tensor by a file that nobody names
  tensor: {
    program: `
      import { setDefaultDevice, tensor } from '@cairn/tensor'
      await setDefaultDevice('reference')
      console.log(await tensor([1, 2]).add(1).sum().item())`,
    done: '5',
  },
}

/** What single imports may cost, minified and gzipped: the parts for which a page takes a package. */
export const importBudgets: Record<string, Record<string, number>> = {
  tokenizers: { RankEncoder: 12 },
}
