/** An observer that does what another one does, and can be given more to do. */
import type { Observer } from '../wire/observer.ts'

/** An object with every method of `inner`, bound to it; its methods may be replaced. */
export function extended(inner: Observer | undefined): Observer {
  const target: Record<string, unknown> = {}
  if (inner === undefined) return target
  for (let level: object = inner; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) {
      const value: unknown = (inner as Record<string, unknown>)[name]
      if (name !== 'constructor' && typeof value === 'function' && !(name in target)) target[name] = value.bind(inner)
    }
  }
  return target
}
