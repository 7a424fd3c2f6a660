import { Page } from '../components/page.tsx'

export function MyNodePage() {
  return <Page title="My node">…</Page>
}
