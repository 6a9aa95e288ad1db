/** The drafts against one another, over UDP and through the public classes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WebTransportDraft } from '../../src/webtransport/negotiation.ts'
import { type Answering, answer } from './answers.ts'
import { CASES } from './dialogue.ts'
import { allOk, playHere } from './ends.ts'

const DRAFTS: readonly WebTransportDraft[] = [2, 7, 14, 15]
const NAMES = Object.keys(CASES)

/** The cases that show that two understand each other. */
const SHORT: readonly string[] = ['bidirectional', 'datagrams', 'close by the server']

describe('a server of all drafts', () => {
  let server: Answering
  beforeAll(async () => {
    server = await answer()
  })
  afterAll(() => server.close())

  test.each(DRAFTS)('does all with a client of draft %i', async (draft) => {
    expect(await playHere(server, NAMES, [draft])).toEqual(allOk(NAMES))
  })
})

describe('a server of one draft', () => {
  test.each(DRAFTS)('%i understands a client of all, and of that one, and no client of another', async (draft) => {
    const server = await answer([draft])
    try {
      expect(await playHere(server, SHORT)).toEqual(allOk(SHORT))
      for (const other of DRAFTS) {
        const verdicts = await playHere(server, ['bidirectional'], [other])
        if (other === draft) expect(verdicts).toEqual(allOk(['bidirectional']))
        else expect(verdicts['bidirectional']).toMatch(/^WebTransportError: /)
      }
    } finally {
      await server.close()
    }
  })
})
