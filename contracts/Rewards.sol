// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IToken} from "./interfaces/IToken.sol";

/// @title Rewards
/// @dev The only minter of the token. The sum of `emission` over all epochs is checked against the cap by a test.
contract Rewards is IRewards {
    using SafeERC20 for IToken;

    /// @inheritdoc IRewards
    uint256 public constant EPOCH = 1 days;
    /// @inheritdoc IRewards
    uint256 public constant HALVING = 1_460;
    /// @inheritdoc IRewards
    uint256 public constant FIRST_EMISSION = 7_000e18;
    /// @inheritdoc IRewards
    uint256 public constant CHALLENGE_WINDOW = 12 hours;
    /// @inheritdoc IRewards
    uint256 public constant NODE_SHARE_BPS = 500;
    /// @inheritdoc IRewards
    uint256 public constant BURN_RETURN_BPS = 9_000;

    uint256 private constant BPS = 10_000;

    /// @notice The token that this contract mints.
    IToken public immutable token;
    /// @notice Knows which nodes are active, and takes what they earn.
    IStaking public immutable staking;
    /// @notice Knows what was burned from the income of a node.
    IEscrow public immutable escrow;
    /// @notice May cancel a proposal.
    IDisputes public immutable disputes;
    /// @notice When epoch zero began, in seconds since 1970.
    uint256 public immutable start;
    /// The share of its payments that Escrow burns, in 1/10 000.
    uint256 private immutable _burnBps;

    Proposal private _pending;
    /// @inheritdoc IRewards
    bytes32 public root;
    /// @inheritdoc IRewards
    uint256 public nextEpoch;
    /// @inheritdoc IRewards
    uint256 public budgetTotal;
    /// @inheritdoc IRewards
    uint256 public claimedTotal;
    /// @inheritdoc IRewards
    mapping(address node => uint256) public claimed;

    constructor(IToken token_, IStaking staking_, IEscrow escrow_, IDisputes disputes_) {
        token = token_;
        staking = staking_;
        escrow = escrow_;
        disputes = disputes_;
        start = block.timestamp;
        _burnBps = escrow_.BURN_BPS();
        token_.approve(address(staking_), type(uint256).max);
    }

    // -------------------------------------------------------------------------------------------------------- roots

    /// @inheritdoc IRewards
    function propose(bytes32 newRoot) external returns (bytes32 id) {
        if (!staking.isActive(msg.sender)) revert NotActive(msg.sender);
        if (newRoot == 0) revert ZeroRoot();
        if (_pending.root != 0) revert AlreadyPending(pendingId());
        uint256 current = currentEpoch();
        // The last complete epoch is current - 1.
        if (current <= nextEpoch) revert NothingToPropose();
        _pending = Proposal(newRoot, msg.sender, uint48(block.timestamp), uint48(current - 1));
        id = pendingId();
        emit Proposed(id, current - 1, newRoot, msg.sender);
    }

    /// @inheritdoc IRewards
    function finalize() external {
        Proposal memory proposal = _pending;
        if (proposal.root == 0) revert NothingPending();
        uint256 end = proposal.proposedAt + CHALLENGE_WINDOW;
        if (block.timestamp < end) revert WindowOpen(end);
        bytes32 id = pendingId();
        if (disputes.isOpen(id)) revert Disputed(id);
        delete _pending;
        uint256 amount = emission(proposal.epoch);
        root = proposal.root;
        nextEpoch = proposal.epoch + 1;
        budgetTotal += amount;
        emit Finalized(id, proposal.epoch, proposal.root, amount);
        if (amount != 0) token.mint(address(this), amount);
    }

    /// @inheritdoc IRewards
    function cancel() external {
        if (msg.sender != address(disputes)) revert NotDisputes();
        if (_pending.root == 0) revert NothingPending();
        emit Cancelled(pendingId(), _pending.epoch);
        delete _pending;
    }

    // ------------------------------------------------------------------------------------------------------- claims

    /// @inheritdoc IRewards
    function claim(address node, uint256 cumulative, bytes32[] calldata proof) external returns (uint256 amount) {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(node, cumulative))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert BadProof();
        uint256 before = claimed[node];
        uint256 total = Math.min(cumulative, capOf(node));
        if (total <= before) revert NothingToClaim();
        // A root that promises more than all emission pays those who come first.
        amount = Math.min(total - before, budgetTotal - claimedTotal);
        if (amount == 0) revert NothingToClaim();
        claimed[node] = before + amount;
        claimedTotal += amount;
        emit Claimed(node, amount);
        if (staking.canEarn(node)) staking.distribute(node, amount);
        else token.safeTransfer(node, amount);
    }

    // -------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IRewards
    function pending() external view returns (Proposal memory) {
        return _pending;
    }

    /// @inheritdoc IRewards
    function pendingId() public view returns (bytes32) {
        if (_pending.root == 0) return 0;
        return keccak256(
            abi.encode(block.chainid, this, _pending.epoch, _pending.root, _pending.proposer, _pending.proposedAt)
        );
    }

    /// @inheritdoc IRewards
    function currentEpoch() public view returns (uint256) {
        return (block.timestamp - start) / EPOCH;
    }

    /// @inheritdoc IRewards
    function emission(uint256 epoch) public pure returns (uint256) {
        return FIRST_EMISSION >> (epoch / HALVING);
    }

    /// @inheritdoc IRewards
    function capOf(address node) public view returns (uint256) {
        (uint128 earned,) = escrow.incomes(node);
        uint256 burned = (earned * _burnBps) / BPS;
        return Math.min((burned * BURN_RETURN_BPS) / BPS, (budgetTotal * NODE_SHARE_BPS) / BPS);
    }
}
