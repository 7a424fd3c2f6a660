/** A whole node, for programs that are one and more: the coordinator, and tests. */
export type { ControlledNode, ControlledPayment, ControlledQueries } from '../control/index.ts'
export type { InferEvent } from '../inference/index.ts'
export type { WorkOrder } from '../payment/index.ts'
export type { BoughtEvents } from './answers.ts'
export { NodeController } from './controlled.ts'
export { HartonomousNode, type NodeOptions } from './node.ts'
export { localOwner, type Parts } from './parts.ts'
export { version } from './version.ts'
