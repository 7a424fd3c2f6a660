/** All commands, in the order in which help lists them. */
import type { Command } from '../command.ts'
import { chainDeploy, chainFund, chainStart, chainStatus } from './chain.ts'
import { createCompletion } from './completion.ts'
import { configGet, configPath, configSet, configShow } from './config.ts'
import {
  constitutionAudit,
  constitutionCheck,
  constitutionDecide,
  constitutionReplace,
  constitutionReplay,
  constitutionShow,
  constitutionVersions,
} from './constitution.ts'
import { down, drain, pause, resume } from './control.ts'
import { coordinatorStatus, coordinatorUp } from './coordinator.ts'
import { devnet } from './devnet.ts'
import { diff } from './diff.ts'
import {
  disputeDismiss,
  disputeDraw,
  disputeEquivocation,
  disputeOpen,
  disputeResolve,
  disputeStatus,
} from './dispute.ts'
import { doctor } from './doctor.ts'
import { earnings, earningsClaim } from './earnings.ts'
import { identityExport, identityImport, identityShow } from './identity.ts'
import { jobFund, jobStatus, jobWithdraw } from './job.ts'
import { jobsApprove, jobsCancel, jobsList, jobsQuote, jobsResult, jobsShow, jobsSubmit, jobsWatch } from './jobs.ts'
import { juryEnlist, juryLeave, juryReveal, juryStatus, juryVote } from './jury.ts'
import { keyCreate, keyList, keyRevoke } from './key.ts'
import { mcp } from './mcp.ts'
import { components, modelsIngest, modelsLs, modelsRm, modelsShow } from './models.ts'
import { nodes } from './nodes.ts'
import { coordinatorOpen, open } from './open.ts'
import { peers } from './peers.ts'
import { pull } from './pull.ts'
import { closure, map, query } from './query.ts'
import {
  rewardsChallenge,
  rewardsClaim,
  rewardsFinalize,
  rewardsPropose,
  rewardsStatus,
  rewardsWeights,
} from './rewards.ts'
import { runPrompt } from './run-prompt.ts'
import { shardMove, shardSetup } from './shard.ts'
import { sql } from './sql.ts'
import { stakeAdd, stakeDelegate, stakeStatus, stakeUnbond, stakeWithdraw } from './stake.ts'
import { status } from './status.ts'
import { tensorLs, tensorShow } from './tensor.ts'
import { up } from './up.ts'
import { version } from './version.ts'
import {
  walletAddress,
  walletBalance,
  walletCreate,
  walletExport,
  walletImport,
  walletLs,
  walletRevoke,
  walletSend,
} from './wallet.ts'
import { workflowList, workflowRun, workflowSave, workflowShow } from './workflow.ts'

export const commands: readonly Command[] = [
  devnet,
  up,
  status,
  open,
  peers,
  modelsLs,
  modelsShow,
  modelsIngest,
  modelsRm,
  components,
  query,
  map,
  closure,
  tensorLs,
  tensorShow,
  diff,
  sql,
  pull,
  runPrompt,
  coordinatorUp,
  coordinatorStatus,
  coordinatorOpen,
  nodes,
  jobsSubmit,
  jobsQuote,
  jobsList,
  jobsShow,
  jobsWatch,
  jobsResult,
  jobsCancel,
  jobsApprove,
  workflowList,
  workflowShow,
  workflowRun,
  workflowSave,
  keyCreate,
  keyList,
  keyRevoke,
  constitutionShow,
  constitutionVersions,
  constitutionCheck,
  constitutionReplace,
  constitutionDecide,
  constitutionAudit,
  constitutionReplay,
  mcp,
  pause,
  resume,
  drain,
  down,
  identityShow,
  identityExport,
  identityImport,
  walletCreate,
  walletImport,
  walletExport,
  walletAddress,
  walletLs,
  walletBalance,
  walletSend,
  walletRevoke,
  stakeAdd,
  stakeDelegate,
  stakeUnbond,
  stakeWithdraw,
  stakeStatus,
  jobFund,
  jobWithdraw,
  jobStatus,
  chainStart,
  chainStatus,
  chainDeploy,
  chainFund,
  disputeEquivocation,
  disputeOpen,
  disputeStatus,
  disputeDraw,
  disputeResolve,
  disputeDismiss,
  juryEnlist,
  juryLeave,
  juryStatus,
  juryVote,
  juryReveal,
  rewardsWeights,
  rewardsStatus,
  rewardsPropose,
  rewardsChallenge,
  rewardsFinalize,
  rewardsClaim,
  configShow,
  configGet,
  configSet,
  configPath,
  shardMove,
  shardSetup,
  earnings,
  earningsClaim,
  doctor,
  createCompletion(() => commands),
  version,
]
