// What the host pays: a step that is replayed, the same step built anew with its plan in the cache, and on WebGPU a bare loop over the same
// pipelines and bind groups. Kernels are tiny, so that little else is measured; on WebGPU they are also given to Dawn's null device, which takes
// commands and runs nothing, so that none else is.

import { GPT2 } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import {
  disposeDevice,
  jit,
  manualSeed,
  randint,
  randn,
  realize,
  setDefaultDevice,
  statistics,
  type Tensor,
} from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { deviceOf } from '../gpu/dispatches.ts'
import { measure } from '../measure.ts'
import { onThreads } from '../wasm.ts'

export const description =
  'microseconds of host a kernel: replayed by jit, built anew, and on WebGPU beside a bare loop'

/** A chain of products that nothing fuses. */
const chainLength = 200
/** Runs between two waits: a wait has a price of its own. */
const group = 20

interface Step {
  readonly name: string
  run(): Tensor
}

async function chain(): Promise<Step> {
  const [x, w] = [randn([4, 4]), randn([4, 4]).mul(0.5)]
  for (const t of [x, w]) t.own()
  await realize()
  const run = (): Tensor => {
    let y = x
    for (let i = 0; i < chainLength; i++) y = y.matmul(w)
    return y
  }
  return { name: `${chainLength} products of 4 x 4`, run }
}

async function training(): Promise<Step> {
  manualSeed(1)
  const model = new GPT2({ vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 })
  const opt = new AdamW(model.parameters(), { lr: 1e-3 })
  const [ids, targets] = [randint(0, 65, [1, 4]), randint(0, 65, [1, 4])]
  for (const t of [ids, targets]) t.own()
  await realize()
  const run = (): Tensor => {
    const loss = crossEntropy(model.forward(ids), targets)
    opt.zeroGrad()
    loss.backward()
    void opt.step()
    return loss.keep()
  }
  return { name: 'training step of a GPT 4x4x128 on 4 tokens', run }
}

/** Calls before the first that is timed: V8 goes on compiling what a step runs for as long, and a training has many more. */
const warmup = 2000

interface CallTime {
  readonly median: number
  /** of the best tenth: what a call takes when nothing else runs on its processor */
  readonly best: number
}

/** Microseconds from the call until it returns: what the host does before the device may work. */
async function callTime(run: () => unknown, times = 200): Promise<CallTime> {
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    run()
    taken.push((performance.now() - start) * 1000)
    await realize()
  }
  taken.sort((a, b) => a - b)
  return { median: taken[times >> 1]!, best: taken[Math.floor(times / 10)]! }
}

async function kernelsOf(device: 'wasm' | 'webgpu', run: () => unknown): Promise<number> {
  const before = statistics(device).launches
  run()
  await realize()
  return statistics(device).launches - before
}

export async function* run({ device }: BenchOptions): AsyncGenerator<Measurement> {
  if (device === 'webgpu') {
    yield* onNullDevice()
    yield* onWebGPU()
  } else yield* onWasm()
}

async function* onWasm(): AsyncGenerator<Measurement> {
  // the kernels run on the other thread while the calling one is timed
  await setDefaultDevice('wasm', { threads: 2 })
  for (const make of [chain, training]) {
    const { name, run } = await make()
    const replay = jit(run)
    // a plain call that hands its work over as a replay does
    const plain = (): void => {
      run().keep()
      void realize()
    }
    for (let i = 0; i < warmup; i++) {
      replay()
      plain()
      await realize()
    }
    const kernels = await kernelsOf('wasm', replay)
    const nodes = statistics('wasm').nodesBuilt
    const replayed = await callTime(replay)
    if (statistics('wasm').nodesBuilt !== nodes) throw new Error(`${name}: a replay built a graph`)
    const built = await callTime(plain)
    const where = `${name}, ${onThreads(2)}`
    yield { name: where, value: kernels, unit: 'kernels' }
    const aim = { name: 'the aim', value: 1.5 }
    yield { name: `${where}: replayed`, value: replayed.median / kernels, unit: 'us/kernel', limit: aim, target: 1 }
    yield { name: `${where}: replayed, best tenth`, value: replayed.best / kernels, unit: 'us/kernel' }
    const three = { name: 'three times the aim', value: 4.5 }
    yield { name: `${where}: built anew`, value: built.median / kernels, unit: 'us/kernel', limit: three }
    yield { name: `${where}: built anew, best tenth`, value: built.best / kernels, unit: 'us/kernel' }
  }
}

interface Command {
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly counts: readonly [number, number]
}

/** The dispatches that `run` encodes, as they reach the device. */
async function commandsOf(device: GPUDevice, run: () => unknown): Promise<Command[]> {
  const commands: Command[] = []
  const create = device.createCommandEncoder
  device.createCommandEncoder = (...args) => {
    const encoder = create.apply(device, args)
    const begin = encoder.beginComputePass
    encoder.beginComputePass = (...of) => {
      const pass = begin.apply(encoder, of)
      let pipeline: GPUComputePipeline
      let group: GPUBindGroup
      const { setPipeline, setBindGroup, dispatchWorkgroups } = pass
      pass.setPipeline = p => setPipeline.call(pass, (pipeline = p))
      pass.setBindGroup = (...of: unknown[]) => {
        group = of[1] as GPUBindGroup
        Reflect.apply(setBindGroup, pass, of)
      }
      pass.dispatchWorkgroups = (x, y = 1) => {
        commands.push({ pipeline, group, counts: [x, y] })
        dispatchWorkgroups.call(pass, x, y)
      }
      return pass
    }
    return encoder
  }
  try {
    run()
    await realize()
  } finally {
    device.createCommandEncoder = create
  }
  return commands
}

