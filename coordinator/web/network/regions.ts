/** Names of regions in the language of the pages: from the browser, which knows them all. */
const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' })

export function regionName(region: string): string {
  return region === '' || region === 'none' ? 'no region declared' : (names.of(region) ?? region)
}
