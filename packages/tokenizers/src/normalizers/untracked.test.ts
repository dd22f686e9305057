// Normalizers do less work for a text whose alignment nobody asks for; the text must be the same.
import { expect, test } from 'vitest'
import { Regex } from '../regex/regex.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { AlignedText } from '../text/aligned-text.ts'
import { BertNormalizer } from './bert.ts'
import { Prepend } from './prepend.ts'
import { Replace } from './replace.ts'
import { SentencePieceNormalizer } from './sentence-piece.ts'
import { NormalizerSequence } from './sequence.ts'
import { Strip } from './strip.ts'

const normalizers = {
  strip: new Strip(),
  'strip, left': new Strip(true, false),
  prepend: new Prepend('\u2581'),
  'replace a text': new Replace(' ', "$&$'$$"),
  'replace nothing': new Replace('', 'x'),
  'replace runs of spaces': new Replace(new Regex(' {2,}'), '$1'),
  'replace spaces': new Replace(new Regex(' +'), '\u2581'),
  'replace by an expression': new Replace(new Regex('[a-z]+|\\s'), '-'),
  bert: new BertNormalizer(),
  sentencepiece: new SentencePieceNormalizer(),
  several: new NormalizerSequence([
    new Strip(),
    new Replace(new Regex(' {2,}'), ' '),
    new Prepend(' '),
    new Replace(' ', '\u2581'),
  ]),
}

test.each(Object.entries(normalizers))(`%s (seed ${seed})`, (_, normalizer) => {
  const next = random(seed)
  for (let i = 0; i < 300; i++) {
    const text = `${' '.repeat(i % 3)}${fuzzString(next)}`.toWellFormed()
    const [tracked, untracked] = [new AlignedText(text), AlignedText.untracked(text)]
    normalizer.normalize(tracked)
    normalizer.normalize(untracked)
    expect(untracked.text, JSON.stringify(text)).toBe(tracked.text)
  }
})
