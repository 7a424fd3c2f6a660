export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className="size-6 text-accent">
      <path d="M9 8v16M23 8v16M9 16h14" fill="none" stroke="currentColor" strokeWidth="2.5" />
      {[9, 23].flatMap((x) =>
        [8, 24].map((y) => <circle key={`${x} ${y}`} cx={x} cy={y} r="3.5" fill="currentColor" />),
      )}
      <circle cx="16" cy="16" r="3.5" className="text-ready" fill="currentColor" />
    </svg>
  )
}
