// The Hugging Face folder layout: config.json, and weights in model.safetensors or in the files that model.safetensors.index.json
// names. Files come from a folder, a URL, or a map of bytes; what they say is checked, for they may come from strangers.

import type { Module } from '@cairn/nn'
import { CairnError, type DType, FormatError, readFile, realize, type Tensor, writeFile } from '@cairn/tensor'
import { loadSafetensors, saveSafetensors } from '@cairn/tensor/interop'

/** A folder, a URL of one, or the files themselves by name. */
export type ModelSource = string | ReadonlyMap<string, Uint8Array> | Readonly<Record<string, Uint8Array>>

export interface PretrainedOptions {
  /** dtype of the parameters, default f32 whatever the file has */
  readonly dtype?: DType
}

/** A file's bytes, undefined where there is none. */
export type ReadNamed = (name: string) => Promise<Uint8Array | undefined>

export function filesOf(source: ModelSource): ReadNamed {
  if (typeof source === 'string') return name => readFile(`${source.replace(/\/$/, '')}/${name}`)
  const files = source instanceof Map ? source : new Map(Object.entries(source))
  return async name => files.get(name)
}

const nameOf = (source: ModelSource): string => (typeof source === 'string' ? source : 'the given files')

export type Json = Record<string, unknown>

/** Whatever a JSON file holds, undefined where there is no file. */
export async function readJsonValue(read: ReadNamed, name: string): Promise<unknown> {
  const bytes = await read(name)
  if (!bytes) return undefined
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (error) {
    throw new FormatError('fromPretrained', `${name} is not JSON: ${(error as Error).message}`)
  }
}

export async function readJson(read: ReadNamed, name: string): Promise<Json | undefined> {
  const value = await readJsonValue(read, name)
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError('fromPretrained', `${name} is not a JSON object`)
  return value as Json
}

/** config.json. @throws CairnError where there is none, FormatError if it is another model's */
export async function readConfig(source: ModelSource): Promise<ConfigReader> {
  const json = await readJson(filesOf(source), 'config.json')
  if (!json) throw new CairnError('fromPretrained', `there is no config.json in ${nameOf(source)}`)
  return new ConfigReader(json)
}

/** Typed reading of config.json: what is not there or of another type is an error that names the key. */
export class ConfigReader {
  readonly json: Json
  constructor(json: Json) {
    this.json = json
  }
  #bad(key: string, wanted: string): never {
    const value = JSON.stringify(this.json[key])?.slice(0, 60) ?? 'missing'
    throw new FormatError('fromPretrained', `config.json: ${key} must be ${wanted}, it is ${value}`)
  }
  /** A positive integer. */
  size(key: string, fallback?: number): number {
    const value = this.json[key] ?? fallback
    return Number.isSafeInteger(value) && (value as number) > 0
      ? (value as number)
      : this.#bad(key, 'a positive integer')
  }
  number(key: string, fallback?: number): number {
    const value = this.json[key] ?? fallback
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#bad(key, 'a number')
  }
  flag(key: string, fallback: boolean): boolean {
    const value = this.json[key] ?? fallback
    return typeof value === 'boolean' ? value : this.#bad(key, 'true or false')
  }
  oneOf<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    const value = this.json[key] ?? fallback
    return allowed.includes(value as T) ? (value as T) : this.#bad(key, `one of ${allowed.join(', ')}`)
  }
  /** One id or a list of them. */
  ids(key: string): number[] {
    const value = this.json[key] ?? []
    const list = Array.isArray(value) ? value : [value]
    return list.every(id => Number.isSafeInteger(id) && id >= 0) ? list : this.#bad(key, 'an id or a list of ids')
  }
  /** For settings that change the computation and are not supported. */
  absent(key: string): void {
    const value = this.json[key]
    if (value !== undefined && value !== null && value !== false) this.#bad(key, 'left out: it is not supported')
  }
}

/** All tensors of the weights' files. */
export async function readWeights(source: ModelSource): Promise<Map<string, Tensor>> {
  const read = filesOf(source)
  const single = await read('model.safetensors')
  if (single) return loadSafetensors(single)
  const index = await readJson(read, 'model.safetensors.index.json')
  if (!index)
    throw new CairnError('fromPretrained', `there is neither model.safetensors nor its index in ${nameOf(source)}`)
  const map = index.weight_map
  const bad = (problem: string) => new FormatError('fromPretrained', `model.safetensors.index.json: ${problem}`)
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw bad('weight_map is not an object')
  const wanted = Map.groupBy(Object.entries(map as Record<string, unknown>), ([, file]) => file)
  const tensors = new Map<string, Tensor>()
  for (const [file, entries] of wanted) {
    if (typeof file !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(file))
      throw bad(`'${String(file).slice(0, 60)}' is not the name of a file beside it`)
    const bytes = await read(file)
    if (!bytes) throw bad(`${file} is not there`)
    const part = loadSafetensors(bytes)
    for (const [name] of entries) {
      const t = part.get(name)
      if (!t) throw bad(`${file} does not hold ${name}`)
      tensors.set(name, t)
    }
  }
  return tensors
}

/** Gives a model, built without initial values, its weights, and waits until they are on the device. */
export async function giveWeights<M extends Module>(
  model: M,
  weights: ReadonlyMap<string, Tensor>,
  { dtype = 'f32' }: PretrainedOptions,
): Promise<M> {
  model.to(dtype)
  model.loadStateDict(weights)
  await realize(...model.parameters(), ...model.buffers())
  return model.eval()
}

/** The files of a model in the layout above. Weights are those of the moment of the call. */
export async function exportFiles(
  config: Json,
  weights: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Uint8Array>> {
  const tensors = await saveSafetensors(weights, { format: 'pt' })
  const text = new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)
  return new Map([
    ['config.json', text],
    ['model.safetensors', tensors],
  ])
}

/** Writes files to a folder, each whole or not at all. */
export async function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) await writeFile(`${folder.replace(/\/$/, '')}/${name}`, bytes)
}
