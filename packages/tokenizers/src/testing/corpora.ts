// For tests only: the texts on which trainers are compared with others, from the shared data.
import { readSharedText } from './shared-data.ts'

export const corpora = {
  shakespeare: () => readSharedText('lm/tinyshakespeare.txt.gz'),
  botchan: () => readSharedText('tokenizers/sentencepiece/botchan.txt.gz'),
  code: () =>
    ['mbxp_typescript', 'mbxp_python', 'humaneval_javascript']
      .flatMap(name => readSharedText(`code/${name}.jsonl.gz`).split('\n'))
      .filter(line => line !== '')
      .map(line => {
        const { prompt = '', canonical_solution: solution = '', test = '' } = JSON.parse(line)
        return `${prompt}${solution}\n${test}\n`
      })
      .join(''),
} satisfies Record<string, () => string>
