import { expect, test } from 'vitest'
import { COMPILED_FROM, crc32c, plainCrc32c } from './checksum.ts'
import { randomFrom } from './testing/random.ts'

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

test('compiled code gives what plain code gives, at every length around a step and a block', () => {
  const random = randomFrom(17)
  const bytes = Uint8Array.from({ length: (1 << 18) + 100 }, () => 256 * random())
  const lengths = [
    COMPILED_FROM - 1,
    COMPILED_FROM,
    COMPILED_FROM + 1,
    COMPILED_FROM + 7,
    (1 << 17) - 1,
    1 << 17,
    (1 << 17) + 1,
  ]
  for (const length of [...lengths, (1 << 17) + 9, 1 << 18, (1 << 18) + 97])
    for (const [start, before] of [
      [0, 0],
      [3, 0xdeadbeef],
    ])
      expect(crc32c(bytes.subarray(start, start + length), before), `${length} bytes`).toBe(
        plainCrc32c(bytes.subarray(start, start + length), before),
      )
})
