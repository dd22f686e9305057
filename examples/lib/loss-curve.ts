// The curve of a training run: in the terminal, and as SVG.
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import { plot } from 'simple-ascii-chart'

export interface Curves {
  /** loss of each step, from step 1 */
  readonly train: readonly number[]
  /** [step, loss] on held-out text */
  readonly validation: readonly (readonly [number, number])[]
}

type Point = [number, number]

/** Means of up to `count` stretches, so that the noise of single steps does not hide the curve. */
function smoothed(train: readonly number[], count: number): Point[] {
  const width = Math.max(1, Math.floor(train.length / count))
  const points: Point[] = []
  for (let at = 0; at < train.length; at += width) {
    const part = train.slice(at, at + width)
    points.push([Math.round(at + (part.length + 1) / 2), part.reduce((a, b) => a + b, 0) / part.length])
  }
  return points
}

/** The smoothed curve, with `o` where the loss on held-out text was measured. */
export function printCurve({ train, validation }: Curves): void {
  if (train.length < 2) return
  const width = Math.max(30, Math.min(90, (process.stdout.columns ?? 80) - 12))
  const points = smoothed(train, width)
  const values = [...points.map(([, loss]) => loss), ...validation.map(([, loss]) => loss)]
  console.log(
    plot(points, {
      width,
      height: 12,
      yRange: [Math.min(...values), Math.max(...values)],
      points: validation.map(([x, y]) => ({ x, y })),
      symbols: { point: 'o' },
      hideXAxisTicks: true,
      xLabel: `steps 1 to ${train.length}`,
      title: 'loss; o on held-out text',
      formatter: value => value.toFixed(1),
    }),
  )
}

export function curveSvg({ train, validation }: Curves): string {
  const [width, height] = [720, 400]
  const frame = { left: 56, right: width - 16, top: 16, bottom: height - 44 }
  const all = [...train, ...validation.map(([, loss]) => loss)]
  const x = scaleLinear([0, Math.max(1, train.length)], [frame.left, frame.right])
  const y = scaleLinear([Math.min(...all), Math.max(...all)], [frame.bottom, frame.top]).nice()
  const draw = line()
  const path = (points: readonly (readonly [number, number])[]) =>
    draw(points.map(([s, l]): Point => [x(s), y(l)])) ?? ''
  const each = train.map((loss, i): Point => [i + 1, loss])
  const yTicks = y
    .ticks(6)
    .map(
      t =>
        `<line x1="${frame.left}" x2="${frame.right}" y1="${y(t)}" y2="${y(t)}" stroke="#ddd"/><text x="${frame.left - 8}" y="${y(t) + 4}" text-anchor="end">${t}</text>`,
    )
  const xTicks = x.ticks(8).map(t => `<text x="${x(t)}" y="${frame.bottom + 18}" text-anchor="middle">${t}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#444">
<rect width="${width}" height="${height}" fill="#fff"/>
${[...yTicks, ...xTicks].join('\n')}
<text x="${(frame.left + frame.right) / 2}" y="${height - 8}" text-anchor="middle">step</text>
<text transform="translate(14 ${(frame.top + frame.bottom) / 2}) rotate(-90)" text-anchor="middle">loss</text>
<path d="${path(each)}" fill="none" stroke="#9bbfe0"/>
<path d="${path(smoothed(train, 120))}" fill="none" stroke="#1f5fa8" stroke-width="2"/>
<path d="${path(validation)}" fill="none" stroke="#d2691e" stroke-width="2"/>
<g text-anchor="end"><text x="${frame.right - 8}" y="${frame.top + 16}" fill="#1f5fa8">training</text><text x="${frame.right - 8}" y="${frame.top + 32}" fill="#d2691e">held-out text</text></g>
</svg>
`
}
