// A text on its way to tokens: a list of pieces, each either still text or already tokens (an added token). Pre-tokenizers
// cut the pieces that are still text; the model then turns what is left into tokens.
import type { Token } from '../models/model.ts'
import type { AlignedText } from './aligned-text.ts'

/** One piece of a text. */
export type Piece = { text: AlignedText; tokens?: Token[] }

export class PreTokenizedText {
  pieces: Piece[]

  constructor(pieces: Piece[]) {
    this.pieces = pieces
  }

  /** Cuts every piece that has no tokens yet; empty results are dropped. */
  split(cut: (text: AlignedText, index: number) => Iterable<AlignedText>): void {
    const next: Piece[] = []
    this.pieces.forEach((piece, index) => {
      if (piece.tokens) next.push(piece)
      else for (const text of cut(piece.text, index)) if (!text.isEmpty) next.push({ text })
    })
    this.pieces = next
  }
}
