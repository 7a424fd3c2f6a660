/** Workflows: graphs of work that are checked whole, run with checkpoints, and gone on with after a crash. */

export { shippedWorkflows } from './examples/index.ts'
export type { StepEvent, Verdict, WorkflowHost, WorkOptions } from './host.ts'
export { compile, type Plan } from './plan/compile.ts'
export { type RunOutcome, type RunRequest, runWorkflow, type WaitingStep } from './run.ts'
export { shippedTools, type ToolOptions } from './tool/shipped.ts'
export type { Tool } from './tool/tool.ts'
