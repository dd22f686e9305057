// What may be a piece, as sentencepiece has it (trainer_interface.cc, IsValidSentencePiece): not too long, the sign for
// white space only in front, or only at the end, one script.
import { scriptNames, scriptTable } from '../unicode/scripts.ts'

export type PieceRules = {
  /** Longest piece, in characters. Default 16. */
  maxPieceLength?: number
  /** Pieces do not mix scripts. Default true. */
  splitByScript?: boolean
  /** Digits are a script of their own. Default true. */
  splitByNumber?: boolean
  /** A digit is a piece by itself. Default false. */
  splitDigits?: boolean
  /** Pieces do not cross white space. Default true. */
  splitByWhitespace?: boolean
  /** White space belongs to the word before it. Default false. */
  whitespaceAsSuffix?: boolean
}

/** Stands for white space in the words. */
export const SPACE = 0x2581
/** Stands for characters outside the alphabet while training; texts that hold it themselves are left out. */
export const UNKNOWN = 0x2585
/** Stands for control symbols that are written out in the text; it is in no piece. */
export const BOUNDARY = 0x09

const isDigit = (cp: number) => (cp >= 0x30 && cp <= 0x39) || (cp >= 0xff10 && cp <= 0xff19)

/** Says whether the code points [start, end) of a text may be a piece. */
export function pieceValidity(rules: PieceRules): (text: ArrayLike<number>, start: number, end: number) => boolean {
  const { maxPieceLength = 16, splitByScript = true, splitByNumber = true } = rules
  const { splitDigits = false, splitByWhitespace = true, whitespaceAsSuffix = false } = rules
  const names = scriptNames()
  const table = scriptTable()
  const han = names.indexOf('Han')
  const inherited = names.indexOf('Inherited')
  const asHan = new Set([names.indexOf('Hiragana'), names.indexOf('Katakana')])
  return (text, start, end) => {
    if (end - start < 1 || end - start > maxPieceLength) return false
    let previous = -1
    for (let at = start; at < end; at++) {
      const cp = text[at]
      if (cp <= 0 || cp === UNKNOWN || cp === BOUNDARY || cp === 0x20) return false
      if (cp === SPACE) {
        const fromItsEnd = whitespaceAsSuffix ? end - 1 - at : at - start
        if (fromItsEnd > 0 && (splitByWhitespace || fromItsEnd === end - 1 - start)) return false
        continue
      }
      let script = table[cp]
      if (asHan.has(script) || cp === 0x30fc) script = han
      else if (script === inherited) script = previous
      if (isDigit(cp)) {
        if (!splitByNumber) script = -1
        if (splitDigits && end - start > 1) return false
      }
      if (splitByScript && script !== -1 && previous !== -1 && previous !== script) return false
      previous = script
    }
    return true
  }
}
