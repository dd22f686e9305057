// The one debug variable, CAIRN_DEBUG: a list of topics separated by commas, read when the library is used.
// Whatever it names, every 100th call of a jitted function is traced again and compared, and a GPU that starts checks indices that are data.
//   graph      each graph that is compiled, simplified: a node a line
//   schedule   each compiled plan: its kernels, what they fuse, their axes and buffers
//   kernel     the text of each kernel of such a plan: its loops, loads and stores

export type DebugTopic = 'graph' | 'schedule' | 'kernel'

interface Host {
  process?: { env?: Record<string, string | undefined> }
  CAIRN_DEBUG?: string
}

const topics = (): string => {
  const host = globalThis as Host
  return host.process?.env?.CAIRN_DEBUG ?? host.CAIRN_DEBUG ?? ''
}

export const debugging = (topic: DebugTopic): boolean => topics().split(',').includes(topic)

/** Whether any topic is on: checks that cost time are made then. */
export const debuggingAnything = (): boolean => topics() !== ''

let printed: Promise<void> = Promise.resolve()

/** Prints texts in the order of the calls. What makes them is loaded by those who debug only. */
export function print(text: () => Promise<string>): void {
  const ready = text()
  printed = printed.then(async () => console.log(await ready))
}
