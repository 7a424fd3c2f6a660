import { Page } from '../components/page.tsx'

export function NetworkPage() {
  return <Page title="Network">…</Page>
}
