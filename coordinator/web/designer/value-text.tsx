/** A text as it is, all else as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
}

/** A value that a step gave, scrolling within its place. */
export function ValueText({ value, label }: { value: unknown; label: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
      tabIndex={0}
      className="max-h-72 overflow-auto rounded-md border border-line bg-page px-2 py-1.5"
    >
      <pre className="font-mono text-[13px] break-words whitespace-pre-wrap">{textOf(value)}</pre>
    </section>
  )
}
