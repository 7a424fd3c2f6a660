// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// @title Rewards: daily emission to the nodes that did the work
/// @notice Each day (an *epoch*) has a fixed emission that halves every 1 460 epochs. Who earned how much is computed off
/// the chain from public logs, and anyone can compute it again. An active node proposes the result as the root of a
/// Merkle tree of cumulative totals; while the challenge window is open any active node can take it to a jury (see
/// Disputes); then anyone finalises it, and only then is the epoch's emission minted.
///
/// Only the last complete epoch can be proposed: epochs that nobody proposed in time are skipped and never paid later.
///
/// Whatever a root says, three caps hold on the chain: all payments together stay within the finalised emission; one
/// node gets at most `NODE_SHARE_BPS` of it; and no node gets more than `BURN_RETURN_BPS` of the fees that were burned
/// from its own income, so that who pays itself to look busy burns more than it can win.
///
/// A leaf is keccak256(keccak256(abi.encode(node, cumulative))): hashed twice, so that no inner node passes for a leaf.
interface IRewards {
    /// @notice A root that waits for its challenge window.
    struct Proposal {
        bytes32 root;
        address proposer;
        uint48 proposedAt;
        uint48 epoch;
    }

    /// @notice An active node proposed a root.
    event Proposed(bytes32 indexed id, uint256 indexed epoch, bytes32 root, address indexed proposer);
    /// @notice The root counts now, and the emission of its epoch was minted.
    event Finalized(bytes32 indexed id, uint256 indexed epoch, bytes32 root, uint256 emission);
    /// @notice A jury rejected the root.
    event Cancelled(bytes32 indexed id, uint256 indexed epoch);
    /// @notice `amount` wei went to the stake of a node, or to the node itself where nobody has stake with it.
    event Claimed(address indexed node, uint256 amount);

    /// @notice The caller is not an active node.
    error NotActive(address caller);
    /// @notice The root zero.
    error ZeroRoot();
    /// @notice Another root waits. @param id Of that one.
    error AlreadyPending(bytes32 id);
    /// @notice The last complete epoch is finalised already, or none is complete yet.
    error NothingToPropose();
    /// @notice No root waits.
    error NothingPending();
    /// @notice The challenge window is open until `end`.
    error WindowOpen(uint256 end);
    /// @notice A jury decides about the root.
    error Disputed(bytes32 id);
    /// @notice Only the Disputes contract may.
    error NotDisputes();
    /// @notice The proof does not lead to the root.
    error BadProof();
    /// @notice Everything that the caps allow has been paid.
    error NothingToClaim();

    /// @notice Length of an epoch in seconds.
    function EPOCH() external view returns (uint256);
    /// @notice Epochs between two halvings.
    function HALVING() external view returns (uint256);
    /// @notice The emission of each epoch before the first halving, in wei.
    function FIRST_EMISSION() external view returns (uint256);
    /// @notice Seconds in which a proposed root can be disputed.
    function CHALLENGE_WINDOW() external view returns (uint256);
    /// @notice The most that one node can get of all emission, in 1/10 000.
    function NODE_SHARE_BPS() external view returns (uint256);
    /// @notice The most that one node can get, measured by what was burned from its income, in 1/10 000. Below 10 000.
    function BURN_RETURN_BPS() external view returns (uint256);

    /// @notice Proposes the root for the last complete epoch. Only active nodes; one at a time.
    /// @param root Over the cumulative totals of all nodes since the start.
    /// @return id Names the proposal, also in Disputes.
    function propose(bytes32 root) external returns (bytes32 id);

    /// @notice Makes the proposal count and mints its emission. Anyone may call it, after the challenge window and while
    /// no jury decides about it.
    function finalize() external;

    /// @notice Removes the proposal. Only Disputes.
    function cancel() external;

    /// @notice Pays a node what the finalised root owes it, as far as the caps allow, as rewards to its stake. Anyone may
    /// call it; what a cap holds back can be claimed when the cap has grown.
    /// @param cumulative The total of the node, as in the leaf.
    /// @param proof From the leaf to the root.
    /// @return amount What was paid, in wei.
    function claim(address node, uint256 cumulative, bytes32[] calldata proof) external returns (uint256 amount);

    /// @notice The proposal that waits; all zero when there is none.
    function pending() external view returns (Proposal memory);
    /// @notice The id of the proposal that waits; zero when there is none.
    function pendingId() external view returns (bytes32);
    /// @notice The root that counts.
    function root() external view returns (bytes32);
    /// @notice The first epoch that can still be finalised.
    function nextEpoch() external view returns (uint256);
    /// @notice The epoch that runs now; epoch zero began with the deployment.
    function currentEpoch() external view returns (uint256);
    /// @notice What `epoch` mints if it is finalised, in wei.
    function emission(uint256 epoch) external pure returns (uint256);
    /// @notice The emission of all finalised epochs, in wei.
    function budgetTotal() external view returns (uint256);
    /// @notice What all nodes together have been paid, in wei.
    function claimedTotal() external view returns (uint256);
    /// @notice What a node has been paid, in wei. Never falls.
    function claimed(address node) external view returns (uint256);
    /// @notice The most that a node may have been paid by now, in wei, whatever a root says.
    function capOf(address node) external view returns (uint256);
}
