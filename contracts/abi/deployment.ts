/** The seven contracts as one deployment: in which order they are made, what each is told, and who must know whom. */

/** Order of deployment. Addresses follow from deployer and nonce, so that each can be told of those that come later. */
export const CONTRACT_NAMES = ['Token', 'Models', 'Escrow', 'Staking', 'Rewards', 'Disputes', 'Reputation'] as const
export type ContractName = (typeof CONTRACT_NAMES)[number]

/** @param genesisHolder Receives the genesis supply. */
export function constructorArguments(
  name: ContractName,
  addresses: Readonly<Record<ContractName, string>>,
  genesisHolder: string,
): string[] {
  const { Token, Models, Escrow, Staking, Rewards, Disputes } = addresses
  const told: Record<ContractName, string[]> = {
    Token: [Rewards, genesisHolder],
    Models: [],
    Escrow: [Token, Models],
    Staking: [Token, Disputes],
    Rewards: [Token, Staking, Escrow, Disputes],
    Disputes: [Token, Staking, Rewards],
    Reputation: [Escrow, Staking, Rewards, Disputes],
  }
  return told[name]
}

/** Every address of another contract that one holds for ever: `Escrow.token()` answers with the address of Token. */
export const WIRING: readonly (readonly [owner: ContractName, getter: string, target: ContractName])[] = [
  ['Token', 'minter', 'Rewards'],
  ['Escrow', 'token', 'Token'],
  ['Escrow', 'models', 'Models'],
  ['Staking', 'token', 'Token'],
  ['Staking', 'disputes', 'Disputes'],
  ['Rewards', 'token', 'Token'],
  ['Rewards', 'staking', 'Staking'],
  ['Rewards', 'escrow', 'Escrow'],
  ['Rewards', 'disputes', 'Disputes'],
  ['Disputes', 'token', 'Token'],
  ['Disputes', 'staking', 'Staking'],
  ['Disputes', 'rewards', 'Rewards'],
  ['Reputation', 'escrow', 'Escrow'],
  ['Reputation', 'staking', 'Staking'],
  ['Reputation', 'rewards', 'Rewards'],
  ['Reputation', 'disputes', 'Disputes'],
]
