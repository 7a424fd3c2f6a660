import type { StepType } from './edit.ts'
import { stepKinds } from './step-kinds.ts'

/** The types of steps; pressing one adds it. */
export function Palette({ isFull, onAdd }: { isFull: boolean; onAdd: (type: StepType) => void }) {
  return (
    <ul className="grid gap-1 sm:max-lg:grid-cols-2">
      {stepKinds.map(({ type, does, icon: Icon }) => (
        <li key={type}>
          <button
            type="button"
            disabled={isFull}
            onClick={() => onAdd(type)}
            className="flex w-full items-start gap-2 rounded-md border border-line px-2 py-1.5 text-left hover:border-line-strong hover:bg-raised disabled:cursor-not-allowed disabled:opacity-55"
          >
            <Icon className="mt-0.5 size-4 shrink-0 text-muted" aria-hidden="true" />
            <span>
              <span className="block font-medium">{type}</span>
              <span className="block text-[13px] text-muted">{does}</span>
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}
