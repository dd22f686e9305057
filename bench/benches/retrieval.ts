// Retrieval beside its npm peers in the same run, on one thread.
import type { BenchOptions, Measurement } from '../bench.ts'

export const description =
  'search by words against MiniSearch, Orama, wink and FlexSearch. Args: lexical (default), million [passages]'

export async function* run({ args }: BenchOptions): AsyncGenerator<Measurement> {
  const [what = 'lexical', count = '1000000'] = args
  const { lexicalBench, millionBench } = await import('../retrieval/lexical.ts')
  if (what === 'lexical') yield* lexicalBench()
  else if (what === 'million') yield* millionBench(Number(count))
  else throw new Error(`bench retrieval: there is no part '${what}'; there are lexical, million.`)
}
