import { describe, test } from 'vitest'
import { type TransportPair, transportSuite } from './conformance.ts'
import { websocket } from './websocket.ts'
import type { WebSocketLike } from './websocket-like.ts'

/** A Worker's two ends of one WebSocket, each of which says when it begins to listen. */
declare const WebSocketPair: new () => Readonly<Record<0 | 1, WebSocketLike & { accept(): void }>>

async function pairOf(): Promise<TransportPair> {
  const ends = new WebSocketPair()
  ends[0].accept()
  ends[1].accept()
  const near = await websocket({ socket: ends[0], endToEnd: true })
  const far = await websocket({ socket: ends[1], endToEnd: true })
  return { near, far, toFar: '', toNear: '' }
}

transportSuite('a WebSocketPair', pairOf, { describe, test })
