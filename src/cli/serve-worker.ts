/** The script of one worker of `isoquic serve --workers`. */
import { joinCluster } from '../hosts/cluster/member.ts'
import type { ServeWorkerData } from './serve.ts'
import { servePlan, startServing } from './serving.ts'

const member = await joinCluster()
const { certificate, words } = member.data as ServeWorkerData
const plan = await servePlan(words)
member.serving(await startServing(plan, member.transport, certificate, (options) => member.share(options)))
