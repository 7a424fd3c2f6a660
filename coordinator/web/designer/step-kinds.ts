/** The types of steps: what each does, in one line. */
import { GitBranch, Hand, List, MessageSquare, Search, Shrink, Wrench } from 'lucide-react'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import type { StepType } from './edit.ts'

export const stepKinds = [
  { type: 'prompt', does: 'asks a model; its value is the answer', icon: MessageSquare },
  { type: 'tool', does: 'calls a tool: dice, texts, files, an agent', icon: Wrench },
  { type: 'query', does: 'finds models and their components', icon: Search },
  { type: 'map', does: 'does one thing for each item of a list', icon: List },
  { type: 'reduce', does: 'joins a list to one text, a few at a time', icon: Shrink },
  { type: 'condition', does: 'lets steps run, or passes them over', icon: GitBranch },
  { type: 'approval', does: 'waits until a person says yes', icon: Hand },
] as const

export const iconOf = Object.fromEntries(stepKinds.map(({ type, icon }) => [type, icon])) as Record<
  StepType,
  (typeof stepKinds)[number]['icon']
>

/** What it works on, for a line under its name. */
export function summaryOf(step: WorkflowStep): string {
  switch (step.type) {
    case 'prompt':
      return step.prompt
    case 'tool':
      return step.tool
    case 'query':
      return step.text
    case 'map':
      return `each of ${step.over}: ${step.step.type === 'prompt' ? step.step.prompt : step.step.tool}`
    case 'reduce':
      return `${step.over} to one text`
    case 'condition':
      return `${step.value} ${step.test}${step.than === undefined ? '' : ` ${JSON.stringify(step.than)}`}`
    case 'approval':
      return step.question
  }
}
