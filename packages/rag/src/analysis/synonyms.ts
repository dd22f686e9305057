// Words that mean the same, applied to queries rather than documents, so that a list can change without indexing again.
import type { Analyzer } from './analyzer.ts'

export class Synonyms {
  private readonly groups = new Map<string, Set<string>>()

  /**
   * @param groups lists of words that stand for each other; of an entry of several words each word is searched
   */
  constructor(groups: Iterable<readonly string[]>, analyzer: Analyzer) {
    for (const group of groups) {
      const entries = group.map(entry => analyzer.terms(entry))
      for (const entry of entries) {
        // Only a single word is looked up; phrases are what it may become.
        if (entry.length !== 1) continue
        const others = this.groups.get(entry[0]!) ?? new Set<string>()
        for (const other of entries) for (const term of other) if (term !== entry[0]) others.add(term)
        this.groups.set(entry[0]!, others)
      }
    }
  }

  /** Terms that stand for a term, without itself. */
  of(term: string): ReadonlySet<string> {
    return this.groups.get(term) ?? new Set()
  }
}
