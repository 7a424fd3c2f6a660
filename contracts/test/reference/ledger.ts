/** A call that the contract reverts; `name` is that of its custom error. */
export class Refusal extends Error {
  constructor(name: string) {
    super(name)
    this.name = name
  }
}

export function refuseIf(condition: boolean, name: string): void {
  if (condition) throw new Refusal(name)
}

/** Balances of the token, in wei. Contracts hold theirs under a name. */
export class Ledger {
  readonly balances = new Map<string, bigint>()
  burned = 0n

  balanceOf(holder: string): bigint {
    return this.balances.get(holder) ?? 0n
  }

  mint(holder: string, amount: bigint): void {
    this.balances.set(holder, this.balanceOf(holder) + amount)
  }

  move(from: string, to: string, amount: bigint): void {
    refuseIf(this.balanceOf(from) < amount, 'ERC20InsufficientBalance')
    this.balances.set(from, this.balanceOf(from) - amount)
    this.mint(to, amount)
  }

  burn(holder: string, amount: bigint): void {
    refuseIf(this.balanceOf(holder) < amount, 'ERC20InsufficientBalance')
    this.balances.set(holder, this.balanceOf(holder) - amount)
    this.burned += amount
  }
}

/** The value of a key, made when it is asked for first: a mapping as in Solidity. */
export function entryOf<V>(map: Map<string, V>, key: string, create: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = create()
  map.set(key, made)
  return made
}

/** Math.min for bigints. */
export function least(...values: bigint[]): bigint {
  let low = values[0]!
  for (const value of values) if (value < low) low = value
  return low
}
