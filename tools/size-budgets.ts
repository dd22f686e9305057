// What a user pays for each package, at most. `tarball` is the download; `bundle` is everything the package exports under
// its name, minified and gzipped by esbuild without its siblings, so what one import costs is less; what subpaths add is printed beside it. Raising a budget is a decision: say why.

/** Kilobytes of 1024 bytes. */
export const budgets: Record<string, { tarball: number; bundle: number }> = {
  wasm: { tarball: 60, bundle: 14 },
  // Both backends, every method and transform measured 131 when convolutions, recurrence, attention, special functions, the profile and files had gone
  // under subpaths, which are printed beside it, and measure 147 with what speed has added since: the tuner and the templates of products on WebGPU
  // (8), loops over columns and reads ahead on WebAssembly (3), gradients by rows and shorter captures (3); rows with borders, short loops written out
  // and far arguments of exp (4: windows 5 to 40 times as fast, masked softmax 2). Since then: what is built once and called again (2, half of a step's host),
  // sentences for what users of other libraries write first (1), scatters side by side on a GPU (1),
  // replays that leave next to nothing to collect (1: of what the host pays for a step on WebGPU beyond a bare loop, two thirds), and kernels that
  // are planned hopefully (0.5: a third fewer in a training step where a device binds 8 buffers).
  // One walk over expressions, one table of what dtypes hold and shorter constants gave back 3, of which the edges of what loads later took 1. What is left
  // is code without repetition: of its 157, sentences are 3, shaders' text 7, and names that a minifier must keep 5. The aim is 130.
  tensor: { tarball: 500, bundle: 157.2 },
  // All layers, losses (as functions and as modules) and tools of torch.nn measured 20.9, and 22 since each says which option, size or width does not
  // fit: what was taken for a default or broadcast without a word is worth a sentence. All rules, those of 8 bits and of sparse rows, a line search,
  // schedules and wrappers 11.4, and 12.2 since what no rule takes is said; a program takes what it names.
  nn: { tarball: 100, bundle: 23 },
  optim: { tarball: 60, bundle: 13 },
  // The tables of Unicode are half of it; RankEncoder below is what a page that counts takes.
  tokenizers: { tarball: 400, bundle: 89 },
  text: { tarball: 60, bundle: 12 },
  metrics: { tarball: 100, bundle: 16 },
  rag: { tarball: 300, bundle: 60 },
  models: { tarball: 120, bundle: 24 },
}

/**
 * What a page fetches to run this program of a package, minified and gzipped without siblings: before anything runs, and with each backend. A
 * backend leaves the other one out. What follows when a plan first needs it: what prints products (4 to 6 kB), attention (4 to 6), rows with borders
 * (1.6), functions that few programs call (1.7, remainders and integer powers 0.8), users' kernels (0.6), and what sorts scatters (1). The plain
 * evaluator (3) comes with the device 'reference', the rules of examples (1.1) with vmap.
 *
 * The aim with one backend is 75, and this is what stands between: of the 41 kB at once, 19 are the methods of Tensor, which are there for who
 * calls them and cannot load later, since an op answers at once. Those that few programs call (sort 2.1, movement of other kinds 2.0, indexing by
 * arrays 1.9, statistics 1.0) could be functions under a subpath; in torch they are methods. The queue is 4, the compiler of graphs (schedule, lower,
 * simplify, plan) 20, a backend's printers and host 25 to 29. What was tried and did not pay: the lowering of attention by itself (0.8: what it shares
 * with others becomes a file, and each file compressed by itself costs what that saves); members written # rather than private (0.4, for a line more
 * wherever several are named at once); another bundler of the published files (0.5).
 */
export const loadBudgets: Record<string, { program: string; atOnce: number; with: Record<'wasm' | 'webgpu', number> }> =
  {
    tensor: {
      program: `
      import { noGrad, rand, randn, realize, setDefaultDevice, tensor } from '@cairn/tensor'
      export { noGrad, rand, randn, realize, setDefaultDevice, tensor }`,
      atOnce: 41.6,
      with: { wasm: 90.6, webgpu: 85.5 },
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
