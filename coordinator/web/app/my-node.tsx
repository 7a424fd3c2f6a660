/** The page of a node, served by the node itself. */
import '../styles.css'
import { MyNodePage } from '../my-node/my-node-page.tsx'
import { followNode } from '../my-node/node-data.ts'
import { followLinks, openSession } from './session.ts'
import { start } from './start.tsx'

followLinks()
const linkProblem = await openSession()
const queries = start(<MyNodePage linkProblem={linkProblem} />)
void followNode(queries, new AbortController().signal)
