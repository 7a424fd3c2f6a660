/** Text of a person or a model, exactly as it is: nothing in it is formatted, and its white space is kept. */
export function TextBlock({ text, label }: { text: string; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section aria-label={label} tabIndex={0} className="max-h-80 overflow-auto rounded-md bg-raised px-2.5 py-1.5">
      <p className="wrap-anywhere whitespace-pre-wrap">{text}</p>
    </section>
  )
}
