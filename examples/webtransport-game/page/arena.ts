/** What is seen, and the hand that moves: a canvas with a dot for each player, which glide from one world to the next. */
import type { Position, World } from '../protocol.ts'

/** ms after which a position is sent again. */
const REPEAT = 250
const RADIUS = 12

/** The field. */
export class Arena {
  own: Position = { x: Math.random(), y: Math.random() }
  readonly #canvas: HTMLCanvasElement
  readonly #shown = new Map<number, Position>()
  #world: World | undefined
  #onMove: () => void = () => {}

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas
    canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
      this.own = { x: offsetX / canvas.clientWidth, y: offsetY / canvas.clientHeight }
      this.#onMove()
    })
    requestAnimationFrame(() => this.#draw())
  }

  /** Fulfils when the position has changed, or is worth repeating. */
  moved(): Promise<void> {
    return new Promise((resolve) => {
      this.#onMove = resolve
      setTimeout(resolve, REPEAT)
    })
  }

  show(world: World): void {
    this.#world = world
    for (const number of this.#shown.keys()) if (!world.players.has(number)) this.#shown.delete(number)
  }

  #draw(): void {
    requestAnimationFrame(() => this.#draw())
    const context = this.#canvas.getContext('2d')
    if (context === null || this.#world === undefined) return
    const { width, height } = this.#canvas
    context.clearRect(0, 0, width, height)
    for (const [number, told] of this.#world.players) {
      const isOwn = number === this.#world.self
      const target = isOwn ? this.own : told
      const last = this.#shown.get(number) ?? target
      const pace = isOwn ? 1 : 0.3
      const position = { x: last.x + (target.x - last.x) * pace, y: last.y + (target.y - last.y) * pace }
      this.#shown.set(number, position)
      context.beginPath()
      context.arc(position.x * width, position.y * height, RADIUS, 0, 2 * Math.PI)
      context.fillStyle = `hsl(${(number * 137) % 360} 70% 55%)`
      context.fill()
      context.lineWidth = isOwn ? 3 : 0
      if (isOwn) context.stroke()
    }
  }
}
