// Cases as the ONNX backend tests have them: a folder with model.onnx and test_data_set_*/input_*.pb and output_*.pb. They are read from folders, or from
// a .tar.xz of such folders without unpacking it to disk.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseTar } from 'nanotar'
import xz from 'xz-decompress'

export interface Case {
  readonly name: string
  readonly model: Uint8Array
  readonly sets: readonly DataSet[]
}
export interface DataSet {
  readonly inputs: readonly Uint8Array[]
  readonly outputs: readonly Uint8Array[]
}

/** Files by their paths inside of a case. */
type Files = ReadonlyMap<string, () => Uint8Array>

/** Every case of a folder, at any depth, or of an archive; archives in the folder are read too. */
export async function casesIn(path: string): Promise<Case[]> {
  const found = new Map<string, Map<string, () => Uint8Array>>()
  const add = (file: string, read: () => Uint8Array): void => {
    const match = /(?:^|\/)([^/]+)\/(model\.onnx|test_data_set_\d+\/(?:in|out)put_\d+\.pb)$/.exec(file)
    if (!match) return
    const files = found.get(match[1]) ?? new Map<string, () => Uint8Array>()
    files.set(match[2], read)
    found.set(match[1], files)
  }
  const archives = await walk(path, basename(path), add)
  for (const archive of archives) {
    for (const { name, data } of parseTar(await unpacked(archive))) if (data) add(name, () => data)
  }
  return [...found]
    .filter(([, files]) => files.has('model.onnx'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, files]) => ({
      name: name.replace(/^test_/, ''),
      model: files.get('model.onnx')!(),
      sets: setsOf(files),
    }))
}

/** Adds the files of a folder, and gives the archives that it holds. */
async function walk(
  path: string,
  name: string,
  add: (file: string, read: () => Uint8Array) => void,
): Promise<string[]> {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) {
    if (path.endsWith('.tar.xz')) return [path]
    add(name, () => readFileSync(path))
    return []
  }
  const archives: string[] = []
  for (const entry of readdirSync(path).sort())
    archives.push(...(await walk(join(path, entry), `${name}/${entry}`, add)))
  return archives
}

async function unpacked(archive: string): Promise<Uint8Array> {
  const packed = new Blob([readFileSync(archive)]).stream() as ReadableStream<Uint8Array>
  return new Uint8Array(await new Response(new xz.XzReadableStream(packed)).arrayBuffer())
}

function setsOf(files: Files): DataSet[] {
  const sets = [...new Set([...files.keys()].flatMap(f => /^(test_data_set_\d+)\//.exec(f)?.[1] ?? []))].sort()
  return sets.map(set => {
    const numbered = (kind: string): Uint8Array[] => {
      const out: Uint8Array[] = []
      for (let i = 0; files.has(`${set}/${kind}_${i}.pb`); i++) out.push(files.get(`${set}/${kind}_${i}.pb`)!())
      return out
    }
    return { inputs: numbered('input'), outputs: numbered('output') }
  })
}
