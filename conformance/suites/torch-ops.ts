// Ops, layers, losses and optimizers against PyTorch's values: results, and gradients of every input that has one.
import { readAll, setDefaultDevice, type Tensor } from '@cairn/tensor'
import { type Tolerance, tensorDifference } from '../compare.ts'
import { jsonFiles, numbersOf, readJson, type StoredTensor, tensorOf } from '../files.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'
import { Attributes, type TorchCase, watched } from '../torch/cases.ts'
import { rowOf } from '../torch/ops.ts'
import { optimizerOf, runClip, runOptimizer } from '../torch/optimizers.ts'

export const description = 'ops, layers, losses and optimizers against PyTorch, with gradients (groups: spine, breadth)'
export const data = 'reference/torch'

const tolerance: Tolerance = { absolute: 1e-5, relative: 1e-4 }
const groups = ['spine', 'breadth']

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only && !groups.includes(only)) throw new Error(`--only ${only}: the groups are ${groups.join(', ')}`)
  await setDefaultDevice(device)
  for (const file of jsonFiles(path)) {
    const { cases } = readJson(file) as { cases?: TorchCase[] }
    for (const given of cases ?? []) {
      if (only && groupOf(given) !== only) continue
      const problem = await check(given).catch(error => String((error as Error).message ?? error))
      yield problem ? { name: given.op, status: 'failed', error: problem } : { name: given.op, status: 'passed' }
    }
  }
}

/** An op that no table names is none of the spine's. */
function groupOf({ op }: TorchCase): string {
  if (op === 'clip_grad_norm') return 'spine'
  return (op.startsWith('optim_') ? optimizerOf(op) : rowOf(op))?.group ?? 'breadth'
}

async function check(given: TorchCase): Promise<string | null> {
  if (given.op.startsWith('optim_')) return runOptimizer(given, tolerance)
  if (given.op === 'clip_grad_norm') return runClip(given, tolerance)
  const row = rowOf(given.op)
  if (!row?.run) return 'there is no such op'

  const inputs = Object.fromEntries(
    Object.entries(given.inputs).map(([name, stored]) => [
      name,
      tensorOf(stored, { requiresGrad: given.grads ? name in given.grads : false }),
    ]),
  )
  const attrs = new Attributes(given.attrs ?? {})
  const read = watched(inputs)
  const result = row.run(read.inputs, attrs, given)
  const outputs = Array.isArray(result) ? result : [result]
  const unread = [...attrs.unread(), ...read.unread()]
  if (unread.length) return `not understood: ${unread.join(', ')}`
  const wanted = given.outputs ?? []
  if (outputs.length < wanted.length) return `${outputs.length} outputs where ${wanted.length} are wanted`

  if (given.grads && given.grad_output) weighted(outputs, given.grad_output).backward()
  const grads = Object.entries(given.grads ?? {})
  // an input that the result does not depend on has no gradient here, and one of zeros there
  const reached = grads.filter(([name, stored]) => inputs[name]?.grad || numbersOf(stored).some(v => v !== 0))
  const without = reached.filter(([name]) => !inputs[name]?.grad).map(([name]) => name)
  if (without.length) return `no gradient reaches ${without.join(', ')}`
  await readAll([...outputs, ...reached.map(([name]) => inputs[name].grad!)])
  for (const [i, stored] of wanted.entries()) {
    const problem = await tensorDifference(outputs[i], stored, tolerance)
    if (problem) return `output${wanted.length > 1 ? ` ${i}` : ''}: ${problem}`
  }
  for (const [name, stored] of reached) {
    const problem = await tensorDifference(inputs[name].grad!, stored, tolerance)
    if (problem) return `gradient of ${name}: ${problem}`
  }
  return null
}

/** The sum of the outputs, each weighted by its gradient: its gradients are those of the case. */
function weighted(outputs: readonly Tensor[], gradients: StoredTensor | StoredTensor[]): Tensor {
  const list = Array.isArray(gradients) ? gradients : [gradients]
  return list.map((g, i) => outputs[i].mul(tensorOf(g)).sum()).reduce((a, b) => a.add(b))
}
