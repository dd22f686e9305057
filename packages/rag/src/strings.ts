// Many strings as two arrays, for segments: their UTF-8 one after the other, and where each ends.

export interface PackedStrings {
  bytes: Uint8Array
  ends: Uint32Array
}

export function packStrings(strings: readonly string[]): PackedStrings {
  const encoder = new TextEncoder()
  let bytes = new Uint8Array(1024)
  let used = 0
  const ends = new Uint32Array(strings.length)
  strings.forEach((text, i) => {
    while (used + text.length * 3 > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
    used += encoder.encodeInto(text, bytes.subarray(used)).written
    ends[i] = used
  })
  return { bytes: bytes.slice(0, used), ends }
}

export function unpackStrings({ bytes, ends }: PackedStrings): string[] {
  const decoder = new TextDecoder()
  return Array.from(ends, (end, i) => decoder.decode(bytes.subarray(i ? ends[i - 1] : 0, end)))
}
