import { expect, test } from 'vitest'
import { chatTemplate } from './chat.ts'
import { Tokenizer } from './tokenizer.ts'

const chat_template =
  '{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}'

test('a conversation becomes a prompt, and its special tokens are read as such only when allowed', async () => {
  const render = await chatTemplate({ chat_template, bos_token: '<s>', eos_token: { content: '</s>' } })
  const prompt = render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true })
  expect(prompt).toBe('<s><|user|>Hi</s><|assistant|>')
  const tokenizer = await Tokenizer.train('hello there', { vocabSize: 270 })
  tokenizer.addSpecialTokens(['<s>', '</s>', '<|user|>', '<|assistant|>'])
  const tokens = tokenizer.encode(prompt, { allowedSpecial: 'all' }).tokens
  expect(tokens[0]).toBe('<s>')
  expect(tokens.at(-1)).toBe('<|assistant|>')
  expect(tokenizer.encode('</s><|assistant|>').tokens).not.toContain('<|assistant|>')
})

test('several templates, and none', async () => {
  const render = await chatTemplate({ chat_template: [{ name: 'rag', template: 'R{{ tools }}' }] })
  expect(render([], { template: 'rag', variables: { tools: 1 } })).toBe('R1')
  expect(() => render([])).toThrow(/there are rag/)
  await expect(chatTemplate({})).rejects.toThrow(/no chat_template/)
})
