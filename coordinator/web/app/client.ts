/** The one client of the coordinator that serves these pages. */
import { CoordinatorClient } from '#protocol/api/client.ts'
import { authorized } from './token.ts'

export const client = new CoordinatorClient({ url: location.origin, fetch: authorized })
