/** The page of a node, served by the node itself. */
import '../styles.css'
import { MyNodePage } from '../my-node/my-node-page.tsx'
import { openSession } from './session.ts'
import { start } from './start.tsx'

await openSession()
start(<MyNodePage />)
