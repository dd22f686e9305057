// Measures of labels against gold labels, with scikit-learn's definitions; what would be 0 / 0 is 0.

export interface ClassScores {
  precision: number
  recall: number
  f1: number
  /** How many gold labels it has. */
  support: number
}

export interface ClassificationReport<Label> {
  accuracy: number
  classes: Map<Label, ClassScores>
  /** Mean over the classes. */
  macro: Omit<ClassScores, 'support'>
  /** Mean over the classes, weighted by support. */
  weighted: Omit<ClassScores, 'support'>
}

/** The share of equal labels. */
export function accuracy<Label>(predicted: readonly Label[], gold: readonly Label[]): number {
  checkLengths('accuracy', predicted, gold)
  return gold.length ? predicted.filter((label, i) => label === gold[i]).length / gold.length : 0
}

/** `rows.get(gold).get(predicted)`: how often; every label of either side has a row and a column. */
export function confusion<Label>(predicted: readonly Label[], gold: readonly Label[]): Map<Label, Map<Label, number>> {
  checkLengths('confusion', predicted, gold)
  const labels = [...new Set([...gold, ...predicted])]
  const rows = new Map(labels.map(row => [row, new Map(labels.map(column => [column, 0]))]))
  gold.forEach((label, i) => {
    const row = rows.get(label)!
    row.set(predicted[i]!, row.get(predicted[i]!)! + 1)
  })
  return rows
}

/** Precision, recall and F1 of each class, and their means. */
export function classificationReport<Label>(
  predicted: readonly Label[],
  gold: readonly Label[],
): ClassificationReport<Label> {
  const rows = confusion(predicted, gold)
  const classes = new Map<Label, ClassScores>()
  for (const [label, row] of rows) {
    const hits = row.get(label)!
    let support = 0
    for (const count of row.values()) support += count
    let claimed = 0
    for (const other of rows.values()) claimed += other.get(label)!
    const precision = claimed ? hits / claimed : 0
    const recall = support ? hits / support : 0
    const f1 = claimed + support ? (2 * hits) / (claimed + support) : 0
    classes.set(label, { precision, recall, f1, support })
  }
  const meanBy = (weight: (scores: ClassScores) => number) => {
    const all = [...classes.values()]
    const whole = all.reduce((sum, scores) => sum + weight(scores), 0)
    const mean = (key: 'precision' | 'recall' | 'f1') =>
      whole ? all.reduce((sum, scores) => sum + weight(scores) * scores[key], 0) / whole : 0
    return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') }
  }
  return { accuracy: accuracy(predicted, gold), classes, macro: meanBy(() => 1), weighted: meanBy(s => s.support) }
}

/** Matthews' correlation of two labels or more (Gorodkin's R_K), -1 to 1; 0 where either side has one label only. */
export function matthews<Label>(predicted: readonly Label[], gold: readonly Label[]): number {
  const rows = confusion(predicted, gold)
  const labels = [...rows.keys()]
  const n = gold.length
  const truth = labels.map(label => [...rows.get(label)!.values()].reduce((s, c) => s + c, 0))
  const guess = labels.map(label => labels.reduce((s, other) => s + rows.get(other)!.get(label)!, 0))
  const hits = labels.reduce((s, label) => s + rows.get(label)!.get(label)!, 0)
  const dot = (x: number[], y: number[]) => x.reduce((s, v, i) => s + v * y[i]!, 0)
  const spread = Math.sqrt((n * n - dot(guess, guess)) * (n * n - dot(truth, truth)))
  return spread ? (hits * n - dot(truth, guess)) / spread : 0
}

function checkLengths(name: string, predicted: readonly unknown[], gold: readonly unknown[]): void {
  if (predicted.length !== gold.length)
    throw new RangeError(`${name}: ${predicted.length} labels and ${gold.length} gold labels; give as many`)
}