/** The commands as an application would write them by hand. */
function bareLoop(device: GPUDevice, commands: readonly Command[]): () => void {
  return () => {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    let pipeline: GPUComputePipeline | null = null
    for (const c of commands) {
      if (c.pipeline !== pipeline) pass.setPipeline((pipeline = c.pipeline))
      pass.setBindGroup(0, c.group)
      pass.dispatchWorkgroups(c.counts[0], c.counts[1])
    }
    pass.end()
    device.queue.submit([encoder.finish()])
  }
}

/** Where the backend keeps the Dawn that it has opened (backends/webgpu/device.ts). */
const dawn = Symbol.for('cairn.webgpu.dawn')

async function* onNullDevice(): AsyncGenerator<Measurement> {
  const shared = globalThis as { [dawn]?: GPU }
  const before = shared[dawn]
  const { create } = await import('webgpu')
  shared[dawn] = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
  await setDefaultDevice('webgpu')
  const device = await deviceOf()
  const limit = 'a bare loop over the same pipelines and bind groups'
  for (const make of [chain, training]) {
    const { name, run } = await make()
    const replay = jit(run)
    for (let i = 0; i < warmup; i++) {
      replay()
      await realize()
    }
    const commands = await commandsOf(device, replay)
    const bare = bareLoop(device, commands)
    const spent = { dropped: 0, freed: 0, bare: 0 }
    const count = async (what: keyof typeof spent, once: () => unknown, wait: () => Promise<unknown>) => {
      const { user, system } = process.threadCpuUsage()
      for (let i = 0; i < group; i++) {
        once()
        await null
      }
      await wait()
      const now = process.threadCpuUsage({ user, system })
      spent[what] += now.user + now.system
    }
    // in turns, and many of them: the system counts a thread's time in ticks
    const turns = Math.ceil(30_000 / commands.length)
    for (let i = 0; i < turns; i++) {
      await count('bare', bare, () => device.queue.onSubmittedWorkDone())
      await count('dropped', replay, realize)
      await count('freed', () => replay()[Symbol.dispose](), realize)
    }
    const perKernel = (microseconds: number): number => microseconds / turns / group / commands.length
    const theirs = { name: limit, value: perKernel(spent.bare) }
    const row = { unit: 'us/kernel', limit: theirs, target: 1 / 1.3 }
    const where = `${name}, null device`
    yield { name: where, value: commands.length, unit: 'kernels' }
    yield { name: `${where}: replayed, results disposed`, value: perKernel(spent.freed), ...row }
    yield { name: `${where}: replayed, results left to the collector`, value: perKernel(spent.dropped), ...row }
  }
  await disposeDevice('webgpu')
  shared[dawn] = before
}

async function* onWebGPU(): AsyncGenerator<Measurement> {
  await setDefaultDevice('webgpu')
  const created: GPUDevice[] = []
  for (const make of [chain, training]) {
    const { name, run } = await make()
    const replay = jit(run)
    for (let i = 0; i < 10; i++) {
      replay()
      await realize()
    }
    const device = created[0] ?? (await deviceOf())
    created[0] = device
    const commands = await commandsOf(device, replay)
    const bare = bareLoop(device, commands)
    const many = (once: () => unknown, wait: () => Promise<unknown>) => async (): Promise<void> => {
      for (let i = 0; i < group; i++) {
        once()
        // each run is submitted by itself, as in a loop that awaits its steps
        await null
      }
      await wait()
    }
    const ours = await measure(many(replay, realize), { seconds: 2 })
    const theirs = await measure(
      many(bare, () => device.queue.onSubmittedWorkDone()),
      { seconds: 2 },
    )
    const perKernel = (seconds: number): number => (seconds * 1e6) / group / commands.length
    yield {
      name: `${name}: replayed`,
      value: perKernel(ours.median),
      unit: 'us/kernel',
      limit: { name: 'a bare loop over the same pipelines and bind groups', value: perKernel(theirs.median) },
      target: 1 / 1.3,
      spread: ours.spread,
    }
    yield {
      name: `${name}: the call alone`,
      value: (await callTime(replay, 60)).median / commands.length,
      unit: 'us/kernel',
    }
    yield {
      name: `${name}: a bare loop alone`,
      value: (await bareTime(bare, device)) / commands.length,
      unit: 'us/kernel',
    }
    const plain = (): void => {
      run().keep()
      void realize()
    }
    for (let i = 0; i < 5; i++) {
      plain()
      await realize()
    }
    yield {
      name: `${name}: built anew, the call alone`,
      value: (await callTime(plain, 60)).median / commands.length,
      unit: 'us/kernel',
    }
  }
}

async function bareTime(bare: () => void, device: GPUDevice): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < 60; i++) {
    const start = performance.now()
    bare()
    taken.push((performance.now() - start) * 1000)
    await device.queue.onSubmittedWorkDone()
  }
  return taken.sort((a, b) => a - b)[30]!
}
