// Reading and writing at positions that are data.
import { type Tensor, where } from '@cairn/tensor'
import { asIndex, type Call, hostTensor, type Op, range, wrap, wrapped } from '../call.ts'
import { numbersOf } from '../elements.ts'

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

function gather(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  return x.indexSelect(axis, wrapped(call.input(1), x.shape[axis]))
}

function gatherElements(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  return x.gather(axis, wrapped(call.input(1), x.shape[axis]))
}

/** The last axis of `index` names leading axes of `shape`: positions among these as one number. */
function flatPositions(index: Tensor, shape: readonly number[]): Tensor {
  return index.unbind(-1).reduce<Tensor | null>((sum, column, d) => {
    const own = wrapped(column, shape[d])
    return sum ? sum.mul(shape[d]).add(own) : own
  }, null)!
}

function gatherND(call: Call): Tensor {
  const [x, index] = [call.x, call.input(1)]
  const batch = call.int('batch_dims', 0)
  const depth = index.shape[index.ndim - 1]
  const inner = x.shape.slice(batch + depth)
  const rows = product(x.shape.slice(0, batch))
  const count = product(index.shape.slice(batch, -1))
  const own = x.shape.slice(batch, batch + depth)
  const positions = flatPositions(index, own).reshape([rows, count])
  const base = hostTensor(
    range(rows).map(r => r * product(own)),
    [rows, 1],
    'i32',
  )
  const flat = positions.add(base).reshape([rows * count])
  return x
    .reshape([rows * product(own), product(inner)])
    .indexSelect(0, flat)
    .reshape([...index.shape.slice(0, -1), ...inner])
}

type Joined = 'none' | 'add' | 'mul'

/** Writes rows of updates at positions of axis 0, in order. */
function scatterRows(x: Tensor, positions: Tensor, updates: Tensor, how: Joined): Tensor {
  const index = positions.reshape([positions.size, 1]).expand(updates.shape)
  return scatterAlong(x, 0, index, updates, how)
}

function scatterAlong(x: Tensor, axis: number, index: Tensor, updates: Tensor, how: Joined): Tensor {
  switch (how) {
    case 'none':
      return x.scatter(axis, index, updates)
    case 'add':
      return x.scatterAdd(axis, index, updates)
    case 'mul': {
      // what lies side by side meets other places, so one slice after the other multiplies each place once
      let out = x
      for (let i = 0; i < index.shape[axis]; i++)
        out = out.mul(x.onesLike().scatter(axis, index.narrow(axis, i, 1), updates.narrow(axis, i, 1)))
      return out
    }
    default:
      throw new Error(`there is no reduction '${how satisfies never}'`)
  }
}

function scatterElements(call: Call): Tensor {
  const x = call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  const how = call.text<Joined>('reduction', 'none')
  return scatterAlong(x, axis, wrapped(call.input(1), x.shape[axis]), call.input(2), how)
}

function scatterND(call: Call): Tensor {
  const [x, index, updates] = [call.x, call.input(1), call.input(2)]
  const depth = index.shape[index.ndim - 1]
  const inner = product(x.shape.slice(depth))
  const count = product(index.shape.slice(0, -1))
  const rows = x.reshape([product(x.shape.slice(0, depth)), inner])
  const how = call.text<Joined>('reduction', 'none')
  const positions = flatPositions(index, x.shape).reshape([count])
  return scatterRows(rows, positions, updates.reshape([count, inner]), how).reshape(x.shape)
}

/** Positions outside of [-depth, depth) have no class. */
async function oneHot(call: Call): Promise<Tensor> {
  const depth = await call.number(1)
  const [off, on] = call.input(2).unbind(0)
  const index = wrapped(call.x.trunc(), depth)
  const axis = wrap(call.int('axis', -1), index.ndim + 1)
  const classes = hostTensor(range(depth), [depth], 'i32').reshape(
    range(index.ndim + 1).map(d => (d === axis ? depth : 1)),
  )
  return where(index.unsqueeze(axis).eq(classes), on, off)
}

async function compress(call: Call): Promise<Tensor> {
  const flat = !call.has('axis')
  const x = flat ? call.x.flatten() : call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  const kept = ((await call.numbers(1)) ?? []).flatMap((on, i) => (on ? [i] : []))
  return x.indexSelect(axis, hostTensor(kept, [kept.length], 'i32'))
}

/** Distinct slices along an axis: how many there are is known when they have been read. */
async function unique(call: Call): Promise<Tensor[]> {
  const flat = !call.has('axis')
  const x = flat ? call.x.flatten() : call.x
  const axis = wrap(call.int('axis', 0), x.ndim)
  const sorted = call.flag('sorted', true)
  const rows = x.movedim(axis, 0).reshape([x.shape[axis], -1])
  const width = rows.shape[1]
  const values = await numbersOf(rows)
  const row = (i: number): readonly number[] => values.slice(i * width, (i + 1) * width)
  const groups = new Map<string, number[]>()
  for (const i of range(rows.shape[0])) {
    const key = row(i).join()
    groups.set(key, [...(groups.get(key) ?? []), i])
  }
  const found = [...groups.values()]
  if (sorted)
    found.sort(([i], [j]) => {
      const [a, b] = [row(i), row(j)]
      const at = a.findIndex((v, d) => v !== b[d])
      return at < 0 ? 0 : a[at] - b[at]
    })
  const inverse = new Array<number>(rows.shape[0])
  found.forEach((members, place) => {
    for (const i of members) inverse[i] = place
  })
  const firsts = found.map(members => members[0])
  const places = (list: readonly number[]): Tensor => asIndex(hostTensor(list, [list.length], 'i32'))
  return [
    x.indexSelect(axis, hostTensor(firsts, [firsts.length], 'i32')),
    places(firsts),
    places(inverse),
    places(found.map(members => members.length)),
  ]
}

export const indexing: Readonly<Record<string, Op>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  NonZero: async call => asIndex((await call.x.nonzero()).transpose(0, 1)),
  Compress: compress,
  Unique: unique,
}
