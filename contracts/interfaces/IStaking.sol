// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// @title Staking: bonds of nodes, delegation to them, unbonding and slashing
/// @notice A node is an address with a bond. The bond is the operator's own money and the first to be slashed; others
/// delegate to the node's pool and share its rewards less a commission. All figures are in wei of HART.
///
/// A node is active while its bond is at least `MIN_BOND`. Whoever unbonds waits `UNBONDING`, earns nothing meanwhile
/// and can still be slashed; nothing leaves while a dispute freezes the node. Nobody can change another's position:
/// others may only add money to a node, by delegating or by rewards.
///
/// When slashing takes a pool to zero its *era* ends: old shares are worth nothing, later delegators start clean.
interface IStaking {
    /// @notice The record of a node.
    struct Node {
        /// The ed25519 public key of its libp2p identity. Not checked here and not unique: the identity signs the
        /// node's address in its lease, and only both statements together bind.
        bytes32 peerKey;
        uint40 registeredAt;
        /// The share of its delegators' rewards that the operator keeps, in 1/10 000, until `nextCommissionAt`.
        uint16 commissionBps;
        uint16 nextCommissionBps;
        uint40 nextCommissionAt;
        /// Disputes and jury seats that keep its stake from leaving.
        uint32 frozen;
        /// Counts how often delegation was slashed to zero.
        uint32 era;
    }

    /// @notice The bond of an operator, or everything delegated to one node.
    struct Pool {
        /// Earns, counts, can be slashed.
        uint96 assets;
        /// Shares of delegators. A bond has one holder and therefore none.
        uint160 shares;
        /// On its way out: earns nothing, can be slashed.
        uint96 thawing;
        /// What is left of one unit thawing since the start, in 1e-27, after slashes. Zero stands for 1e27.
        uint128 thawIndex;
        /// Counts how often what thawed was slashed to nothing.
        uint32 thawEra;
    }

    /// @notice One withdrawal on its way.
    struct Unbonding {
        address node;
        uint64 releaseAt;
        uint32 thawEra;
        uint96 assets;
        /// `Pool.thawIndex` when it began.
        uint128 indexAt;
    }

    /// @notice A node appeared.
    event Registered(address indexed node, bytes32 indexed peerKey, uint16 commissionBps);
    /// @notice The node goes by another libp2p identity now.
    event PeerKeySet(address indexed node, bytes32 indexed peerKey);
    /// @notice Receipts signed by `signer` bind the node until `validUntil` (seconds since 1970; 2^64-1 is no end).
    event SignerSet(address indexed node, address indexed signer, uint64 validUntil);
    /// @notice The operator's commission will be `commissionBps` from `startsAt` on.
    event CommissionSet(address indexed node, uint16 commissionBps, uint40 startsAt);
    /// @notice The operator added to its bond.
    event Bonded(address indexed node, uint256 assets);
    /// @notice `holder` delegated to the node and received shares of its pool.
    event Staked(address indexed node, address indexed holder, uint256 assets, uint256 shares);
    /// @notice `assets` are on their way out; `shares` is zero for a bond.
    event Unbonded(
        address indexed node, address indexed holder, uint256 indexed id, uint256 assets, uint256 shares, uint64 releaseAt
    );
    /// @notice A withdrawal was paid: less than unbonded where the node was slashed meanwhile.
    event Withdrawn(address indexed node, address indexed holder, uint256 indexed id, uint256 assets);
    /// @notice Rewards arrived. `toBond` includes the commission.
    event Distributed(address indexed node, address indexed from, uint256 toBond, uint256 toPool);
    /// @notice The number of disputes and jury seats that freeze the node changed.
    event Frozen(address indexed node, uint32 frozen);
    /// @notice `fromBond` and `fromPool` were taken; `bounty` of it went to `beneficiary`, the rest will be burned.
    event Slashed(address indexed node, address indexed beneficiary, uint256 fromBond, uint256 fromPool, uint256 bounty);
    /// @notice Slashing took all that was delegated: shares of earlier eras are worth nothing.
    event EraEnded(address indexed node, uint32 newEra);
    /// @notice Slashed tokens were burned.
    event Burned(uint256 amount);

    /// @notice No node has this address.
    error NotRegistered(address node);
    /// @notice The caller is a node already.
    error AlreadyRegistered(address node);
    /// @notice The bond would be `bond`, and `MIN_BOND` is the least.
    error BelowMinBond(uint256 bond);
    /// @notice Less than `MIN_STAKE`, or too little to buy one share.
    error BelowMinStake(uint256 assets);
    /// @notice Delegation is limited to `DELEGATION_RATIO` times the bond. @param room What may still be delegated.
    error RatioExceeded(uint256 room);
    /// @notice More than the whole.
    error CommissionTooHigh(uint16 commissionBps);
    /// @notice An amount of zero.
    error ZeroAmount();
    /// @notice A node needs a libp2p identity.
    error ZeroPeerKey();
    /// @notice More than the caller has. @param available In wei.
    error Insufficient(uint256 available);
    /// @notice The caller has no such unbonding, or it was paid.
    error NoSuchUnbonding(uint256 id);
    /// @notice Not before `releaseAt`.
    error StillUnbonding(uint64 releaseAt);
    /// @notice Disputes freeze the node.
    error NodeFrozen(uint32 frozen);
    /// @notice Only the Disputes contract may.
    error NotDisputes();
    /// @notice There is no stake that could earn.
    error NoStake(address node);
    /// @notice More than the whole.
    error BadBounty(uint256 bountyBps);

