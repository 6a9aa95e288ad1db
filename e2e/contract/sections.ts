/** The sections of the contract, in its order. */
import { CONGESTION } from './congestion.ts'
import { CONNECTING } from './connecting.ts'
import { CONTROLS } from './controls.ts'
import { DATAGRAMS } from './datagrams.ts'
import { DEADLINES, RESETS } from './deadlines.ts'
import { FLOW_CONTROL } from './flow-control.ts'
import { LIFE_CYCLE } from './life-cycle.ts'
import { LIVENESS } from './liveness.ts'
import { OBSERVING } from './observing.ts'
import { PATHS } from './paths.ts'
import { PRIORITIES } from './priorities.ts'
import { PROMISES } from './promises.ts'
import { PROTECTION } from './protection.ts'
import { QUIC_LB } from './quic-lb.ts'
import type { Section } from './row.ts'
import { SENDING } from './sending.ts'
import { STREAMS } from './streams.ts'
import { RESUMPTION, TLS } from './tls.ts'
import { WEBTRANSPORT } from './webtransport.ts'

export const SECTIONS: readonly Section[] = [
  LIFE_CYCLE,
  CONNECTING,
  STREAMS,
  PRIORITIES,
  CONTROLS,
  SENDING,
  CONGESTION,
  DEADLINES,
  DATAGRAMS,
  PATHS,
  RESETS,
  LIVENESS,
  PROTECTION,
  TLS,
  RESUMPTION,
  OBSERVING,
  QUIC_LB,
  FLOW_CONTROL,
  WEBTRANSPORT,
  PROMISES,
]
