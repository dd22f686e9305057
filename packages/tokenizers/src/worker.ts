// The program of a pool's worker: `@cairn/tokenizers/worker.js`. Its first message says what tokenizer to make, each later one is
// a job; answers come in the order of the jobs.
import { type Job, makeTokenizer, type Result, type Start, work } from './batch/protocol.ts'
import type { Tokenizer } from './tokenizer.ts'

type Port = { postMessage(message: Result, transfer: ArrayBuffer[]): void }

const node = globalThis.process?.getBuiltinModule?.('node:worker_threads')
const port: Port = node?.parentPort ?? (globalThis as unknown as Port)
let tokenizer: Tokenizer | undefined
let failure = ''

function receive(message: Start | Job): void {
  if ('source' in message) {
    try {
      tokenizer = makeTokenizer(message.source)
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
    }
    return
  }
  const result: Result = tokenizer ? work(tokenizer, message) : { kind: 'error', message: failure }
  port.postMessage(result, result.kind === 'ids' ? [result.ids.buffer, result.lengths.buffer] : [])
}

if (node?.parentPort) node.parentPort.on('message', receive)
// Outside a worker this does nothing.
else globalThis.addEventListener?.('message', event => receive((event as MessageEvent<Start | Job>).data))
