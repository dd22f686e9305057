import { expect, test } from 'vitest'
import { crc32c } from './checksum.ts'

// RFC 3720, appendix B.4.
test.each([
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  [new TextEncoder().encode('123456789'), 0xe3069283],
  [new Uint8Array(0), 0],
])('%# is as published', (bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc)
})

test('goes on from the bytes before', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 7)
  for (const cut of [0, 1, 7, 8, 9, 50, 100])
    expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes))
})
