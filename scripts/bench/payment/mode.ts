/** How the two nodes stand to payment. */

/**
 * `off`: none of its code is attached. `paid`: on a channel that has paid, with all the trust there is. `free`: receipts
 * only. `fresh`: on a channel that begins as that of a stranger.
 */
export const modes = ['off', 'paid', 'free', 'fresh'] as const
export type Mode = (typeof modes)[number]
