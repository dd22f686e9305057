// A write load whose every state can be computed: operation n and what the store holds after it.

import type { DocumentInput } from '../../store.ts'

const DOCUMENTS = 40
export const DIMENSIONS = 8

const mix = (n: number): number => Math.imul((n ^ (n >>> 15)) + 0x9e3779b9, 0x85ebca6b) >>> 0

/** What operation n (from 1 on) does. */
export function operation(n: number): { put: DocumentInput[] } | { delete: string[] } {
  const id = (i: number) => `doc${mix(i) % DOCUMENTS}`
  if (n % 6 === 0) return { delete: [id(n), id(n + 1)] }
  return {
    put: n % 5 === 0 ? [...new Set([id(n), id(n + 7)])].map(name => documentOf(name, n)) : [documentOf(id(n), n)],
  }
}

function documentOf(id: string, n: number): DocumentInput {
  const chunks = Array.from({ length: 1 + (mix(n) % 6) }, (_, i) => {
    const text = `operation${n} chunk ${i} ${'word'.repeat(1 + (mix(n + i) % 400))} term${mix(i * n) % 50}`
    return {
      text,
      span: [i * 1000, i * 1000 + text.length] as const,
      vector: Array.from({ length: DIMENSIONS }, (_, d) => Math.sin(n * 7 + i * 3 + d)),
    }
  })
  return { id, metadata: { operation: n }, chunks }
}

/** What the store holds after the first n operations. */
export function stateAfter(n: number): Map<string, DocumentInput> {
  const state = new Map<string, DocumentInput>()
  for (let i = 1; i <= n; i++) {
    const step = operation(i)
    if ('delete' in step) for (const id of step.delete) state.delete(id)
    else for (const document of step.put) state.set(document.id, document)
  }
  return state
}
