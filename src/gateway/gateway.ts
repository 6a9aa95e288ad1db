/**
 * A gateway: lets clients without UDP send QUIC to targets that its rules name, and nothing else (`tunnels.md` §4 is its
 * list of rules). This is its core, which knows channels and no kind of server; `server.ts` gives it WebSockets and
 * HTTP/1.1. It never has keys: it sees addresses, sizes, times, and the server's name in an Initial packet.
 */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addCounters, Flow, type FlowCounters, type GatewayChannel, newCounters } from './flow.ts'
import { type LimitOptions, Limits, type Share } from './limits.ts'
import { type RefusalReason, Rules, type Target } from './rules.ts'
import { checkKey, readToken, type TokenClaims } from './token.ts'

/** What a gateway is told. Nothing is allowed that is not named here. */
export interface GatewayOptions {
  /** Where to: `host`, `host:port`, `address/bits:port`, `[IPv6]:port`, `*.example.org`, `localhost:port`; ports 443 and 4433 unless named. */
  readonly allow?: readonly string[]
  /** Any host whose addresses are all public, on ports 443 and 4433. Default `false`. */
  readonly allowAnyPublic?: boolean
  /** Origins whose pages may come, such as `https://example.org`; `'*'`: all. Default: none. Clients that are no pages have no origin. */
  readonly origins?: readonly string[]
  /** At least 32 bytes: clients must show a token made with it (`createToken`). Without: everybody may come. */
  readonly tokenKey?: Uint8Array
  /** A first payload must be an Initial packet of QUIC. Default `true`. */
  readonly quicOnly?: boolean
  /** What clients may take. */
  readonly limits?: Partial<LimitOptions>
  /** ms without a payload after which a flow ends; default and least 120,000 (RFC 9298 §3.1). */
  readonly idleTimeout?: number
  /** ms within which a target must answer; default 3,000. */
  readonly answerTimeout?: number
  /** Payloads sent before the target has answered; default 10. */
  readonly unansweredLimit?: number
  /** Bytes that may wait for a slow client; default 1 MiB. */
  readonly maxBuffered?: number
  /** Takes one line for each flow that ended, and each that was refused. */
  readonly log?: (line: string) => void
  /** Resolves names; default: the system's. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
}

/** Who wants to go where. */
export interface FlowRequest {
  /** `undefined`: the request named none. */
  readonly target: Target | undefined
  /** IP address of the client, as far as it is known. */
  readonly client: string
  readonly origin: string | undefined
  readonly token: string | undefined
}

/** A client's side of a flow that may not have begun yet. */
export interface GatewayFlow {
  /** A payload from the client. */
  receive(payload: Uint8Array): void
  /** The client has gone. */
  closed(): void
}

/** Counts since the gateway began. */
export interface GatewayCounters extends Readonly<FlowCounters> {
  readonly openFlows: number
  readonly flows: number
  /** How many flows were refused or ended, for each reason. */
  readonly reasons: Readonly<Record<string, number>>
}

/** For so long a client that had an answered flow to a target may move its connection to a new one. */
const KNOWN_FOR = 300_000

/** Such memories that are kept. */
const MAX_KNOWN = 10_000

/** Payloads that wait while a name is looked up. */
const MAX_EARLY = 8

/** The core of a gateway. */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #rules: Rules
  readonly #limits: Limits
  readonly #open = new Set<Pending>()
  readonly #known = new Map<string, number>()
  /** Of flows that are over. */
  readonly #ended: FlowCounters = newCounters()
  readonly #reasons = new Map<string, number>()
  #flows = 0

  /** @throws RangeError where nothing would be allowed, or an option is out of bounds. */
  constructor(options: GatewayOptions) {
    const { allow = [], allowAnyPublic = false, idleTimeout = 120_000, tokenKey } = options
    if (!(idleTimeout >= 120_000)) {
      throw new RangeError(`idleTimeout must be at least 120000 ms (RFC 9298 §3.1), got ${idleTimeout}`)
    }
    if (tokenKey !== undefined) checkKey(tokenKey)
    this.#options = options
    this.#rules = new Rules({ allow, allowAnyPublic, ownAddresses: ownAddresses() })
    this.#limits = new Limits(options.limits)
  }

  /** Begins a flow, or refuses it: then `channel` is closed with the reason, soon. */
  open(request: FlowRequest, channel: GatewayChannel): GatewayFlow {
    const pending = new Pending()
    this.#open.add(pending)
    this.#flows += 1
    this.#start(request, channel, pending).catch(() => this.#refuse(request, channel, pending, 'internal_error'))
    return pending
  }

