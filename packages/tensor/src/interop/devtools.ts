// Tensors in the console of a browser, for Chromium's custom formatters (to be enabled in the settings of its developer tools).

import { Tensor } from '../tensor.ts'
import { formatTensor } from './print.ts'

interface Formatter {
  header(value: unknown): unknown
  hasBody(value: unknown): boolean
  body(value: unknown): unknown
}

/**
 * Shows tensors in the console by what they are; opened, by their values. The console cannot wait: a tensor that is opened the first time is read, and shows its values when it is
 * opened again. Call it once, in development.
 * @returns a function that removes the formatter
 */
export function installDevtoolsFormatter(): () => void {
  const texts = new WeakMap<Tensor, string>()
  const formatter: Formatter = {
    header: value => (value instanceof Tensor ? ['span', {}, String(value)] : null),
    hasBody: value => value instanceof Tensor,
    body(value) {
      const x = value as Tensor
      const known = texts.get(x)
      if (known === undefined)
        formatTensor(x).then(
          text => void texts.set(x, text),
          (error: unknown) => void texts.set(x, String(error)),
        )
      return ['pre', {}, known ?? 'reading; close and open again']
    },
  }
  const place = globalThis as { devtoolsFormatters?: Formatter[] }
  place.devtoolsFormatters = [...(place.devtoolsFormatters ?? []), formatter]
  return () => {
    place.devtoolsFormatters = place.devtoolsFormatters?.filter(f => f !== formatter)
  }
}
