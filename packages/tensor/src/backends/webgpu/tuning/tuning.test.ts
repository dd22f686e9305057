// The tuner: what there is to choose from is right on this device, what was chosen is used and kept, and what is no text of ours is measured again.

import { afterAll, describe, expect, test, vi } from 'vitest'
import { axis, binary, buffer, declare, f32, load, loop, rowMajor, store, update } from '../../../kernel/build.ts'
import type { Kernel, LoopKernel } from '../../../kernel/ir.ts'
import type { Keeper, WebGPUBackend } from '../backend.ts'
import type { Choice } from '../choose.ts'
import { differences, onDevice, openBackend, single } from '../differential.ts'
import { loadTemplates, printKernel } from '../kernels.ts'
import { exact, matmul, operands } from '../products.ts'
import { Choices } from './choices.ts'
import { classOf } from './classes.ts'
import { candidates, type TuningLimits } from './space.ts'

const backend = await openBackend()
await loadTemplates([matmul({ m: 1, n: 1, k: 1 })])
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
/** by place and name */
const kept = new Map<string, string>()
const keeper: Keeper = {
  read: (name, place) => Promise.resolve(kept.get(`${place}/${name}`)),
  write: (name, text, place) =>
    place === 'full' ? Promise.reject(new Error('no space')) : Promise.resolve(void kept.set(`${place}/${name}`, text)),
}
const opened: WebGPUBackend[] = []
afterAll(async () => {
  for (const b of [backend, ...opened]) await b?.dispose()
})
const open = async (tuningCache: string | false): Promise<WebGPUBackend> => {
  const b = (await openBackend({ tuningCache, software: false }, keeper))!
  opened.push(b)
  return b
}

const limits: TuningLimits = {
  threads: 256,
  workgroupBytes: 16384,
  software: false,
  subgroup: backend?.subgroup ?? 1,
  matrices: [{ type: 'f16', m: 16, n: 16, k: 16 }],
}
const aliasOf = (kernel: Kernel): number[] => kernel.buffers.map((_, i) => i)

/** out[row] = sum of x[row, i] * 0.5 */
function sums(rows: number, length: number, name = 'sums'): LoopKernel {
  const [row, i] = [axis(0, rows), axis(1, length)]
  const value = binary('mul', load('f32', 0, rowMajor(row, i)), f32(0.5))
  return {
    kind: 'loop',
    name,
    buffers: [buffer('f32', rows * length), buffer('f32', rows, 'write')],
    scalars: [],
    parallel: [row],
    vector: false,
    scratch: [],
    body: [
      declare(0, 0),
      loop(i, [update(0, 'add', value)], { reduces: [0] }),
      store(1, rowMajor(row), { op: 'acc', dtype: 'f32', id: 0 }),
    ],
  }
}
const dataOf = (kernel: LoopKernel): Float32Array[] =>
  kernel.buffers.map(({ size }) => Float32Array.from({ length: size.sample }, (_, i) => (i % 9) - 4))

describe('what there is to choose from', () => {
  test('the untuned choice is first, none is there twice, and there are not too many', () => {
    for (const kernel of [
      matmul({ m: 4096, n: 4096, k: 4096 }),
      matmul({ m: 768, n: 768, k: 8192, transposeA: true }),
      matmul({ m: 1, n: 4096, k: 4096 }),
      matmul({ m: 64, n: 64, k: 64, dtype: 'f16' }),
      sums(4096, 768),
      sums(3, 100_000),
    ]) {
      const all = candidates(kernel, aliasOf(kernel), limits)
      const texts = all.map(choice => JSON.stringify(choice))
      expect(new Set(texts).size).toBe(texts.length)
      expect(all.length).toBeGreaterThan(2)
      // of one way of cutting the sum
      expect(new Set(all.map(c => JSON.stringify({ ...c, parts: 0 }))).size).toBeLessThan(60)
    }
    const half = matmul({ m: 256, n: 256, k: 256, dtype: 'f16' })
    expect(candidates(half, aliasOf(half), limits).some(c => c.kind === 'matrix')).toBe(true)
    const single = matmul({ m: 256, n: 256, k: 256 })
    expect(candidates(single, aliasOf(single), limits).some(c => c.kind === 'matrix')).toBe(false)
  })

  test('classes: sizes alike to a factor of two, but not other layouts or dtypes', () => {
    const name = (c: Parameters<typeof matmul>[0]) => classOf(matmul(c), [0, 1, 2])
    expect(name({ m: 60, n: 64, k: 100 })).toBe(name({ m: 64, n: 36, k: 128 }))
    const others = [
      { m: 70, n: 64, k: 100 },
      { m: 60, n: 64, k: 100, transposeB: true },
      { m: 60, n: 64, k: 100, dtype: 'f16' as const },
    ]
    for (const other of others) expect(name(other)).not.toBe(name({ m: 60, n: 64, k: 100 }))
    expect(classOf(sums(10, 100), [0, 1])).not.toBe(classOf(sums(10, 10_000), [0, 1]))
  })

  test.skipIf(!backend)(`every one of them is right here${why}`, async () => {
    const here = { ...limits, matrices: [] }
    const seen = new Set<string>()
    for (const kernel of [
      matmul({ m: 40, n: 68, k: 300, epilogue: true }),
      matmul({ m: 2, n: 36, k: 300, transposeB: true }),
    ]) {
      const all = candidates(kernel, aliasOf(kernel), here)
      // compiling takes long on a software device: every ninth, and each kind
      for (const [i, choice] of all.entries()) {
        if (i % 9 && seen.has(choice.kind)) continue
        seen.add(choice.kind)
        const named = { ...kernel, name: `${kernel.name} ${JSON.stringify(choice)}` }
        backend!.preset(named, printKernel(named, here, aliasOf(kernel), backend!, choice))
        expect(await differences(backend!, named, operands(kernel), {}, exact)).toEqual([])
      }
    }
    const kernel = sums(5, 200)
    for (const choice of candidates(kernel, aliasOf(kernel), here)) {
      const named = { ...kernel, name: JSON.stringify(choice) }
      backend!.preset(named, printKernel(named, here, aliasOf(kernel), backend!, choice))
      expect(await differences(backend!, named, dataOf(kernel), {}, { absolute: 1e-3, relative: 1e-5 })).toEqual([])
    }
  })
})

