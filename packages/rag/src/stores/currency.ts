// When a version of a document is the current one: while it is valid and no newer version is. Engines without joins get one row
// for each such stretch of time, so that "the newest version at this moment" is two comparisons in their filter.

/** [from, until): milliseconds since 1970. */
export type Interval = readonly [from: number, until: number]

export interface VersionTimes {
  readonly version: number
  readonly validFrom?: number
  readonly validUntil?: number
}

/** The ends of time: whole numbers that every engine keeps exactly. */
export const ALWAYS: Interval = [-8_640_000_000_000_000, 8_640_000_000_000_000]

export const validity = ({ validFrom = ALWAYS[0], validUntil = ALWAYS[1] }: VersionTimes): Interval => [
  validFrom,
  validUntil,
]

export const covers = ([from, until]: Interval, at: number): boolean => from <= at && at < until

/** For each version of one document, by its number, when it is current. Most have one stretch, an outdated one none. */
export function currency(versions: readonly VersionTimes[]): Map<number, Interval[]> {
  const result = new Map<number, Interval[]>()
  const newer: Interval[] = []
  for (const version of [...versions].sort((a, b) => b.version - a.version)) {
    let left: Interval[] = [validity(version)]
    for (const [from, until] of newer)
      left = left
        .flatMap(([f, u]): Interval[] => [
          [f, Math.min(u, from)],
          [Math.max(f, until), u],
        ])
        .filter(([f, u]) => f < u)
    result.set(version.version, left)
    newer.push(validity(version))
  }
  return result
}
