// Writes with the model that quickstart trained: npx -y pnpm@12 generate --prompt "Call me"
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { generate, loadCausalLM } from '@cairn/models'
import { Tokenizer } from '@cairn/tokenizers'
import { command } from '../../tools/command.ts'
import { main, number, options, outFolder, startDevice } from '../lib/run.ts'

await main(async () => {
  const given = options({
    prompt: { type: 'string', default: 'Call me' },
    model: { type: 'string', default: outFolder('quickstart') },
    tokens: { type: 'string' },
    temperature: { type: 'string' },
    'top-k': { type: 'string' },
    'top-p': { type: 'string' },
    seed: { type: 'string' },
    stop: { type: 'string' },
  })
  if (!existsSync(join(given.model, 'model.safetensors'))) {
    const elsewhere = given.model === outFolder('quickstart') ? [] : ['--out', given.model]
    throw new Error(`There is no model in ${given.model}; train one first with: ${command('quickstart', ...elsewhere)}`)
  }
  await startDevice(given.device)
  const [model, tokenizer] = [
    await loadCausalLM(given.model),
    await Tokenizer.fromFile(join(given.model, 'tokenizer.json')),
  ]
  process.stdout.write(given.prompt)
  const stream = generate(model, tokenizer, given.prompt, {
    maxNewTokens: number('tokens', given.tokens, 200),
    temperature: number('temperature', given.temperature, 0.8),
    topK: given['top-k'] === undefined ? undefined : number('top-k', given['top-k'], 0),
    topP: number('top-p', given['top-p'], 0.95),
    seed: given.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : number('seed', given.seed, 0),
    stop: given.stop,
  })
  for await (const piece of stream) process.stdout.write(piece)
  process.stdout.write('\n')
})
