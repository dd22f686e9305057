// Chat templates: the Jinja text in tokenizer_config.json that turns a conversation into a prompt. Rendered by npm
// @huggingface/jinja, which is loaded only here, so that nobody else needs it.
import { TokenizerError } from './errors.ts'

/** A message of a conversation; templates may look at more fields than these. */
export type ChatMessage = { role: string; content: string; [field: string]: unknown }

/** What tokenizer_config.json says that matters here. */
export type TokenizerConfig = {
  chat_template?: string | { name: string; template: string }[]
  bos_token?: string | { content: string } | null
  eos_token?: string | { content: string } | null
  [field: string]: unknown
}

export type ChatOptions = {
  /** End with the start of the assistant's turn. Default false. */
  addGenerationPrompt?: boolean
  /** Which of several templates. Default `default`. */
  template?: string
  /** More variables for the template, such as `tools`. */
  variables?: Record<string, unknown>
}

const contentOf = (token: string | { content: string } | null | undefined) =>
  typeof token === 'object' ? (token?.content ?? '') : (token ?? '')

/** A function from conversations to prompts. Needs npm `@huggingface/jinja`. */
export async function chatTemplate(
  config: TokenizerConfig,
): Promise<(messages: readonly ChatMessage[], options?: ChatOptions) => string> {
  const { Template } = await import('@huggingface/jinja').catch(() => {
    throw new TokenizerError('chatTemplate: install @huggingface/jinja, which renders the templates')
  })
  const named = Array.isArray(config.chat_template)
    ? config.chat_template
    : config.chat_template === undefined
      ? []
      : [{ name: 'default', template: config.chat_template }]
  if (named.length === 0) throw new TokenizerError('chatTemplate: the configuration has no chat_template')
  const templates = new Map(named.map(({ name, template }) => [name, new Template(template)]))
  return (messages, { addGenerationPrompt = false, template = 'default', variables = {} } = {}) => {
    const found = templates.get(template)
    if (!found) {
      throw new TokenizerError(`chatTemplate: there is no ${template}; there are ${[...templates.keys()].join(', ')}`)
    }
    return found.render({
      messages,
      add_generation_prompt: addGenerationPrompt,
      bos_token: contentOf(config.bos_token),
      eos_token: contentOf(config.eos_token),
      ...variables,
    })
  }
}
