/** The explorer, served by a coordinator. */
import '../styles.css'
import { RouterProvider } from '@tanstack/react-router'
import { followEvents } from './live.ts'
import { createPages } from './router.tsx'
import { followLinks, openSession } from './session.ts'
import { setSessionProblem } from './sign-in.tsx'
import { start } from './start.tsx'

followLinks()
setSessionProblem(await openSession())
const queries = start(<RouterProvider router={createPages()} />)
void followEvents(queries, new AbortController().signal)