  /** The numbers of this moment. */
  get counters(): GatewayCounters {
    const sum = { ...this.#ended }
    for (const { counters } of this.#open) if (counters !== undefined) addCounters(sum, counters)
    return {
      ...sum,
      openFlows: this.#open.size,
      flows: this.#flows,
      reasons: Object.fromEntries(this.#reasons),
    }
  }

  /** Ends every flow. */
  close(): void {
    for (const pending of [...this.#open]) pending.closed()
  }

  async #start(request: FlowRequest, channel: GatewayChannel, pending: Pending): Promise<void> {
    const refuse = (reason: RefusalReason): void => this.#refuse(request, channel, pending, reason)
    const claims = this.#claimsOf(request)
    const refused = this.#check(request, claims)
    const { target } = request
    if (refused !== undefined || target === undefined) return refuse(refused ?? 'bad_request')
    const subject = claims === 'none' || claims === undefined ? undefined : claims.subject
    const share = this.#limits.admit(request.client, subject, performance.now())
    if (share === undefined) return refuse('rate_limited')
    try {
      // Once; every address is checked, and the one that was checked is the one that is used: names change under attack.
      const addresses = await this.#lookup(target.host).catch(() => [])
      const prohibited = pending.isClosed ? undefined : this.#rules.afterLookup(target, addresses)
      const [address] = addresses
      if (pending.isClosed || prohibited !== undefined || address === undefined) {
        share.release()
        return pending.isClosed ? this.#forget(pending) : refuse(prohibited ?? 'dns_error')
      }
      const socket = await connectedSocket(address, target.port)
      if (pending.isClosed) {
        socket.close()
        share.release()
        return this.#forget(pending)
      }
      this.#begin(request, target, address, channel, pending, share, socket)
    } catch {
      share.release()
      refuse('destination_unavailable')
    }
  }

  #begin(
    request: FlowRequest,
    target: Target,
    address: string,
    channel: GatewayChannel,
    pending: Pending,
    share: Share,
    socket: Socket,
  ): void {
    const { quicOnly = true, idleTimeout = 120_000, answerTimeout = 3000 } = this.#options
    const { unansweredLimit = 10, maxBuffered = 1 << 20 } = this.#options
    const began = performance.now()
    const key = `${request.client} ${address} ${target.port}`
    const flow = new Flow(
      {
        socket,
        channel,
        share,
        isKnown: this.#isKnown(key, began),
        onAnswered: () => this.#remember(key, performance.now()),
        onEnded: (reason, counters) => {
          if (this.#known.has(key)) this.#remember(key, performance.now())
          addCounters(this.#ended, counters)
          this.#forget(pending)
          this.#log(request, reason ?? 'closed', { address, counters, duration: performance.now() - began })
        },
      },
      { quicOnly, idleTimeout, answerTimeout, unansweredLimit, maxBuffered, now: () => performance.now() },
    )
    channel.accepted?.()
    pending.begin(flow)
  }

  /** What the token says; `'none'`: no token is asked for; `undefined`: it is missing or worth nothing. */
  #claimsOf({ token }: FlowRequest): TokenClaims | 'none' | undefined {
    const { tokenKey } = this.#options
    if (tokenKey === undefined) return 'none'
    return token === undefined ? undefined : readToken(tokenKey, token, Date.now())
  }

  #check(request: FlowRequest, claims: TokenClaims | 'none' | undefined): RefusalReason | undefined {
    const { origin, target } = request
    const { origins = [] } = this.#options
    if (origin !== undefined && !origins.includes('*') && !origins.includes(origin)) return 'origin_prohibited'
    if (claims === undefined) return 'unauthorized'
    if (target === undefined) return 'bad_request'
    const named = isIP(target.host) === 6 ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`
    if (claims !== 'none' && claims.target !== undefined && claims.target !== named) return 'unauthorized'
    return this.#rules.beforeLookup(target)
  }

  async #lookup(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host]
    if (this.#options.lookup !== undefined) return this.#options.lookup(host)
    return (await lookup(host, { all: true })).map(({ address }) => address)
  }

  #refuse(request: FlowRequest, channel: GatewayChannel, pending: Pending, reason: RefusalReason): void {
    this.#forget(pending)
    this.#log(request, reason, undefined)
    if (!pending.isClosed) channel.close(reason)
  }

  #forget(pending: Pending): void {
    this.#open.delete(pending)
  }

  #isKnown(key: string, now: number): boolean {
    const until = this.#known.get(key)
    return until !== undefined && now < until
  }

  #remember(key: string, now: number): void {
    // The order of the map is that of the last use.
    this.#known.delete(key)
    if (this.#known.size >= MAX_KNOWN)
      for (const oldest of [...this.#known.keys()].slice(0, 1)) this.#known.delete(oldest)
    this.#known.set(key, now + KNOWN_FOR)
  }

  /** One line: who, where to, how much, why it ended. Never what was in it. */
  #log(
    { client, origin, target }: FlowRequest,
    reason: string,
    flow: { address: string; counters: FlowCounters; duration: number } | undefined,
  ): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
    const facts: Record<string, unknown> = {
      client,
      origin,
      target: target === undefined ? undefined : `${target.host}:${target.port}`,
      address: flow?.address,
      reason,
      ...flow?.counters,
      ms: flow === undefined ? undefined : Math.round(flow.duration),
    }
    this.#options.log?.(JSON.stringify(facts))
  }
}

/** The client's side while names are looked up, and after. */
class Pending implements GatewayFlow {
  #flow: Flow | undefined
  #early: Uint8Array[] = []
  isClosed = false

  /** `undefined` before the flow has begun. */
  get counters(): Readonly<FlowCounters> | undefined {
    return this.#flow?.counters
  }

  receive(payload: Uint8Array): void {
    if (this.#flow !== undefined) this.#flow.receive(payload)
    else if (!this.isClosed && this.#early.length < MAX_EARLY) this.#early.push(Uint8Array.from(payload))
  }

  closed(): void {
    this.isClosed = true
    this.#early = []
    this.#flow?.end(undefined)
  }

  begin(flow: Flow): void {
    this.#flow = flow
    const early = this.#early
    this.#early = []
    for (const payload of early) flow.receive(payload)
  }
}

/** A UDP socket that hears and reaches one address alone. */
async function connectedSocket(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: isIP(address) === 6 ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(port, address, () => {
        socket.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    socket.close()
    throw error
  }
  return socket
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? [])
}
