// Training against spm_train itself: pieces and scores. CAIRN_SPM_BYTES sets how much of each corpus is trained on;
// `pnpm test:slow` takes all.
import { describe, expect, test } from 'vitest'
import { parseSentencePiece, pieceTypes, writeSentencePiece } from '../formats/sentence-piece.ts'
import { Unigram } from '../models/unigram.ts'
import { Metaspace } from '../pretokenizers/metaspace.ts'
import { corpora } from '../testing/corpora.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { sharedData } from '../testing/shared-data.ts'
import { hasSentencePiece, spmDecode, spmEncode, spmTrain } from '../testing/spm.ts'
import { Tokenizer } from '../tokenizer.ts'
import { BpeTrainer } from './bpe.ts'
import { trainSentencePiece } from './sentence-piece.ts'
import { UnigramTrainer } from './unigram.ts'

const BYTES = Number(process.env.CAIRN_SPM_BYTES ?? 60_000)
const types = ['unigram', 'bpe', 'word', 'char'] as const
const isSlow = BYTES > 60_000

describe.skipIf(!hasSentencePiece || !sharedData)('against spm_train (needs it installed, and the shared data)', () => {
  const cases = Object.keys(corpora).flatMap(name =>
    types.flatMap(type =>
      (type === 'word' || type === 'char' ? [1000] : isSlow ? [500, 1000, 4000, 8000] : [600, 3000]).map(
        size => [name, type, size] as const,
      ),
    ),
  )
  test.each(cases)('%s, %s, %i pieces', { timeout: 60_000 }, async (name, modelType, vocabSize) => {
    const text = corpora[name as keyof typeof corpora]().slice(0, BYTES)
    const bytes = spmTrain(text, { model_type: modelType, vocab_size: vocabSize })
    const wanted = parseSentencePiece(bytes)
    const ours = await trainSentencePiece(text, { modelType, vocabSize })
    expect(ours.normalizer.name).toBe(wanted.normalizer.name)
    const scores = new Map(wanted.pieces.map(({ piece, score }) => [piece, score]))
    const common = ours.pieces.filter(({ piece }) => scores.has(piece))
    expect(ours.pieces.length).toBe(wanted.pieces.length)
    expect(common.length / wanted.pieces.length).toBeGreaterThanOrEqual(0.999)
    if (modelType === 'bpe') expect(ours.pieces).toEqual(wanted.pieces)
    else {
      for (const { piece, score } of common) expect(Math.abs(score - scores.get(piece)!)).toBeLessThan(1e-3)
    }
    // What we write, sentencepiece reads: the ids of both are equal.
    const lines = text.split('\n').slice(0, 200)
    const tokenizer = Tokenizer.fromSentencePiece(ours)
    const theirs = spmEncode(writeSentencePiece(ours), lines)
    lines.forEach((line, i) => expect([...tokenizer.encodeIds(line)], line).toEqual(theirs[i]))
  })

  test(`all four types encode any text as spm_encode does (seed ${seed})`, { timeout: 60_000 }, async () => {
    const text = corpora.botchan().slice(0, 50_000)
    const next = random(seed)
    const lines = Array.from({ length: 300 }, () =>
      `${fuzzString(next)} the <sep> Botchan`.toWellFormed().replace(/[\n\r\0\u2028\u0085]/g, ' '),
    )
    for (const modelType of types) {
      const model = await trainSentencePiece(text, {
        modelType,
        vocabSize: 600,
        byteFallback: modelType === 'bpe' || modelType === 'unigram',
        userDefinedSymbols: modelType === 'word' ? [] : ['<sep>', '日本語'],
        controlSymbols: ['<c>'],
      })
      const tokenizer = Tokenizer.fromSentencePiece(model)
      const theirs = spmEncode(writeSentencePiece(model), lines)
      lines.forEach((line, i) =>
        expect([...tokenizer.encodeIds(line)], `${modelType}: ${JSON.stringify(line)}`).toEqual(theirs[i]),
      )
    }
  })

  test.each(types)('%s with white space at the end of words', { timeout: 60_000 }, async modelType => {
    const text = corpora.botchan().slice(0, 60_000)
    const vocabSize = 700
    const flags = { model_type: modelType, vocab_size: vocabSize, treat_whitespace_as_suffix: true }
    const bytes = spmTrain(text, flags)
    const ours = await trainSentencePiece(text, { modelType, vocabSize, whitespaceAsSuffix: true })
    const wanted = parseSentencePiece(bytes)
    expect(wanted.normalizer.whitespaceAsSuffix).toBe(true)
    const known = new Set(wanted.pieces.map(({ piece }) => piece))
    const share = ours.pieces.filter(({ piece }) => known.has(piece)).length / known.size
    expect(share).toBeGreaterThanOrEqual(modelType === 'unigram' ? 0.999 : 1)
    if (modelType === 'bpe') expect(ours.pieces).toEqual(wanted.pieces)
    const next = random(seed)
    const lines = text.split('\n').slice(0, 200)
    for (let i = 0; i < 200; i++) {
      lines.push(`${fuzzString(next)} the Botchan `.toWellFormed().replace(/[\n\r\0\u2028\u0085]/g, ' '))
    }
    // spm_encode refuses some of these texts with a model of words.
    for (const model of modelType === 'word' ? [] : [bytes, writeSentencePiece(ours)]) {
      const tokenizer = Tokenizer.fromSentencePiece(model)
      const ids = spmEncode(model, lines)
      const texts = spmDecode(model, ids)
      lines.forEach((line, i) => {
        expect([...tokenizer.encodeIds(line)], line).toEqual(ids[i])
        expect(tokenizer.encode(line).ids, line).toEqual(ids[i])
        expect(tokenizer.decode(ids[i]), line).toBe(texts[i])
      })
    }
  })

  test.each([
    [true, true, true],
    [true, true, false],
    [true, false, true],
    [true, false, false],
    [false, true, false],
    [false, false, true],
    [false, false, false],
  ])(
    'unknown pieces at the start: suffix %s, dummy prefix %s, extra white space removed %s',
    (suffix, prefix, remove) => {
      const flags = { treat_whitespace_as_suffix: suffix, add_dummy_prefix: prefix, remove_extra_whitespaces: remove }
      const bytes = spmTrain('the cat sat on the mat\na bat at\n', { model_type: 'bpe', vocab_size: 30, ...flags })
      const lines = ['日 the cat', '日', ' 日本', '  日 cat', 'the 日', 'the', ' the cat ', '   cat', '日  日', 'a日']
      const tokenizer = Tokenizer.fromSentencePiece(bytes)
      const unknown = tokenizer.tokenToId('<unk>')!
      const ids = [...spmEncode(bytes, lines), [unknown], [unknown, unknown]]
      lines.forEach((line, i) => expect([...tokenizer.encodeIds(line)], line).toEqual(ids[i]))
      const texts = spmDecode(bytes, ids)
      ids.forEach((list, i) => expect(tokenizer.decode(list), lines[i]).toBe(texts[i]))
    },
  )

  test(`any ids, none of which encoding need make, are decoded as by spm_decode (seed ${seed})`, () => {
    const next = random(seed)
    const upTo = (n: number) => Math.floor(next() * n)
    for (let flags = 0; flags < 16; flags++) {
      const options = {
        byte_fallback: Boolean(flags & 1),
        add_dummy_prefix: Boolean(flags & 2),
        remove_extra_whitespaces: Boolean(flags & 4),
        treat_whitespace_as_suffix: Boolean(flags & 8),
      }
      const bytes = spmTrain('the cat sat on the mat\na bat at\n', {
        model_type: 'bpe', vocab_size: options.byte_fallback ? 290 : 30, control_symbols: '<c>', user_defined_symbols: '<u>,\u2581\u2581', ...options,
      }) // biome-ignore format: flags
      const { pieces } = parseSentencePiece(bytes)
      const tokenizer = Tokenizer.fromSentencePiece(bytes)
      // What ends a line for spm_decode is left out, and what begins a character comes more often.
      const all = pieces.flatMap(({ piece }, id) => (/^<0x0[0AD]>$/.test(piece) ? [] : [id]))
      const often = all.filter(id => !/^<0x/.test(pieces[id]!.piece) || /^<0x(20|41|81|96|C3|E2|ED|FF)>$/.test(pieces[id]!.piece)) // biome-ignore format: a line
      const space = tokenizer.tokenToId('\u2581')!
      const draw = () => [space, upTo(4), all[upTo(all.length)]!, often[upTo(often.length)]!][upTo(4)]!
      const lists = Array.from({ length: 500 }, () => Array.from({ length: 1 + upTo(6) }, draw))
      const texts = spmDecode(bytes, lists)
      lists.forEach((ids, i) => {
        const where = `${JSON.stringify(options)} ${ids.map(id => pieces[id]!.piece).join(' ')}`
        expect(tokenizer.decode(ids), where).toBe(texts[i])
        const stream = tokenizer.decodeStream()
        expect(ids.map(id => stream.push(id)).join('') + stream.end(), where).toBe(texts[i])
      })
    }
  })

  test('options change what they change in spm_train', { timeout: 60_000 }, async () => {
    const text = corpora.code().slice(0, 60_000)
    const wanted = parseSentencePiece(
      spmTrain(text, {
        model_type: 'unigram', vocab_size: 700, split_digits: true, split_by_unicode_script: false, byte_fallback: true,
        max_sentencepiece_length: 8, user_defined_symbols: 'function,const', control_symbols: '<c>', pad_id: 3,
        required_chars: 'é', character_coverage: 0.999, max_sentence_length: 200,
      }), // biome-ignore format: flags
    )
    const ours = await trainSentencePiece(text, {
      vocabSize: 700, splitDigits: true, splitByScript: false, byteFallback: true, maxPieceLength: 8,
      userDefinedSymbols: ['function', 'const'], controlSymbols: ['<c>'], padId: 3, requiredChars: 'é',
      characterCoverage: 0.999, maxSentenceLength: 200,
    }) // biome-ignore format: likewise
    expect(ours.pieces).toEqual(wanted.pieces)
  })
})

