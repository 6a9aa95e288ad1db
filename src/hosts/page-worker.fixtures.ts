/** The script of a worker: connections over the ports that its page hands over. */
import { messagePort } from '../../transports/message-port.ts'
import { serveWorker } from './serve-worker.ts'

serveWorker({ transport: (request) => messagePort((request as { readonly port: MessagePort }).port) })
