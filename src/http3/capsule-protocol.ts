/**
 * The Capsule-Protocol field, and what a message that carries capsules must not hold (RFC 9297 §3.2, §3.4). The capsules
 * themselves are `base/capsule.ts`.
 */
import type { Field } from './field.ts'
import type { Refusal } from './field-rules.ts'
import { parseItem } from './structured-fields.ts'

/** Whether the field says so: one line, a Boolean, true; anything else counts as none (RFC 9297 §3.4). */
export function isCapsuleProtocol(fields: readonly Field[]): boolean {
  const lines = fields.filter(({ name }) => name === 'capsule-protocol')
  const [line] = lines
  if (line === undefined || lines.length > 1) return false
  return parseItem(line.value)?.item.value === true
}

/**
 * Holds a message that carries capsules against RFC 9297 §3.2. `status`: that of a response.
 * @throws what `refuse` makes of it: `malformed` for a message that came, `unsendable` for one to be sent.
 */
export function checkCapsuleMessage(fields: readonly Field[], status: number | undefined, refuse: Refusal): void {
  if (status === 204 || status === 205 || status === 206) throw refuse(`Capsules cannot go with status ${status}`)
  for (const { name } of fields) {
    if (name === 'content-length' || name === 'content-type' || name === 'transfer-encoding') {
      throw refuse(`The field ${name} cannot stand in a message that carries capsules`)
    }
  }
}