test('a pipeline with Metaspace and one text a line learns what trainSentencePiece learns', async () => {
  const lines = ['the cat sat on the mat', 'the rat sat on the hat', 'a bat spat at the cat', 'the hat']
  const blank = new Tokenizer({ model: new Unigram(), preTokenizer: new Metaspace() })
  const options = { vocabSize: 26, characterCoverage: 1 }
  const inPipeline = await blank.trainNew(
    lines,
    new UnigramTrainer({ ...options, specialTokens: ['<unk>', '<s>', '</s>'] }),
  )
  const model = await trainSentencePiece(lines.join('\n'), options)
  expect([...inPipeline.model.vocab()].map(([token]) => token)).toEqual(model.pieces.map(({ piece }) => piece))
  const bpe = await trainSentencePiece(lines, { ...options, modelType: 'bpe' })
  const trainer = new BpeTrainer({
    vocabSize: 26,
    rules: 'sentencepiece',
    pieces: { characterCoverage: 1 },
    specialTokens: ['<unk>', '<s>', '</s>'],
  })
  const bpeTokenizer = await blank.trainNew(lines, trainer)
  expect([...bpeTokenizer.model.vocab()].map(([token]) => token)).toEqual(bpe.pieces.map(({ piece }) => piece))
  expect(bpeTokenizer.encode('the rat').ids).toEqual(Tokenizer.fromSentencePiece(bpe).encode('the rat').ids)
})

test('special pieces: ids as asked for, refusals that say why', async () => {
  const { pieces } = await trainSentencePiece('a b c', {
    vocabSize: 12,
    unkId: 1,
    bosId: 0,
    eosId: -1,
    padId: 5,
    modelType: 'char',
    characterCoverage: 1,
  })
  expect(pieces.slice(0, 2).map(({ piece }) => piece)).toEqual(['<s>', '<unk>'])
  expect(pieces.find(({ piece }) => piece === '<pad>')?.type).toBe(pieceTypes.control)
  await expect(trainSentencePiece('a', { unkId: -1 })).rejects.toThrow(/unkId/)
  await expect(trainSentencePiece('a', { bosId: 0 })).rejects.toThrow(/taken/)
  await expect(trainSentencePiece('', {})).rejects.toThrow(/no text/)
})
