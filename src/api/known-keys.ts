/** Options are plain objects, and a key that is not known is a mistake to be told of. */

/** @throws TypeError unless `options` is an object with no keys but `known`. */
export function checkKeys(options: unknown, known: readonly string[], name = 'options'): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${name} must be an object, got ${options === null ? 'null' : typeof options}`)
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${name} has no member ${key}; known are ${known.join(', ')}`)
  }
}
