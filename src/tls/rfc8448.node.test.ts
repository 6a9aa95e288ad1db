import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { EMPTY, fromHex, toHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { hkdfExpand, hkdfExpandLabel, hkdfExtract, hmac } from '../crypto/hkdf.ts'
import { decodeCertificate, decodeCertificateVerify } from './certificate-messages.ts'
import { decodeClientHello } from './client-hello.ts'
import { readVector } from './decode.ts'
import { HEADER_LENGTH } from './message.ts'
import { MessageReader } from './message-reader.ts'
import { decodeEncryptedExtensions, decodeServerHello } from './server-hello.ts'

interface Step {
  readonly party: string
  readonly step: string
  readonly values: Readonly<Record<string, string>>
}
interface Traces {
  readonly sections: readonly { readonly section: string; readonly title: string; readonly steps: readonly Step[] }[]
}

const sections = hasVectors ? readVectors<Traces>('tls/rfc8448-traces.json').sections : []

function value(step: Step, name: string): Uint8Array {
  const text = step.values[name] ?? ''
  // The traces write "0 (all zero octets)" for a salt, and "(empty)" for an empty hash.
  return /^([0-9a-f]{2})*$/.test(text) ? fromHex(text) : EMPTY
}

function readLabel(info: Uint8Array): { label: string; context: Uint8Array; length: number } {
  const reader = new Reader(info)
  const length = reader.uint16()
  const label = String.fromCharCode(...readVector(reader, 1))
  return { label, context: readVector(reader, 1), length }
}

const DECODERS: Readonly<Record<string, (body: Uint8Array) => unknown>> = {
  ClientHello: decodeClientHello,
  ServerHello: decodeServerHello,
  EncryptedExtensions: decodeEncryptedExtensions,
  Certificate: decodeCertificate,
  CertificateVerify: decodeCertificateVerify,
}

describe.skipIf(!hasVectors)('RFC 8448, every trace', () => {
  for (const { section, title, steps } of sections.filter(({ section }) => section !== '2')) {
    const expansions = steps.flatMap((step) =>
      [
        ['info', 'expanded'],
        ['key info', 'key expanded'],
        ['iv info', 'iv expanded'],
      ]
        .filter(([info = '']) => info in step.values)
        .map(([info = '', expanded = '']) => ({ step, info: value(step, info), expanded: value(step, expanded) })),
    )

    test(`§${section} ${title}: every expansion`, () => {
      expect(expansions.length).toBeGreaterThan(5)
      for (const { step, info, expanded } of expansions) {
        const secret = value(step, 'PRK')
        const { label, context, length } = readLabel(info)
        expect(label.startsWith('tls13 '), step.step).toBe(true)
        expect(toHex(hkdfExpand('sha256', secret, info, expanded.length)), step.step).toBe(toHex(expanded))
        const labelled = hkdfExpandLabel('sha256', secret, label.slice(6), context, length)
        expect(toHex(labelled), step.step).toBe(toHex(expanded))
      }
    })

    test(`§${section} ${title}: every extraction`, () => {
      for (const step of steps.filter(({ values }) => 'IKM' in values)) {
        const extracted = hkdfExtract('sha256', value(step, 'salt'), value(step, 'IKM'))
        expect(toHex(extracted), step.step).toBe(step.values['secret'])
      }
    })

    test(`§${section} ${title}: every message is whole and decodes`, () => {
      for (const step of steps) {
        for (const [name, decode] of Object.entries(DECODERS)) {
          const hex = step.values[name]
          if (hex === undefined) continue
          const reader = new MessageReader()
          reader.append(fromHex(hex))
          // §4 shows its ClientHello before the binders are there; the whole one is what is sent.
          if (reader.next() === undefined) continue
          decode(fromHex(hex).subarray(HEADER_LENGTH))
          expect(reader.isEmpty).toBe(true)
        }
      }
    })
  }

  test('§4: the binder is a Finished over the ClientHello without binders', () => {
    const step = sections.flatMap(({ steps }) => steps).find(({ values }) => 'binder hash' in values)
    if (step === undefined) throw new Error('No binder in the traces')
    expect(toHex(hmac('sha256', value(step, 'expanded'), value(step, 'binder hash')))).toBe(step.values['finished'])
  })
})
