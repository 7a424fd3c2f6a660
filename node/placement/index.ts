export { type PlacementDecision, type PlacementPolicy, policyRefusal } from './place.ts'
export { PlacementService } from './service.ts'
