/** Workflows that every coordinator knows by name. They are what the guide explains, and tests run them on a real model. */
import dungeonMaster from './dungeon-master.json' with { type: 'json' }
import summarizeFolder from './summarize-folder.json' with { type: 'json' }

/** As JSON; `compile` checks them like any other. */
export const shippedWorkflows: ReadonlyMap<string, unknown> = new Map(
  [dungeonMaster, summarizeFolder].map((graph) => [graph.name, graph]),
)
