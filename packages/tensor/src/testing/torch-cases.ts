// Stored inputs, outputs and gradients of torch, where the reference data lies beside the repository.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { DType } from '../dtype.ts'

interface StoredTensor {
  readonly shape: readonly number[]
  readonly dtype: string
  readonly data: readonly number[]
}

interface StoredCase {
  readonly op: string
  readonly inputs: Readonly<Record<string, StoredTensor>>
  readonly outputs: readonly StoredTensor[]
  readonly grad_output?: StoredTensor
  readonly grads?: Readonly<Record<string, StoredTensor>>
}

export interface Given {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly values: readonly number[]
}

/** One case: inputs in order, the expected output, and for a cotangent the expected gradient of each input (null: none). */
export interface Stored {
  readonly inputs: readonly Given[]
  readonly output: Given
  readonly cotangent?: readonly number[]
  readonly gradients?: readonly (readonly number[] | null)[]
}

function find(path: string): string | null {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const candidate = join(folder, '../shared/data', path)
    if (existsSync(candidate)) return candidate
    if (folder === dirname(folder)) return null
  }
}

const file = find('reference/torch/ops.json.gz')
let loaded: StoredCase[] | null = null

const dtypes: Readonly<Record<string, DType>> = { float32: 'f32', int64: 'i32', int32: 'i32' }
const given = (t: StoredTensor): Given => ({ shape: t.shape, dtype: dtypes[t.dtype], values: t.data })

/** The stored case of that name; null without the data (the test is then skipped by name). @throws for a name the file lacks */
export function torchCase(op: string): Stored | null {
  if (!file) return null
  loaded ??= (JSON.parse(gunzipSync(readFileSync(file)).toString()) as { cases: StoredCase[] }).cases
  const found = loaded.find(c => c.op === op)
  if (!found) throw new Error(`the stored values of torch have no case '${op}'`)
  const names = Object.keys(found.inputs)
  return {
    inputs: names.map(name => given(found.inputs[name])),
    output: given(found.outputs[0]),
    cotangent: found.grad_output?.data,
    gradients: found.grads && names.map(name => found.grads![name]?.data ?? null),
  }
}