describe('what is kept', () => {
  const kernel = matmul({ m: 64, n: 64, k: 64 })
  const [untuned, other] = candidates(kernel, aliasOf(kernel), limits)
  const made = (device = 'card'): Choices => {
    const choices = new Choices(device, limits)
    choices.set(classOf(kernel, aliasOf(kernel))!, other)
    return choices
  }

  test('is found again', () => {
    const choices = new Choices('card', limits)
    expect(choices.find(kernel, aliasOf(kernel))).toBe(null)
    expect(choices.read(String(made()))).toBe(true)
    expect(choices.find(kernel, aliasOf(kernel))).toEqual(other)
    expect(choices.find(matmul({ m: 640, n: 64, k: 64 }), [0, 1, 2])).toBe(null)
    // what was measured here counts more than what is read
    choices.set(classOf(kernel, aliasOf(kernel))!, untuned)
    choices.read(String(made()))
    expect(choices.find(kernel, aliasOf(kernel))).toEqual(untuned)
  })

  test.each([
    ['nothing', ''],
    ['half of it', String(made()).slice(0, 80)],
    ['something else', '[1, 2]'],
    ['null', 'null'],
    ['of another version', String(made()).replace(/"version": \d+/, '"version": 0')],
    ['of another card', String(made('other card'))],
    ['without choices', String(made()).replace('"choices"', '"chosen"')],
  ])('%s: is ignored', (_, text) => {
    const choices = new Choices('card', limits)
    expect(choices.read(text)).toBe(false)
    expect(choices.size).toBe(0)
  })

  test('a choice that is none is not used', () => {
    const text = String(made()).replace(/"rows": \d+/, '"rows": 100000')
    expect(text).not.toBe(String(made()))
    const choices = new Choices('card', limits)
    choices.read(text)
    expect(choices.find(kernel, aliasOf(kernel))).toBe(null)
  })
})