    /// @notice The least bond of an active node.
    function MIN_BOND() external view returns (uint256);
    /// @notice The least single delegation.
    function MIN_STAKE() external view returns (uint256);
    /// @notice Delegation accepted per unit of bond.
    function DELEGATION_RATIO() external view returns (uint256);
    /// @notice Seconds between `unbond` and `withdraw`.
    function UNBONDING() external view returns (uint64);
    /// @notice Seconds between the announcement of a commission and its start.
    function COMMISSION_NOTICE() external view returns (uint64);

    /// @notice Makes the caller a node with a bond of at least `MIN_BOND`.
    function register(bytes32 peerKey, uint16 commissionBps, uint256 bond) external;

    /// @notice Names another libp2p identity for the calling node.
    function setPeerKey(bytes32 peerKey) external;

    /// @notice Lets receipts signed by `signer` bind the calling node. The node's own key always does. It needs no
    /// consent: who names a foreign key only binds itself.
    function addSigner(address signer) external;

    /// @notice Ends a signer of the calling node after `UNBONDING`: what it has signed stays punishable for as long as stake is held.
    function removeSigner(address signer) external;

    /// @notice Announces a commission for the calling node; it starts after `COMMISSION_NOTICE`.
    function setCommission(uint16 commissionBps) external;

    /// @notice Adds stake of the caller: to its bond when it is the node, else as a delegation of at least `MIN_STAKE`.
    function stake(address node, uint256 assets) external;

    /// @notice `stake` with a permit of the caller in the same transaction. A permit that someone else already submitted
    /// does no harm.
    function stakeWithPermit(address node, uint256 assets, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Starts to take stake of the caller out; 2^256-1 takes all. A bond stays at `MIN_BOND` or goes entirely.
    /// @return id What `withdraw` asks for.
    function unbond(address node, uint256 assets) external returns (uint256 id);

    /// @notice Pays an unbonding of the caller whose time has come, while no dispute freezes the node.
    function withdraw(uint256 id) external returns (uint256 assets);

    /// @notice Adds `assets` of the caller as rewards: bond and delegation share by size, less the commission. Tokens
    /// that thaw earn nothing.
    function distribute(address node, uint256 assets) external;

    /// @notice Keeps the stake of a node from leaving. Only Disputes; calls nest.
    function freeze(address node) external;

    /// @notice Takes one `freeze` back. Only Disputes.
    function unfreeze(address node) external;

    /// @notice Takes up to `assets` from a node: from its bond first, then from its pool; from what thaws and what does
    /// not in equal parts. Only Disputes.
    /// @param bountyBps The share for `beneficiary`, in 1/10 000; the rest is burned.
    /// @return taken What there was to take.
    /// @return bounty What `beneficiary` received of it.
    function slash(address node, uint256 assets, address beneficiary, uint256 bountyBps)
        external
        returns (uint256 taken, uint256 bounty);

    /// @notice Burns what slashing has collected. Anyone may call it.
    function flush() external returns (uint256 burned);

    /// @notice The record of a node; all zero for an unknown address.
    function nodeOf(address node) external view returns (Node memory);
    /// @notice The bond of a node.
    function bondOf(address node) external view returns (Pool memory);
    /// @notice Everything delegated to a node.
    function poolOf(address node) external view returns (Pool memory);
    /// @notice Shares of a holder in one era of a node's pool.
    function sharesOf(address node, uint32 era, address holder) external view returns (uint256);
    /// @notice What `holder` has at stake with a node, without what thaws; for the node itself its bond.
    function stakeOf(address node, address holder) external view returns (uint256);
    /// @notice Everything that a slash could take.
    function slashable(address node) external view returns (uint256);
    /// @notice Whether the node may do bonded work.
    function isActive(address node) external view returns (bool);
    /// @notice Whether anyone has stake with the node that rewards could go to.
    function canEarn(address node) external view returns (bool);
    /// @notice The commission that applies now, in 1/10 000.
    function commissionOf(address node) external view returns (uint16);
    /// @notice Until when receipts of `signer` bind the node, in seconds since 1970; zero for never.
    function signerValidUntil(address node, address signer) external view returns (uint64);
    /// @notice An unbonding as it was started.
    function unbondingOf(address holder, uint256 id) external view returns (Unbonding memory);
    /// @notice What `withdraw` would pay for it, slashes counted.
    function withdrawable(address holder, uint256 id) external view returns (uint256);
    /// @notice Slashed tokens that wait to be burned.
    function burnable() external view returns (uint256);
}
