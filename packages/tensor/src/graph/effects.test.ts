// Random programs of effects: assigns that read each other's old and new values, kept values, reads and runs at any time, against the
// same program on plain arrays.

import { cat, manualSeed, rand, readAll, realize, step, type Tensor, tensor } from '../index.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { type Draw, draw } from '../testing/random.ts'
import { rememberAll, rememberNothing } from '../testing/remembering.ts'

/** A value in both worlds. */
interface Pair {
  /** in the log of the program */
  readonly name: string
  readonly lazy: Tensor
  readonly plain: readonly number[]
}

const width = 4
const unary: readonly [(x: Tensor) => Tensor, (x: readonly number[]) => number[]][] = [
  [x => x.mul(0.5), x => x.map(v => v * 0.5)],
  [x => x.add(1), x => x.map(v => v + 1)],
  [x => x.flip(0), x => [...x].reverse()],
  [x => x.tanh(), x => x.map(Math.tanh)],
  [x => x.detach(), x => [...x]],
  [x => x.sum().div(width).expand([width]), x => x.map(() => x.reduce((a, b) => a + b, 0) / width)],
  [x => cat([x.narrow(0, 1, width - 1), x.narrow(0, 0, 1)]), x => [...x.slice(1), x[0]]],
  [x => x.setNarrow(0, 1, x.narrow(0, 2, 2).mul(0.5)), x => [x[0], x[2] / 2, x[3] / 2, x[3]]],
]
const binary: readonly [(a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number][] = [
  [(a, b) => a.add(b).mul(0.5), (a, b) => (a + b) / 2],
  [(a, b) => a.sub(b), (a, b) => a - b],
  [(a, b) => a.maximum(b), Math.max],
]

const textOf = (f: (...x: never[]) => unknown, ...names: string[]): string => `(${f})(${names.join(', ')})`

async function run(from: Draw, steps: number): Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[from.integer(0, list.length)]
  const storages = Array.from({ length: 3 }, (_, at) => {
    const values = from.many(width, -1, 1).map(Math.fround)
    return { name: `s${at}`, lazy: tensor(Float32Array.from(values)), plain: values as readonly number[] }
  })
  const kept: Pair[] = []
  let values: Pair[] = []
  const log: string[] = []
  let made = 0
  const any = (): Pair => pick([...storages, ...values, ...kept])
  const ran = (what: string): void => {
    log.push(what)
    // what was not kept may be stale from here on
    values = []
  }
  const check = async (pairs: readonly Pair[]): Promise<void> => {
    const read = await readAll(pairs.map(p => p.lazy))
    pairs.forEach((p, i) => expectClose(read[i] as Float32Array, p.plain, single, `${log.join('\n  ')}\n${p.name}`))
  }
  for (let i = 0; i < steps; i++) {
    const choice = from.uniform()
    if (choice < 0.35) {
      const [lazy, plain] = pick(unary)
      const x = any()
      const name = `v${made++}`
      values.push({ name, lazy: lazy(x.lazy), plain: plain(x.plain) })
      log.push(`${name} = ${textOf(lazy, x.name)}`)
    } else if (choice < 0.55) {
      const [lazy, plain] = pick(binary)
      const [a, b] = [any(), any()]
      const name = `v${made++}`
      values.push({ name, lazy: lazy(a.lazy, b.lazy), plain: a.plain.map((v, j) => plain(v, b.plain[j])) })
      log.push(`${name} = ${textOf(lazy, a.name, b.name)}`)
    } else if (choice < 0.85) {
      const at = from.integer(0, storages.length)
      const value = any()
      storages[at].lazy.assign(value.lazy)
      storages[at] = { ...storages[at], plain: value.plain }
      log.push(`s${at} := ${value.name}`)
    } else if (choice < 0.9 && values.length) {
      const value = pick(values)
      value.lazy.keep()
      kept.push(value)
      log.push(`keep ${value.name}`)
    } else if (choice < 0.93) {
      await realize()
      ran('realize')
    } else if (choice < 0.96) {
      await step([storages[0].lazy])
      ran('step')
    } else {
      await check([...values, pick(storages)])
      ran('read')
    }
  }
  await check([...storages, ...kept])
}

for (const [steps, count] of [[12, 150], [60, 30]] as const) // biome-ignore format: pairs
  onEachDevice(
    `random programs of ${steps} effects`,
    async device => {
      for (let i = 0; i < (device === 'webgpu' ? count / 15 : count); i++) {
        try {
          await run(draw(`effects ${steps} ${i}`), steps)
        } catch (error) {
          throw new Error(`program 'effects ${steps} ${i}': ${(error as Error).message}`, { cause: error })
        }
      }
    },
    { timeout: 60_000 },
  )

onEachDevice('a row that is written from sums over rows, beside a product that reads it', async () => {
  // the order of nodes in which the product's kernel wrote the row in place, while its other rows still read it
  rememberNothing()
  const run = async (inPieces: boolean): Promise<number[][]> => {
    manualSeed(3)
    const [w, row] = [rand([4, 4]), rand([4])]
    for (const p of [w, row]) p.requiresGrad = true
    const x = rand([2, 4])
    const back = (): void => x.matmul(w.transpose(0, 1)).add(row).square().mean().backward()
    back()
    const size = w.grad!.mul(w.grad!).sum().add(row.grad!.mul(row.grad!).sum())
    for (const p of [w, row]) p.assign(p.add(p.grad!.mul(size)).detach())
    for (const p of [w, row]) p.zeroGrad()
    if (inPieces) await realize()
    back()
    return Promise.all([w, row, w.grad!, row.grad!].map(t => t.numbers()))
  }
  const [wanted, got] = [await run(true), await run(false)]
  rememberAll()
  for (const [i, values] of got.entries()) expectClose(values, wanted[i], single, `value ${i}`)
})
