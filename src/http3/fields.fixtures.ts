/** Field lines as texts, for tests. */
import type { Field } from './field.ts'

/** Field lines out of texts such as ':method: GET' and 'accept: text/html'. */
export function lines(...texts: readonly string[]): Field[] {
  return texts.map((text) => {
    const colon = text.indexOf(':', 1)
    return { name: text.slice(0, colon), value: text.slice(colon + 1).replace(/^ /, '') }
  })
}
