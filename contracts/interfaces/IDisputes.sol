// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// @title Disputes: nodes that broke their word lose stake
/// @notice A node signs a receipt for each piece of work. Two ways lead from a bad receipt to a slash:
/// - *Equivocation*, objective and at once: two receipts of one node for the same job, attempt and input with different
///   outputs. Nobody has to judge. An honest node writes a receipt down before it sends the last byte, and sends the same
///   one again when it is asked again.
/// - *Jury*: whoever puts up a bond takes one receipt, or a proposed root of Rewards, to seven active nodes drawn by lot
///   from those that enlisted. They run the work again, and vote by commit and reveal.
///
/// A dispute goes `Open -> Drawn -> Guilty | Innocent | Void`. A majority of all seats decides. Without one it goes back
/// to `Open` once, with fifteen seats; without one again, or when no jury was drawn in time, it ends void.
///
/// Guilty: the node is slashed; half goes to the challenger, who gets its bond back, a tenth to the jurors that voted so,
/// the rest is burned. Innocent: the bond goes half to the node, half to the jurors that voted so. Void: the bond returns.
/// From `Open` to the end the node's stake cannot leave, and a juror's cannot until it is dismissed; both go on to earn.
interface IDisputes {
    /// @notice What a node signs for a piece of work (EIP-712).
    struct Receipt {
        /// The node, also where a signer that it named in Staking signs for it.
        address node;
        address requester;
        bytes32 job;
        /// Tells deliberate repetitions of one job apart.
        uint32 attempt;
        /// Hash of everything that determines the output: model, prompt, seed, rule of comparison.
        bytes32 input;
        bytes32 output;
        /// Hash of counts, timings and engine build.
        bytes32 details;
        /// Seconds since 1970.
        uint64 finishedAt;
    }

    /// @notice Where a dispute stands. The last three are final.
    enum Phase {
        None,
        Open,
        Drawn,
        Guilty,
        Innocent,
        Void
    }

    /// @notice One dispute.
    struct Dispute {
        address node;
        /// Seconds since 1970: while `Open` the end of the time for a draw, while `Drawn` the end of the commit phase.
        uint32 end;
        /// While `Open`: the block whose hash seeds the draw.
        uint32 seedBlock;
        Phase phase;
        /// Zero for the jury of seven, one for that of fifteen.
        uint8 round;
        uint8 guilty;
        uint8 innocent;
        address challenger;
        /// What each juror of the majority receives, in wei.
        uint88 reward;
        /// Whether it is about a root of Rewards, and its bond is the higher one.
        bool isRoot;
    }

    /// @notice How the disputes of a node ended so far.
    struct Record {
        /// Open disputes about receipts; those about roots are not counted.
        uint32 open;
        uint32 guilty;
        uint32 innocent;
        uint32 equivocations;
    }

    /// @notice A juror's way through one jury.
    enum Ballot {
        NotSeated,
        Seated,
        Committed,
        Guilty,
        Innocent,
        Dismissed
    }

    /// @notice A dispute began, or went into its second round: its jury can be drawn after `seedBlock`, until `end`.
    event Opened(
        bytes32 indexed id, address indexed node, address indexed challenger, uint8 round, uint64 seedBlock, uint64 end
    );
    /// @notice The hash of the seed block was gone, and another block was named. Every such miss is visible here.
    event SeedMissed(bytes32 indexed id, uint64 seedBlock);
    /// @notice A juror was drawn.
    event Seated(bytes32 indexed id, uint8 indexed round, address indexed juror);
    /// @notice The jury is complete; it commits until `commitEnd` and reveals until `revealEnd`.
    event Drawn(bytes32 indexed id, uint8 indexed round, uint64 commitEnd, uint64 revealEnd);
    /// @notice A juror committed to a vote.
    event Committed(bytes32 indexed id, uint8 indexed round, address indexed juror, bytes32 commitment);
    /// @notice A juror showed its vote.
    event Revealed(bytes32 indexed id, uint8 indexed round, address indexed juror, bool guilty);
    /// @notice A dispute ended.
    event Resolved(bytes32 indexed id, address indexed node, Phase outcome, uint256 slashed, uint256 rewardPerJuror);
    /// @notice A juror's seat is free again. `reward` was paid, or `penalty` taken because it did not reveal.
    event Dismissed(bytes32 indexed id, uint8 indexed round, address indexed juror, uint256 reward, uint256 penalty);
    /// @notice A node signed two outputs for one attempt.
    event Equivocated(address indexed node, bytes32 indexed key, address indexed reporter, uint256 slashed);
    /// @notice A node may be drawn as a juror.
    event Enlisted(address indexed juror);
    /// @notice A node is not drawn any more.
    event Delisted(address indexed juror);

