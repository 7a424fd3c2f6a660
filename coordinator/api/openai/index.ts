/** OpenAI's API over the swarm: the node's own routes, with a job behind each prompt. */
import type { GatewayBackend } from '#node/gateway/index.ts'
import type { HartonomousNode } from '#node/runtime/index.ts'
import type { Work } from '#protocol/api/jobs.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import type { Identity } from '../../identity.ts'
import type { JobHub, Jobs } from '../../jobs/index.ts'
import { answerByJob, embedByJob } from './job-answer.ts'

export interface OpenAiFaceDependencies {
  jobs: Jobs
  hub: JobHub
  node: HartonomousNode
}

export class OpenAiFace {
  readonly #deps: OpenAiFaceDependencies

  constructor(deps: OpenAiFaceDependencies) {
    this.#deps = deps
  }

  of(identity: Identity): GatewayBackend {
    const { jobs, hub, node } = this.#deps
    const modelIdOf = async (model: string): Promise<ModelId> =>
      (await node.parts.releases.resolve(model)).release.modelId
    const deps = { jobs, hub, modelIdOf }
    return {
      models: () => node.answers.models(),
      infer: ({ model, prompt, sampling, traceparent }, signal) =>
        answerByJob(deps, identity, workOf(model, prompt, sampling), { signal, traceparent }),
      embed: ({ model, inputs, traceparent }, signal) =>
        embedByJob(deps, identity, { kind: 'embedding', model, input: [...inputs] }, { signal, traceparent }),
    }
  }
}

function workOf(
  model: string,
  prompt: InferPrompt,
  sampling: SamplingOptions,
): Extract<Work, { kind: 'chat' | 'completion' }> {
  const asked = { model, ...sampling }
  return prompt.type === 'chat'
    ? { kind: 'chat', messages: prompt.messages, ...asked }
    : { kind: 'completion', prompt: prompt.text, ...asked }
}
