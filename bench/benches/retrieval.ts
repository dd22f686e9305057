// Retrieval beside its npm peers in the same run, on one thread.
import type { BenchOptions, Measurement } from '../bench.ts'

export const description =
  'search by words against MiniSearch, Orama, wink and FlexSearch. Args: lexical (default), million [passages], recovery [passages] [in a document] [owned], chunkers'

export async function* run({ args }: BenchOptions): AsyncGenerator<Measurement> {
  const [what = 'lexical', count, each = '10', of] = args
  const { lexicalBench, millionBench } = await import('../retrieval/lexical.ts')
  if (what === 'lexical') yield* lexicalBench()
  else if (what === 'million') yield* millionBench(Number(count ?? 1_000_000))
  else if (what === 'recovery') {
    const { recoveryBench } = await import('../retrieval/recovery.ts')
    yield* recoveryBench(Number(count ?? 100_000), Number(each), of)
  } else if (what === 'chunkers') {
    const { chunkersBench } = await import('../retrieval/chunkers.ts')
    yield* chunkersBench()
  } else throw new Error(`bench retrieval: there is no part '${what}'; there are lexical, million, recovery, chunkers.`)
}
