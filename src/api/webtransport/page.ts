/** `WebTransport` for pages: small until a session begins. */
import type { Handshake } from '../handshake.ts'
import { type InstallOptions, installClass } from './installing.ts'
import { type CheckedOptions, checkOptions, createCore, type WebTransportOptions } from './options.ts'
import { WebTransportSession } from './session.ts'
import type { SessionCore } from './session-core.ts'

/** As `WebTransport` of `isoquic/webtransport`. The stack is loaded when a session begins, its handshake beside it. */
export class WebTransport extends WebTransportSession {
  /** @throws what that of `isoquic/webtransport` does; `ready` rejects where the code cannot be loaded */
  constructor(url: string | URL, options?: WebTransportOptions) {
    const checked = checkOptions(url, options)
    const core = createCore(checked)
    super(core, checked.congestionControl)
    void connect(checked, core)
  }

  /** Whether there are sessions over connections that are reliable: by transports that are. */
  static get supportsReliableOnly(): boolean {
    return true
  }
}

/** As `install` of `isoquic/webtransport`. @returns Whether it was done. */
export function install(options: InstallOptions = {}): boolean {
  return installClass(WebTransport, options)
}

async function connect(options: CheckedOptions, core: SessionCore): Promise<void> {
  const handshake = loadHandshake()
  // Whoever waits for it hears of its failure.
  handshake.catch(() => {})
  try {
    const { connectSession } = await import('./connecting.ts')
    await connectSession(options, core, () => handshake)
  } catch (cause) {
    core.fail('The code of the stack could not be loaded: check the files beside the page client', cause)
  }
}

async function loadHandshake(): Promise<Handshake> {
  const { pageHandshake } = await import('../page-handshake.ts')
  return pageHandshake
}
