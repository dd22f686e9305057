// The two text formats of TREC. A run: `query Q0 document rank score tag`; judgements: `query iteration document grade`.
import type { Qrels, Run, ScoredDocument } from './order.ts'
import { trecOrder } from './order.ts'

/** A line that is not of the format. */
export class TrecFormatError extends Error {
  override name = 'TrecFormatError'
  /** Counted from 1. */
  readonly line: number

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`)
    this.line = line
  }
}

function* rows(text: string, columns: number, form: string): Generator<{ line: number; cells: string[] }> {
  let line = 0
  for (const row of text.split('\n')) {
    line++
    const cells = row.trim().split(/\s+/)
    if (cells[0] === '') continue
    if (cells.length !== columns)
      throw new TrecFormatError(line, `${cells.length} columns, and there must be ${columns}: ${form}`)
    yield { line, cells }
  }
}

/** Reads a run. The order of lines and the ranks mean nothing, as in trec_eval: scores decide. */
export function readRun(text: string): Map<string, ScoredDocument[]> {
  const run = new Map<string, ScoredDocument[]>()
  for (const { line, cells } of rows(text, 6, 'query Q0 document rank score tag')) {
    const [query, , id, , number] = cells as [string, string, string, string, string]
    const score = Number(number)
    if (Number.isNaN(score)) throw new TrecFormatError(line, `the score ${number} is no number`)
    const results = run.get(query)
    if (results) results.push({ id, score })
    else run.set(query, [{ id, score }])
  }
  return run
}

/** The text of a run, in trec_eval's order. */
export function writeRun(run: Run, tag = 'cairn'): string {
  const lines: string[] = []
  for (const [query, results] of run) {
    const scores = new Map(results.map(({ id, score }) => [id, score]))
    trecOrder(results).forEach((id, i) => {
      lines.push(`${cell(query)} Q0 ${cell(id)} ${i + 1} ${scores.get(id)} ${cell(tag)}\n`)
    })
  }
  return lines.join('')
}

/** Reads judgements. A document judged twice for a query keeps the last grade. */
export function readQrels(text: string): Map<string, Map<string, number>> {
  const qrels = new Map<string, Map<string, number>>()
  for (const { line, cells } of rows(text, 4, 'query iteration document grade')) {
    const [query, , id, number] = cells as [string, string, string, string]
    const grade = Number(number)
    if (!Number.isInteger(grade)) throw new TrecFormatError(line, `the grade ${number} is no whole number`)
    const judged = qrels.get(query)
    if (judged) judged.set(id, grade)
    else qrels.set(query, new Map([[id, grade]]))
  }
  return qrels
}

/** The text of judgements. */
export function writeQrels(qrels: Qrels): string {
  const lines: string[] = []
  for (const [query, judged] of qrels)
    for (const [id, grade] of judged) lines.push(`${cell(query)} 0 ${cell(id)} ${grade}\n`)
  return lines.join('')
}

function cell(text: string): string {
  if (text === '' || /\s/.test(text))
    throw new RangeError(`TREC file: ${JSON.stringify(text)} cannot be a column: ids must be free of white space`)
  return text
}
