// PyTorch, where a python3 with torch is there: the yardstick outside of JavaScript. A process of its own runs one work as often as it is
// asked, on one thread, and answers with the seconds that each run took.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { sizes, type WorkName } from './peer.ts'

const script = `
import sys, time, json, torch
threads, work, sizes = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
F = torch.nn.functional
n, count, rows = sizes['matmul'], sizes['count'], sizes['rows']

def training(model, batch, classes, shape):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    def step():
        opt.zero_grad(set_to_none=True)
        logits = model(batch)
        F.cross_entropy(logits.reshape(-1, classes), shape).backward()
        opt.step()
    return step

class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        L = torch.nn.Linear
        self.heads, self.n1, self.n2 = heads, torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = L(width, 3 * width, bias=False), L(width, width, bias=False)
        self.up, self.down = L(width, 4 * width, bias=False), L(4 * width, width, bias=False)
    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (y.view(b, t, self.heads, w // self.heads).transpose(1, 2) for y in self.qkv(self.n1(x)).split(w, 2))
        scores = (q @ k.transpose(-2, -1)) * (w // self.heads) ** -0.5
        mask = torch.ones(t, t, dtype=torch.bool).tril()
        mixed = scores.masked_fill(~mask, float('-inf')).softmax(-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, w))
        return x + self.down(F.gelu(self.up(self.n2(x))))

class GPT(torch.nn.Module):
    def __init__(self, s):
        super().__init__()
        self.wte = torch.nn.Embedding(s['vocabulary'], s['width'])
        self.wpe = torch.nn.Embedding(s['block'], s['width'])
        self.blocks = torch.nn.ModuleList(Block(s['width'], s['heads']) for _ in range(s['layers']))
        self.last = torch.nn.LayerNorm(s['width'])
    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks: x = block(x)
        return self.last(x) @ self.wte.weight.T

def prepare():
    if work == 'matmul':
        a, b = torch.randn(n, n), torch.randn(n, n)
        return lambda: a @ b
    x = torch.randn(count) if work in ('gelu', 'add', 'sum') else torch.randn(*rows)
    a, b = torch.randn(count), torch.randn(count)
    w, c = torch.randn(rows[1]), torch.randn(rows[1])
    if work == 'gelu': return lambda: F.gelu(x * a + b, approximate='tanh')
    if work == 'add': return lambda: x + a
    if work == 'sum': return lambda: x.sum()
    if work == 'softmax': return lambda: x.softmax(-1)
    if work == 'layerNorm': return lambda: F.layer_norm(x, [rows[1]], w, c)
    if work == 'mlp':
        s = sizes['mlp']
        model = torch.nn.Sequential(torch.nn.Linear(s['inputs'], s['hidden']), torch.nn.ReLU(), torch.nn.Linear(s['hidden'], s['classes']))
        return training(model, torch.randn(s['batch'], s['inputs']), s['classes'], torch.randint(0, s['classes'], (s['batch'],)))
    s = sizes['gpt']
    ids = torch.randint(0, s['vocabulary'], (s['batch'], s['block']))
    return training(GPT(s), ids, s['vocabulary'], torch.randint(0, s['vocabulary'], (s['batch'] * s['block'],)))

once = prepare()
training_work = work in ('mlp', 'gpt')
def timed():
    start = time.perf_counter()
    if training_work: once()
    else:
        with torch.no_grad(): once()
    return time.perf_counter() - start
for line in sys.stdin:
    print(timed(), flush=True)
`

/** Its BLAS has to be told what this class of processor is, or it is five times slower; a run waits passively, beside ours. */
const environment = { OPENBLAS_CORETYPE: 'SkylakeX', OMP_WAIT_POLICY: 'passive' }

export interface Torch {
  readonly python: string
  readonly version: string
}

/** Debian's takes whichever BLAS is installed; with the plain one (no libopenblas0) its products are thirty times slower, which its name must say. */
const versionScript = `
import torch
torch.ones(64, 64) @ torch.ones(64, 64)
fast = 'USE_MKL=ON' in torch.__config__.show()
try: fast = fast or 'openblas' in open('/proc/self/maps').read()
except OSError: fast = True
print(torch.__version__ + ('' if fast else ' without OpenBLAS'))
`

/** The first Python that has it, or undefined. */
export function findTorch(): Torch | undefined {
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(python, ['-c', versionScript], { encoding: 'utf8' })
    if (status === 0) return { python, version: stdout.trim() }
  }
  return undefined
}

export interface TorchWork {
  /** Seconds of one run by its own clock. */
  run(): Promise<number>
  close(): void
}

export function startTorch({ python }: Torch, work: WorkName, threads = 1): TorchWork {
  const env = {
    ...process.env,
    ...environment,
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  }
  const child: ChildProcess = spawn(python, ['-c', script, String(threads), work, JSON.stringify(sizes)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    async run() {
      child.stdin!.write('\n')
      const { value, done } = await lines.next()
      if (done) throw new Error(`peers: PyTorch ended while it ran ${work}`)
      return Number(value)
    },
    close: () => void child.kill(),
  }
}
