// How long the TypeScript compiler takes for a program of 2,000 lines that uses the packages as an application would, against their built declarations. Its
// limit is the same program with everything that it imports typed as `any`: what the compiler needs for lines of that kind by themselves.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run as runCommand } from '../../tools/pack.ts'
import type { BenchOptions, Measurement } from '../bench.ts'

export const description =
  'time and memory of tsc for 2,000 lines that use the packages (building their declarations first)'

const lines = 2000
const turns = 3

const imports: Readonly<Record<string, readonly string[]>> = {
  '@cairn/tensor': ['Generator', 'type Tensor', 'cat', 'grad', 'jit', 'noGrad', 'randn', 'readAll', 'setDefaultDevice', 'tensor', 'vmap', 'where', 'zeros'], // biome-ignore format: a list
  '@cairn/tensor/functional': ['conv2d'],
  '@cairn/nn': ['Dropout', 'Embedding', 'LayerNorm', 'Linear', 'Module', 'ModuleList', 'crossEntropy', 'mseLoss', 'scaledDotProductAttention'], // biome-ignore format: a list
  '@cairn/optim': ['AdamW', 'SGD', 'clipGradNorm', 'cosineWithWarmup'],
  '@cairn/tokenizers': ['Tokenizer'],
  '@cairn/models': ['GPT2', 'generate'],
}

/** A page of a program, of its own names; the pages differ in what they compute. */
const page = (n: number): string => `
class Block${n} extends Module {
  norm = new LayerNorm(${32 + n})
  up = new Linear(${32 + n}, ${64 + 2 * n})
  down = new Linear(${64 + 2 * n}, ${32 + n})
  dropout = new Dropout(0.1)
  forward(x: Tensor): Tensor {
    const hidden = this.up.forward(this.norm.forward(x)).${n % 2 ? 'gelu' : 'silu'}()
    return x.add(this.dropout.forward(this.down.forward(hidden)))
  }
}
class Model${n} extends Module {
  embed = new Embedding(1000, ${32 + n})
  blocks = new ModuleList(Array.from({ length: ${1 + (n % 4)} }, () => new Block${n}()))
  head = new Linear(${32 + n}, 1000)
  forward(ids: Tensor): Tensor {
    let x = this.embed.forward(ids)
    for (const block of this.blocks) x = block.forward(x)
    return this.head.forward(x)
  }
}
async function train${n}(text: string): Promise<number[]> {
  const tokenizer = await Tokenizer.train(text, { vocabSize: 1000 })
  const ids = Int32Array.from(tokenizer.encode(text).ids)
  const inputs = tensor(ids.slice(0, ${16 + n} * 8), [8, ${16 + n}])
  const model = new Model${n}()
  const opt = new ${n % 3 ? 'AdamW' : 'SGD'}(model.parameters(), { lr: 3e-4, weightDecay: 0.0${n} })
  const losses: number[] = []
  for (let step = 0; step < 10; step++) {
    const loss = crossEntropy(model.forward(inputs).narrow(1, 0, ${15 + n}), inputs.narrow(1, 1, ${15 + n}))
    opt.zeroGrad()
    loss.backward()
    clipGradNorm(model.parameters(), 1)
    await opt.step()
    losses.push(await loss.item())
  }
  return losses
}
const energy${n} = (x: Tensor, w: Tensor): Tensor => x.matmul(w).tanh().square().sum([-1], { keepDim: true }).mean()
async function explore${n}(): Promise<void> {
  const x = randn([4, 3, ${8 + n}, ${8 + n}], { generator: new Generator(${n}) })
  const w = randn([${8 + n}, ${8 + n}], { requiresGrad: true })
  const slope = grad(energy${n}, { argnums: 1 })(x, w)
  const rows = vmap((row: Tensor) => row.softmax(-1).logsumexp(-1))(x.reshape([-1, ${8 + n}]))
  const seen = conv2d(x, randn([5, 3, 3, 3]), undefined, { stride: 2, padding: 1 }).slice(null, [1, null, 2], 0)
  const mixed = where(x.gt(0), x.exp(), x.clamp(-1, 0)).permute([0, 2, 3, 1]).flatten(1).topk(3, -1)
  const joined = cat([x.max(1), x.min(1), x.argmax(1).to('f32'), zeros([4, ${8 + n}, ${8 + n}])], 0)
  const [a, b] = await readAll([slope, rows.sub(mixed[0].mean()).abs()])
  noGrad(() => w.assign(w.sub(w.grad?.mul(0.1) ?? 0)))
  console.log(a, b, seen.shape, await joined.sum().item(), mixed[1].dtype)
}
`

