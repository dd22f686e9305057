// The one debug variable, CAIRN_DEBUG: a list of topics separated by commas, read when the library is used.
//   schedule   each compiled plan: its kernels, what they fuse, their axes and buffers

export type DebugTopic = 'schedule'

interface Host {
  process?: { env?: Record<string, string | undefined> }
  CAIRN_DEBUG?: string
}

export function debugging(topic: DebugTopic): boolean {
  const host = globalThis as Host
  const topics = host.process?.env?.CAIRN_DEBUG ?? host.CAIRN_DEBUG
  return topics?.split(',').includes(topic) ?? false
}
