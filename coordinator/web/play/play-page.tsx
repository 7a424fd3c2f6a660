import { Page } from '../components/page.tsx'

export function PlayPage() {
  return <Page title="Play">…</Page>
}
