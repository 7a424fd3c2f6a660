#!/usr/bin/env node
/** The commands `hartonomous` and `hart`: plain JavaScript, so that any Node can start it and bring the right one. */
import { main } from '../../scripts/bootstrap/run.js'

await main('node/bin/main.ts', process.argv.slice(2))
