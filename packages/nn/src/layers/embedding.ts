import { arange, type DeviceName, type Tensor } from '@cairn/tensor'
import { normal } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** A table of vectors, read by row. Starts as N(0, 1), as in torch. */
export class Embedding extends Module {
  /** [count, width] */
  weight: Tensor
  readonly paddingIdx: number | null

  /** @param options.paddingIdx a row that starts as zeros and gets no gradient */
  constructor(count: number, width: number, options: { paddingIdx?: number } = {}) {
    super()
    this.paddingIdx = options.paddingIdx ?? null
    const table = normal([count, width], 0, 1)
    this.weight = parameter(
      this.paddingIdx === null
        ? table
        : table.where(rowNumbers(count, table.device as DeviceName).ne(this.paddingIdx), 0),
    )
  }

  /** Integer ids of any shape [...] to [..., width]. */
  forward(ids: Tensor): Tensor {
    const rows = this.weight.indexSelect(0, ids)
    if (this.paddingIdx === null) return rows
    return rows.where(ids.ne(this.paddingIdx).unsqueeze(-1), rows.detach())
  }
}

const rowNumbers = (count: number, device: DeviceName): Tensor => arange(0, count, 1, { device }).unsqueeze(-1)
