/** Files of a coordinator in its data folder; those of its node lie beside them. */
import { join } from 'node:path'

export const coordinatorFiles = {
  /** {apiUrl, pid}: where commands find a running coordinator. */
  endpoint: (dataDir: string) => join(dataDir, 'coordinator-endpoint.json'),
  config: (dataDir: string) => join(dataDir, 'coordinator.json'),
}