describe.skipIf(!backend)(`tuning${why}`, () => {
  /** A clock for which the last candidates are the fastest, and that runs nothing. */
  const backwards = () => {
    const asked: string[] = []
    const clock = (choice: Choice): Promise<number> => {
      asked.push(JSON.stringify(choice))
      return Promise.resolve(100 / asked.length)
    }
    return { asked, clock }
  }
  const runOnce = async (b: WebGPUBackend, kernel: LoopKernel) => {
    using program = b.load(single(kernel))
    const [x, out] = kernel.buffers.map(({ size }) => ({
      buffer: b.allocate(size.sample * 4),
      offset: 0,
      bytes: size.sample * 4,
    }))
    b.write(x, 'f32', dataOf(kernel)[0])
    const again = async (): Promise<number[]> => {
      await b.run(program, [x, out], [], [])
      return [...(await b.read(out, 'f32', kernel.buffers[1].size.sample))].map(Number)
    }
    const before = await again()
    const { asked, clock } = backwards()
    const tuned = await b.tune({ clock })
    const after = await again()
    return { before, tuned, after, asked }
  }

  test('the fastest is used from the next run on, kept in a file, and known to the next device', async () => {
    const kernel = sums(2, 40)
    const first = await open('here')
    const pipelines = first.pipelines
    const { before, tuned, after, asked } = await runOnce(first, kernel)
    expect(tuned).toHaveLength(1)
    expect(tuned[0]).toMatchObject({ class: classOf(kernel, [0, 1]), choice: asked.at(-1), tried: asked.length })
    expect(tuned[0].milliseconds).toBeLessThan(tuned[0].untuned)
    after.forEach((x, i) => void expect(x).toBeCloseTo(before[i], 3))
    expect(first.pipelines).toBeGreaterThan(pipelines + 1)
    expect(await first.tune({ clock: backwards().clock })).toEqual([])
    const [file] = kept.keys()
    expect(file).toMatch(/^here\/webgpu-[0-9a-f]+\.json$/)

    const second = await open('here')
    expect((await runOnce(second, kernel)).tuned).toEqual([])

    // broken: measured again, and whole again
    kept.set(file, '{"format": "cairn')
    const third = await open('here')
    expect((await runOnce(third, kernel)).tuned).toHaveLength(1)
    expect(JSON.parse(kept.get(file)!).choices).toHaveProperty([classOf(kernel, [0, 1])!])

    // what another program has measured meanwhile stays
    await runOnce(third, sums(2, 90))
    expect(Object.keys(JSON.parse(kept.get(file)!).choices)).toHaveLength(2)
  })

  test('turned off nothing is kept; a place that cannot be written is told', async () => {
    const before = [...kept]
    expect((await runOnce(await open(false), sums(3, 30))).tuned).toHaveLength(1)
    expect([...kept]).toEqual(before)
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect((await runOnce(await open('full'), sums(3, 30))).tuned).toHaveLength(1)
    expect(warn.mock.calls.join()).toMatch(/could not be kept: no space/)
    warn.mockRestore()
  })

  test.skipIf(!backend?.software)('a software device looks up nothing unless a place is named', async () => {
    let asked = 0
    const counting = { ...keeper, read: () => Promise.resolve(void asked++) }
    opened.push((await openBackend({}, counting))!)
    expect(asked).toBe(0)
    opened.push((await openBackend({ tuningCache: 'here' }, counting))!)
    expect(asked).toBe(1)
  })

  test('by the device’s own clock', async () => {
    const b = await open(false)
    const kernel = sums(1000, 1)
    using program = b.load(single(kernel))
    const bindings = kernel.buffers.map(({ size }) => ({
      buffer: b.allocate(size.sample * 4),
      offset: 0,
      bytes: size.sample * 4,
    }))
    await b.run(program, bindings, [], [])
    const [tuned] = await b.tune()
    expect(tuned.untuned).toBeGreaterThan(0)
    expect(tuned.milliseconds).toBeLessThanOrEqual(tuned.untuned)
    expect(tuned.tried).toBeGreaterThan(1)
  })

  test('in the background when asked for, without holding up the first run', async () => {
    const b = (await openBackend({ tuningCache: false, tune: true }))!
    opened.push(b)
    const kernel = sums(10, 20, 'in the background')
    expect(await differences(b, kernel, dataOf(kernel))).toEqual([])
    const again = b.load(single(kernel))
    const bindings = kernel.buffers.map(({ size }) => ({
      buffer: b.allocate(size.sample * 4),
      offset: 0,
      bytes: size.sample * 4,
    }))
    await b.run(again, bindings, [], [])
    await new Promise(resolve => setTimeout(resolve, 20))
    // in turn with what was begun by itself
    expect(await b.tune()).toEqual([])
    again[Symbol.dispose]()
  })

  test('what computes something else, or does not compile, is never chosen', async () => {
    const b = await open(false)
    const kernel = sums(2, 50)
    const program = b.load(single(kernel))
    const bindings = kernel.buffers.map(({ size }) => ({
      buffer: b.allocate(size.sample * 4),
      offset: 0,
      bytes: size.sample * 4,
    }))
    await b.run(program, bindings, [], [])
    const [untuned] = candidates(kernel, [0, 1], { ...limits, matrices: [] })
    let at = 0
    const tuned = await b.tune({
      ...backwards(),
      print: (...args) => {
        const printed = printKernel(...args)
        const [shader] = printed.stages
        if (at++ === 0) return printed
        const code = at % 2 ? shader.code.replace('0.5f', '0.6f') : 'nonsense'
        expect(code).not.toBe(shader.code)
        return { ...printed, stages: [{ ...shader, code }] }
      },
    })
    expect(tuned).toMatchObject([{ choice: JSON.stringify(untuned), tried: 1 }])
    expect((await onDevice(b, kernel, dataOf(kernel)))[1]).toHaveLength(2)
    program[Symbol.dispose]()
  })

  test('on a device that was lost it rejects with the error that says so', async () => {
    const b = await open(false)
    const kernel = sums(2, 60)
    const program = b.load(single(kernel))
    const bindings = kernel.buffers.map(({ size }) => ({
      buffer: b.allocate(size.sample * 4),
      offset: 0,
      bytes: size.sample * 4,
    }))
    await b.run(program, bindings, [], [])
    const tuning = b.tune()
    b.device.destroy()
    await expect(tuning).rejects.toThrow(/lost/)
    await expect(b.tune()).rejects.toThrow(/lost/)
    program[Symbol.dispose]()
  })
})
