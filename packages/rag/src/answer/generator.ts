// What writes text: a model of @cairn/models, or any service, behind one method.

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface Generator {
  generate(
    messages: readonly Message[],
    options?: { readonly maxTokens?: number; readonly signal?: AbortSignal },
  ): Promise<string>
}
