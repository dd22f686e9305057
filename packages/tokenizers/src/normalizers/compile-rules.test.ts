// The rules that spm_train has by name: those in the models that it writes, and what spm_normalize makes of every code point.
import { describe, expect, test } from 'vitest'
import { parseSentencePiece } from '../formats/sentence-piece.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { readShared, sharedData } from '../testing/shared-data.ts'
import { hasSentencePiece, spmNormalize, spmTrain } from '../testing/spm.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { compileRules } from './compile-rules.ts'
import { CharsMap } from './precompiled.ts'
import { SentencePieceNormalizer } from './sentence-piece.ts'

const quick = ['nmt_nfkc', 'nmt_nfkc_cf', 'identity'] as const
const names = process.env.CAIRN_SPM_BYTES ? ([...quick, 'nfkc', 'nfkc_cf'] as const) : quick

/** All rules of a compiled map. */
function rulesIn(bytes: Uint8Array): Map<string, string> {
  const out = new Map<string, string>()
  if (bytes.length === 0) return out
  const map = new CharsMap(bytes)
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  for (const [key, value] of map.all()) out.set(utf8.decode(Uint8Array.from(key)), map.image(value))
  return out
}

/** Rules that only one of two has, or that differ. vitest's own comparison of maps is quadratic. */
const differences = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter(from => a.get(from) !== b.get(from))

const normalize = (charsMap: Uint8Array, text: string): string => {
  const aligned = AlignedText.untracked(text)
  new SentencePieceNormalizer({ charsMap }).normalize(aligned)
  return aligned.text
}

test('rules of any kind are found again, and nothing else', () => {
  expect(compileRules('identity').length).toBe(0)
  const own: [string, string][] = [['a', 'b'], ['ab', ''], ['abc', 'long, é'], ['é', 'e'], ['👍🏽', '👍']] // biome-ignore format: one line
  expect(differences(rulesIn(compileRules(own)), new Map(own))).toEqual([])
  expect(() => compileRules([['', 'a']])).toThrow(/empty/)
  expect(() => compileRules([['a\0', 'a']])).toThrow(/U\+0000/)
})

test(`random rules are found again (seed ${seed})`, () => {
  const next = random(seed)
  for (let round = 0; round < 15; round++) {
    const word = () =>
      String.fromCodePoint(
        ...Array.from({ length: 1 + Math.floor(next() * 4) }, () => 1 + Math.floor(next() ** 4 * 0xd7ff)),
      )
    const rules = new Map(Array.from({ length: 1 + Math.floor(next() * 1000) }, () => [word(), word()] as const))
    expect(differences(rulesIn(compileRules(rules)), rules)).toEqual([])
  }
})

describe.skipIf(!hasSentencePiece)('against sentencepiece (needs its programs installed)', () => {
  const models = new Map(
    (hasSentencePiece ? names : []).map(name => [
      name,
      spmTrain('the cat sat on the mat\n', { model_type: 'char', vocab_size: 20, normalization_rule_name: name }),
    ]),
  )

  test.each(names)('%s is what a model of spm_train holds', { timeout: 60_000 }, name => {
    const { normalizer } = parseSentencePiece(models.get(name)!)
    expect(normalizer.name).toBe(name)
    const theirs = rulesIn(normalizer.charsMap ?? new Uint8Array(0))
    expect(differences(rulesIn(compileRules(name)), theirs)).toEqual([])
  })

  test.each(names)(
    `%s makes of every code point, and of any text, what spm_normalize makes (seed ${seed})`,
    { timeout: 60_000 },
    name => {
      const next = random(seed)
      const lines: string[] = []
      for (let cp = 1; cp < 0x110000; cp += cp === 0xd7ff ? 0x801 : 1) {
        // Private use and unassigned planes: a few.
        if (cp !== 10 && cp !== 13 && (cp < 0x33480 || cp % 997 === 0)) lines.push(`a${String.fromCodePoint(cp)}b`)
      }
      for (let i = 0; i < 2000; i++)
        lines.push(
          fuzzString(next)
            .toWellFormed()
            .replace(/[\n\r\0]/g, ' '),
        )
      const theirs = spmNormalize(models.get(name)!, lines)
      const charsMap = compileRules(name)
      const normalizer = new SentencePieceNormalizer({ charsMap })
      const differing = lines.filter((line, i) => {
        const aligned = AlignedText.untracked(line)
        normalizer.normalize(aligned)
        return aligned.text !== theirs[i]
      })
      expect(
        differing.slice(0, 10).map(line => [line, normalize(charsMap, line), theirs[lines.indexOf(line)]]),
      ).toEqual([])
    },
  )
})

test.skipIf(!sharedData)('models of an older sentencepiece hold fewer rules, and one that it has no more', () => {
  const ours = rulesIn(compileRules('nmt_nfkc'))
  for (const name of ['test_model', 'test_ja_model']) {
    const { normalizer } = parseSentencePiece(readShared(`tokenizers/sentencepiece/${name}.model`))
    const theirs = rulesIn(normalizer.charsMap!)
    expect(theirs.size).toBeGreaterThan(224_000)
    expect([...theirs].filter(([from, to]) => ours.get(from) !== to)).toEqual([['\uff5e', '~']])
  }
})
