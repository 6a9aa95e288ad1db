/** The invariants of loss recovery: what each path counts equals what the spaces hold for it. Called by tests alone. */
import type { PathRecovery } from './path-recovery.ts'
import { PacketState } from './sent-packets.ts'
import type { SpaceRecovery } from './space-recovery.ts'

/** Throws an Error that names the first figure that is wrong. */
export function checkBooks(spaces: readonly SpaceRecovery[], paths: readonly PathRecovery[]): void {
  for (const state of spaces) checkSpace(state)
  for (const path of paths) {
    let bytes = 0
    for (const state of spaces) bytes += checkPathInSpace(path, state)
    expectEqual(`bytes in flight on path ${path.id}`, path.bytesInFlight, bytes)
  }
}

/** Numbers ascend without a hole in the ring, and nothing below the settled mark is outstanding. */
function checkSpace({ sent, outstanding, settled, space }: SpaceRecovery): void {
  let count = 0
  for (let number = sent.base; number < sent.next; number++) {
    const packet = sent.at(number)
    expectEqual(`number at place ${number} of space ${space}`, packet.number, number)
    if (packet.nextLive <= number)
      throw new Error(`Packet ${number} of space ${space} leads back to ${packet.nextLive}`)
    if (packet.state !== PacketState.outstanding) continue
    count += 1
    if (number < settled) throw new Error(`Packet ${number} of space ${space} is outstanding below ${settled}`)
  }
  expectEqual(`outstanding packets of space ${space}`, outstanding, count)
}

/** Returns the bytes in flight on the path in the space. */
function checkPathInSpace(path: PathRecovery, { sent, space }: SpaceRecovery): number {
  let bytes = 0
  let eliciting = 0
  for (let number = sent.base; number < sent.next; number++) {
    const packet = sent.at(number)
    if (packet.path !== path || packet.state !== PacketState.outstanding || !packet.inFlight) continue
    bytes += packet.size
    if (packet.ackEliciting) eliciting += 1
  }
  expectEqual(`ack-eliciting packets in flight in space ${space}`, path.ackElicitingInFlight[space] ?? 0, eliciting)
  return bytes
}

function expectEqual(what: string, counted: number, found: number): void {
  if (counted !== found) throw new Error(`Invariant broken: ${what}: counted ${counted}, found ${found}`)
}
