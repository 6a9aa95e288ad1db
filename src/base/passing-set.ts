/**
 * A set through which short-lived things pass. The table of a host's `Set` or `Map` is replaced by another after a few comings and
 * goings, and V8 leaves in each a link to the one that took its place: a table that has grown old keeps all later ones alive, with
 * what was in them when they were replaced, until the next full collection. Here tables hold small places, which are emptied.
 */

interface Place<T> {
  item: T | undefined
}

/** A set of objects in the order in which they were added; what was taken out can be collected at once. */
export class PassingSet<T extends object> implements Iterable<T> {
  readonly #places = new Set<Place<T>>()
  readonly #placeOf = new WeakMap<T, Place<T>>()

  get size(): number {
    return this.#places.size
  }

  /** Harmless if it is there already. */
  add(item: T): void {
    if (this.#placeOf.has(item)) return
    const place: Place<T> = { item }
    this.#places.add(place)
    this.#placeOf.set(item, place)
  }

  /** `false` if it is not there. */
  delete(item: T): boolean {
    const place = this.#placeOf.get(item)
    if (place === undefined) return false
    place.item = undefined
    this.#placeOf.delete(item)
    return this.#places.delete(place)
  }

  has(item: T): boolean {
    return this.#placeOf.has(item)
  }

  /** As with a `Set`, items may come and go meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const { item } of this.#places) if (item !== undefined) yield item
  }
}
