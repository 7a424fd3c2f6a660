/** Where something will stand once it is known. Give it the size of what comes: nothing may jump. */
export function Skeleton({ className = 'h-4 w-full' }: { className?: string }) {
  return <span aria-hidden="true" className={`block animate-pulse rounded bg-raised ${className}`} />
}