    /// @notice The signature is neither the node's nor that of a signer that binds it now.
    error BadReceipt(address signer);
    /// @notice The work ended too long ago.
    error Expired(uint256 since);
    /// @notice This receipt or root was disputed before.
    error AlreadyOpened(bytes32 id);
    /// @notice There is nothing that could be slashed, or for a jury less than `BOND`, which would not pay its work.
    error NothingAtStake(address node);
    /// @notice As many disputes about receipts of one node as can be open at a time.
    error TooManyOpen(address node);
    /// @notice Not enough nodes are enlisted, or eligible, for a jury. @param count Of them.
    error TooFewJurors(uint256 count);
    /// @notice The receipts do not contradict each other.
    error NoContradiction();
    /// @notice Punished before.
    error AlreadyPunished(bytes32 key);
    /// @notice No proposal, or not the one that the caller means.
    error NotPending(bytes32 id);
    /// @notice The caller is not an active node.
    error NotActive(address caller);
    /// @notice Listed already.
    error AlreadyEnlisted(address juror);
    /// @notice Not listed.
    error NotEnlisted(address juror);
    /// @notice An active juror is taken off the list only by itself.
    error StillActive(address juror);
    /// @notice The dispute is in another phase.
    error WrongPhase(Phase phase);
    /// @notice Too early or too late; `end` is the moment on the other side of which it is possible.
    error WrongTime(uint256 end);
    /// @notice The seed block is not mined yet.
    error SeedNotReady(uint256 seedBlock);
    /// @notice The juror is not where this step needs it.
    error WrongBallot(Ballot ballot);
    /// @notice Vote and salt do not give the commitment.
    error BadReveal();
    /// @notice Staking's unbonding does not outlast a challenge and both juries.
    error UnbondingTooShort();

    /// @notice Seconds after its end in which a piece of work can be disputed.
    function CHALLENGE_WINDOW() external view returns (uint256);
    /// @notice Seconds in which a jury must be drawn.
    function DRAW_WINDOW() external view returns (uint256);
    /// @notice Seconds for commitments, and again for reveals.
    function VOTE_WINDOW() external view returns (uint256);
    /// @notice What a challenger of a receipt puts up, in wei.
    function BOND() external view returns (uint256);
    /// @notice What a challenger of a root puts up, in wei. Higher, because a disputed root holds up everyone's rewards.
    function ROOT_BOND() external view returns (uint256);
    /// @notice What a guilty node loses at most, in wei.
    function SLASH() external view returns (uint256);
    /// @notice What a juror loses that does not reveal, in wei.
    function NO_SHOW_SLASH() external view returns (uint256);
    /// @notice The most disputes about receipts of one node at a time.
    function MAX_OPEN() external view returns (uint256);
    /// @notice Seats of a jury; a majority of them decides.
    function seatsOf(uint8 round) external pure returns (uint256);

    /// @notice Slashes a node that signed two outputs for one job, attempt and input; half goes to the caller. Once for
    /// each of them.
    function slashEquivocation(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external returns (uint256 slashed);

    /// @notice Takes a receipt to a jury, for a bond of `BOND` from the caller.
    /// @return id The EIP-712 digest of the receipt.
    function open(Receipt calldata receipt, bytes calldata signature) external returns (bytes32 id);

    /// @notice Takes the proposed root of Rewards to a jury, for a bond of `ROOT_BOND`. Only active nodes, and while the
    /// challenge window is open.
    /// @param id As `Rewards.pendingId` says: a root that was replaced meanwhile is not hit.
    function openRoot(bytes32 id) external;

    /// @notice Draws the jury, by the hash of the seed block. Anyone may call it. When that hash is gone (after 256
    /// blocks) it names another block instead.
    function draw(bytes32 id) external;

    /// @notice A juror commits to its vote.
    /// @param commitment As `commitmentOf` says.
    function commit(bytes32 id, bytes32 commitment) external;

    /// @notice A juror shows its vote, after the commit phase and before the end of the reveal phase.
    function reveal(bytes32 id, bool guilty, bytes32 salt) external;

    /// @notice Ends a round whose votes are all shown or whose time is over. Anyone may call it.
    function resolve(bytes32 id) external;

    /// @notice Frees a juror of a round that is over: pays its reward, or takes `NO_SHOW_SLASH` and takes it off the list
    /// when it did not reveal. Anyone may call it, once for each juror.
    function dismiss(bytes32 id, uint8 round, address juror) external;

    /// @notice Puts the calling node, which must be active, on the list of jurors.
    function enlist() external;

    /// @notice Takes a node off the list: the caller itself, or one that is not active any more.
    function delist(address juror) external;

    /// @notice A dispute by its id; all zero for an unknown one.
    function disputeOf(bytes32 id) external view returns (Dispute memory);
    /// @notice Whether a dispute has begun and not ended.
    function isOpen(bytes32 id) external view returns (bool);
    /// @notice How the disputes of a node ended.
    function recordOf(address node) external view returns (Record memory);
    /// @notice Where a juror stands in one round of a dispute.
    function ballotOf(bytes32 id, uint8 round, address juror) external view returns (Ballot);
    /// @notice Number of nodes on the list of jurors.
    function jurorCount() external view returns (uint256);
    /// @notice One node on the list; the order changes when others leave.
    function jurorAt(uint256 index) external view returns (address);
    /// @notice What a juror commits to. It names the juror, so that a copied commitment cannot be revealed by another.
    function commitmentOf(bytes32 id, uint8 round, address juror, bool guilty, bytes32 salt)
        external
        view
        returns (bytes32);
    /// @notice What a node signs: the EIP-712 digest of a receipt.
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
    /// @notice The EIP-712 type of a receipt.
    function RECEIPT_TYPEHASH() external view returns (bytes32);
}
