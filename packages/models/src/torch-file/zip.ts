// The entries of a zip archive whose contents are stored as they are, as torch.save writes them (PKWARE's APPNOTE 6.3, sections 4.3.7 to 4.3.16).

import { FormatError } from '@cairn/tensor'

const bad = (problem: string, data: Record<string, unknown> = {}): never => {
  throw new FormatError('loadTorch', problem, data)
}
const text = new TextDecoder()

export const isZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4

/** Contents by name: views of the bytes, checked to lie inside of them. */
export function zipEntries(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let end = -1
  for (let i = bytes.length - 22; i >= Math.max(0, bytes.length - 22 - 65_535); i--)
    if (view.getUint32(i, true) === 0x06054b50) {
      end = i
      break
    }
  if (end < 0) bad('the archive has no end; the file is cut off')
  const count = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true)
  if (count === 0xffff || at === 0xffffffff) bad('archives above 4 GB are not read; save as safetensors')
  const found = new Map<string, Uint8Array>()
  for (let n = 0; n < count; n++) {
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50) bad("the archive's directory is broken", { entry: n })
    const [method, size, nameLength] = [
      view.getUint16(at + 10, true),
      view.getUint32(at + 24, true),
      view.getUint16(at + 28, true),
    ]
    const stored = view.getUint32(at + 20, true)
    const header = view.getUint32(at + 42, true)
    const name = text.decode(bytes.subarray(at + 46, at + 46 + nameLength))
    if (method !== 0 || stored !== size) bad(`${name} is compressed, which torch.save never does`, { method })
    if (header + 30 > bytes.length || view.getUint32(header, true) !== 0x04034b50)
      bad(`${name} is not where the archive says`, { at: header })
    const from = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true)
    if (from + size > bytes.length) bad(`${name} reaches over the end of the file`, { bytes: size })
    found.set(name, bytes.subarray(from, from + size))
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return found
}