function program(): string {
  const own = Object.entries(imports).map(([from, names]) => `import { ${names.join(', ')} } from '${from}'`)
  const body: string[] = []
  for (let n = 0; body.length < lines - own.length; n++) body.push(...page(n).trimEnd().split('\n'))
  // the last page ends where it ends: a program that is cut inside would not compile
  return [...own, ...body].join('\n')
}

/** The names of all imports as any. */
function untyped(): string {
  return Object.entries(imports)
    .map(([from, names]) => {
      const declared = names.map(name => (name.startsWith('type ') ? `export type ${name.slice(5)} = any` : /^[A-Z]/.test(name) ? `export const ${name}: any` : `export const ${name}: any`)) // biome-ignore format: one choice
      return `declare module '${from}' {\n  ${declared.join('\n  ')}\n}`
    })
    .join('\n')
}

interface Cost {
  readonly seconds: number
  readonly mebibytes: number
  readonly instantiations: number
}

/** @throws with the compiler's messages where the program has errors */
function compile(folder: string): Cost {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript')), 'tsc.js')
  const text = runCommand(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'])
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s*([\\d.]+)`, 'm').exec(text)?.[1])
  return {
    seconds: figure('Total time'),
    mebibytes: figure('Memory used') / 1024,
    instantiations: figure('Instantiations'),
  }
}

const compilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: 'es2024',
  lib: ['es2024', 'esnext', 'dom'],
  module: 'nodenext',
  types: [],
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

export async function* run(_: BenchOptions): AsyncGenerator<Measurement> {
  const packages = [...new Set(Object.keys(imports).map(name => name.split('/').slice(0, 2).join('/')))].map(name => `--filter=${name}`) // biome-ignore format: one list
  runCommand('turbo', ['run', 'build', ...packages, '--output-logs=errors-only'])
  // where the packages are found as this workspace has them
  const base = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules', '.types')
  rmSync(base, { recursive: true, force: true })
  const source = program()
  for (const [name, any] of Object.entries({ typed: '', plain: untyped() })) {
    mkdirSync(join(base, name), { recursive: true })
    const options = any ? { ...compilerOptions, noImplicitAny: false } : compilerOptions
    writeFileSync(join(base, name, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: any ? ['program.ts', 'any.d.ts'] : ['program.ts'] })) // biome-ignore format: one call
    writeFileSync(join(base, name, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(base, name, 'program.ts'), `${source}\nexport {}\n`)
    if (any) writeFileSync(join(base, name, 'any.d.ts'), any)
  }
  const [typed, plain]: [Cost[], Cost[]] = [[], []]
  for (let turn = 0; turn < turns; turn++) {
    typed.push(compile(join(base, 'typed')))
    plain.push(compile(join(base, 'plain')))
  }
  rmSync(base, { recursive: true, force: true })
  const name = `tsc, ${source.split('\n').length} lines`
  const limit = 'imports as any'
  yield { name, value: median(typed.map(c => c.seconds)), unit: 's', limit: { name: limit, value: median(plain.map(c => c.seconds)) } } // biome-ignore format: one figure
  yield { name, value: median(typed.map(c => c.mebibytes)), unit: 'MiB', limit: { name: limit, value: median(plain.map(c => c.mebibytes)) } } // biome-ignore format: one figure
  yield { name, value: median(typed.map(c => c.instantiations)), unit: 'instantiations' }
}
