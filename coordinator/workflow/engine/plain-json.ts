/**
 * How checkpoints are written: JSON and nothing else. LangGraph's own serializer makes objects of classes out of marked
 * JSON (`{"lc":2,"type":"constructor",…}`); here values come from strangers and from models, and stay what they are.
 */
import type { SerializerProtocol } from '@langchain/langgraph-checkpoint'

export const plainJson = {
  encode(value: unknown): Uint8Array {
    return Buffer.from(JSON.stringify(value, (_, item) => (item instanceof Error ? said(item) : item)) ?? 'null')
  },
  decode(bytes: Uint8Array | string): unknown {
    return JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString())
  },
  dumpsTyped: async (value: unknown): Promise<[string, Uint8Array]> => ['json', plainJson.encode(value)],
  loadsTyped: async (_: string, bytes: Uint8Array | string): Promise<unknown> => plainJson.decode(bytes),
} satisfies SerializerProtocol & { encode: unknown; decode: unknown }

function said({ name, message }: Error): { name: string; message: string } {
  return { name, message }
}
