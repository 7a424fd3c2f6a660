import { Page } from '../components/page.tsx'

export function DesignerPage() {
  return <Page title="Designer">…</Page>
}
