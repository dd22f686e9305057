// ONNX's operator cases: each model is run by the table of ops over the public API, and its outputs are compared as ONNX's own runner does.
import { manualSeed, readAll, setDefaultDevice, type Tensor } from '@cairn/tensor'
import { difference } from '../compare.ts'
import { type Case, casesIn, type DataSet } from '../onnx/cases.ts'
import { lawOf } from '../onnx/drawn.ts'
import { carrierOf, carryForGpu, numbersOf, tensorOf, Unsupported } from '../onnx/elements.ts'
import { obstacle, runModel } from '../onnx/graph.ts'
import {
  type AttributeProto,
  type Model,
  readModel,
  readTensor,
  type TensorProto,
  type ValueInfo,
} from '../onnx/proto.ts'
import { unsupported } from '../onnx/table.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = "ONNX's operator cases, by model files (group: what the names of cases begin with)"
export const data = 'reference/onnx-node'

/** Those of onnx.backend.test for operators. */
const tolerance = { absolute: 1e-7, relative: 1e-3 }

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  await setDefaultDevice(device)
  carryForGpu(device === 'webgpu')
  const cases = (await casesIn(path)).filter(c => !only || c.name.startsWith(only))
  if (only && !cases.length) throw new Error(`--only ${only}: no case has a name that begins so`)
  const missing = new Map<string, number>()
  for (const each of cases) {
    const { name } = each
    try {
      const problem = await check(each)
      yield problem ? { name, status: 'failed', error: problem } : { name, status: 'passed' }
    } catch (error) {
      if (!(error instanceof Unsupported))
        yield { name, status: 'failed', error: String((error as Error).message ?? error) } // biome-ignore format: one result
      else {
        for (const op of Object.keys(unsupported)) if (error.message.startsWith(`${op} `)) missing.set(op, (missing.get(op) ?? 0) + 1) // biome-ignore format: one count
        yield { name, status: 'skipped', error: `not supported: ${error.message}` }
      }
    }
  }
  const list = [...missing].sort().map(([op, count]) => `${op} (${count})`)
  if (list.length) console.log(`ops that are not supported, with the cases they skip: ${list.join(', ')}`)
}

/** Cases whose models lack an attribute that their outputs were computed with. */
const lacking: Readonly<Record<string, readonly [op: string, attribute: AttributeProto]>> = {
  adam_multiple: ['Adam', { name: 'epsilon', f: 1e-2 }],
}
function repaired(name: string, model: Model): Model {
  if (!lacking[name]) return model
  const [op, attribute] = lacking[name]
  const nodes = model.graph.nodes.map(n => (n.op === op ? { ...n, attributes: [...n.attributes, attribute] } : n))
  return { ...model, graph: { ...model.graph, nodes } }
}

async function check({ name, model: bytes, sets }: Case): Promise<string | null> {
  const model = repaired(name, readModel(bytes))
  const stop = obstacle(model.graph)
  if (stop) throw new Unsupported(stop)
  if (!sets.length) return 'there is no test_data_set'
  for (const set of sets) {
    const problem = await checkSet(model, set)
    if (problem) return problem
  }
  return null
}

async function checkSet(model: Model, set: DataSet): Promise<string | null> {
  // all types first: what the device cannot carry is known before anything runs
  const wanted = set.outputs.map((bytes, i) => typed(readTensor(bytes), model.graph.outputs[i]))
  for (const each of wanted) carrierOf(each.type)
  // an initializer of the same name is a default, and no input of a case
  const defaults = new Set(model.graph.initializers.map(i => i.name))
  const infos = model.graph.inputs.filter(i => !defaults.has(i.name))
  const inputs = set.inputs.map((bytes, i) => tensorOf(typed(readTensor(bytes), infos[i])))
  manualSeed(0)
  const outputs = await runModel(model, new Map(inputs.map((t, i) => [infos[i].name, t])))
  const law = await lawOf(model.graph, inputs)
  await readAll(outputs)
  for (const [i, stored] of wanted.entries()) {
    const problem = await differs(outputs[i], stored, law !== null)
    if (problem) return `output ${i}: ${problem}`
  }
  return law ? law(inputs, outputs) : null
}

/** NumPy has no bfloat16: files hold its bits as uint16, and the model says what they are. */
const typed = (stored: TensorProto, info: ValueInfo | undefined): TensorProto =>
  stored.type === 4 && info?.element === 16 ? { ...stored, type: 16 } : stored

/** Of bfloat16 the runner compares the bits, as numbers. */
const valuesOf = async (t: Tensor): Promise<ArrayLike<number>> =>
  t.dtype === 'bf16' ? ((await t.data()) as Uint16Array) : numbersOf(t)

async function differs(found: Tensor, stored: TensorProto, drawn: boolean): Promise<string | null> {
  const dtype = carrierOf(stored.type)
  if (found.dtype !== dtype) return `${found.dtype} where ${dtype} is wanted`
  const shape = (sizes: readonly number[]): string => `[${sizes.join(', ')}]`
  if (shape(found.shape) !== shape(stored.dims))
    return `shape ${shape(found.shape)} where ${shape(stored.dims)} is wanted`
  return drawn ? null : difference(await valuesOf(found), await valuesOf(tensorOf(stored)), tolerance)
}
