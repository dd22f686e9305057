// A live progress bar of a training run; plain lines where there is no terminal.
import cliProgress from 'cli-progress'

export interface Progress {
  /** `tokensPerSecond` of the last stretch */
  update(step: number, state: { loss: number; tokensPerSecond: number }): void
  /** Prints a line above the bar. */
  note(line: string): void
  stop(): void
}

const time = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

export function trainingProgress(steps: number, from = 0): Progress {
  const started = performance.now()
  const left = (step: number) => {
    const done = step - from
    return done > 0 ? time((((performance.now() - started) / done) * (steps - step)) / 1000) : '?'
  }
  if (!process.stdout.isTTY) {
    return {
      update: (step, { loss, tokensPerSecond }) =>
        console.log(
          `step ${step}/${steps}  loss ${loss.toFixed(4)}  ${Math.round(tokensPerSecond)} tokens/s  ${left(step)} left`,
        ),
      note: line => console.log(line),
      stop: () => {},
    }
  }
  const bars = new cliProgress.MultiBar({
    format: '{bar} {value}/{total}  loss {loss}  {speed} tokens/s  {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    gracefulExit: false,
  })
  const bar = bars.create(steps, from, { loss: '?', speed: '?', left: '?' })
  return {
    update: (step, { loss, tokensPerSecond }) =>
      bar.update(step, { loss: loss.toFixed(4), speed: Math.round(tokensPerSecond), left: left(step) }),
    note: line => {
      bars.log(`${line}\n`)
      bars.update()
    },
    stop: () => bars.stop(),
  }
}
