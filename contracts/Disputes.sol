// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IToken} from "./interfaces/IToken.sol";

/// @title Disputes
/// @dev Times are kept in 32 bits and serve until 2106. Calls out go to our own contracts only.
contract Disputes is EIP712, IDisputes {
    using SafeERC20 for IToken;

    /// @inheritdoc IDisputes
    bytes32 public constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(address node,address requester,bytes32 job,uint32 attempt,bytes32 input,bytes32 output,bytes32 details,uint64 finishedAt)"
    );
    /// @inheritdoc IDisputes
    uint256 public constant CHALLENGE_WINDOW = 7 days;
    /// @inheritdoc IDisputes
    uint256 public constant DRAW_WINDOW = 1 days;
    /// @inheritdoc IDisputes
    uint256 public constant VOTE_WINDOW = 12 hours;
    /// @inheritdoc IDisputes
    uint256 public constant BOND = 100e18;
    /// @inheritdoc IDisputes
    uint256 public constant ROOT_BOND = 1_000e18;
    /// @inheritdoc IDisputes
    uint256 public constant SLASH = 500e18;
    /// @inheritdoc IDisputes
    uint256 public constant NO_SHOW_SLASH = 10e18;
    /// @inheritdoc IDisputes
    uint256 public constant MAX_OPEN = 3;

    /// Of what is slashed: half for the reporter, a tenth for the jury.
    uint256 private constant REPORTER_BPS = 5_000;
    uint256 private constant JURY_BPS = 1_000;
    /// The seed is a block that nobody knows yet when a dispute is opened.
    uint256 private constant SEED_DELAY = 2;
    /// Node and challenger may be on the list and are not eligible.
    uint256 private constant PARTIES = 2;
    /// A draw looks at this many candidates per seat, then it gives up: bounds its gas.
    uint256 private constant PICKS_PER_SEAT = 4;

    /// What stands in a juror's slot besides a commitment.
    bytes32 private constant SEATED = bytes32(uint256(1));
    bytes32 private constant VOTED_GUILTY = bytes32(uint256(2));
    bytes32 private constant VOTED_INNOCENT = bytes32(uint256(3));
    bytes32 private constant DISMISSED = bytes32(uint256(4));

    /// @notice The token of bonds.
    IToken public immutable token;
    /// @notice Holds the stake that is frozen and slashed.
    IStaking public immutable staking;
    /// @notice Holds the roots that can be disputed.
    IRewards public immutable rewards;

    mapping(bytes32 id => Dispute) private _disputes;
    mapping(bytes32 id => mapping(uint8 round => mapping(address juror => bytes32))) private _ballots;
    mapping(address node => Record) private _records;
    mapping(bytes32 key => bool) private _punished;
    address[] private _jurors;
    /// Position in `_jurors`, counted from one.
    mapping(address juror => uint256) private _positionOf;

    constructor(IToken token_, IStaking staking_, IRewards rewards_) EIP712("Hartonomous Disputes", "1") {
        token = token_;
        staking = staking_;
        rewards = rewards_;
        uint256 longest = CHALLENGE_WINDOW + 2 * (DRAW_WINDOW + 2 * VOTE_WINDOW);
        if (staking_.UNBONDING() <= longest) revert UnbondingTooShort();
    }

    // ------------------------------------------------------------------------------------------------- equivocation

    /// @inheritdoc IDisputes
    function slashEquivocation(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external returns (uint256 slashed) {
        bytes32 key = _attemptKey(first);
        if (key != _attemptKey(second) || first.output == second.output) revert NoContradiction();
        if (_punished[key]) revert AlreadyPunished(key);
        _verify(first, firstSignature);
        _verify(second, secondSignature);
        _punished[key] = true;
        ++_records[first.node].equivocations;
        (slashed,) = staking.slash(first.node, SLASH, msg.sender, REPORTER_BPS);
        if (slashed == 0) revert NothingAtStake(first.node);
        emit Equivocated(first.node, key, msg.sender, slashed);
    }

    // -------------------------------------------------------------------------------------------------------- opening

    /// @inheritdoc IDisputes
    function open(Receipt calldata receipt, bytes calldata signature) external returns (bytes32 id) {
        id = _verify(receipt, signature);
        uint256 since = uint256(receipt.finishedAt) + CHALLENGE_WINDOW;
        if (block.timestamp > since) revert Expired(since);
        // An active node has enough; only for others all of their stake is looked up.
        if (!staking.isActive(receipt.node) && staking.slashable(receipt.node) < BOND) {
            revert NothingAtStake(receipt.node);
        }
        if (++_records[receipt.node].open > MAX_OPEN) revert TooManyOpen(receipt.node);
        _open(id, receipt.node, false);
    }

    /// @inheritdoc IDisputes
    function openRoot(bytes32 id) external {
        if (!staking.isActive(msg.sender)) revert NotActive(msg.sender);
        if (id == 0 || rewards.pendingId() != id) revert NotPending(id);
        IRewards.Proposal memory proposal = rewards.pending();
        uint256 end = proposal.proposedAt + rewards.CHALLENGE_WINDOW();
        if (block.timestamp >= end) revert WrongTime(end);
        _open(id, proposal.proposer, true);
    }

    function _open(bytes32 id, address node, bool isRoot) private {
        Dispute storage dispute = _disputes[id];
        if (dispute.phase != Phase.None) revert AlreadyOpened(id);
        if (_jurors.length < seatsOf(0) + PARTIES) revert TooFewJurors(_jurors.length);
        dispute.node = node;
        dispute.challenger = msg.sender;
        dispute.isRoot = isRoot;
        _await(id, dispute, 0);
        staking.freeze(node);
        token.safeTransferFrom(msg.sender, address(this), isRoot ? ROOT_BOND : BOND);
    }

    /// Starts a round: the time in which its jury can be drawn.
    function _await(bytes32 id, Dispute storage dispute, uint8 round) private {
        uint32 seedBlock = uint32(block.number + SEED_DELAY);
        uint32 end = uint32(block.timestamp + DRAW_WINDOW);
        (dispute.phase, dispute.round, dispute.guilty, dispute.innocent) = (Phase.Open, round, 0, 0);
        (dispute.end, dispute.seedBlock) = (end, seedBlock);
        emit Opened(id, dispute.node, dispute.challenger, round, seedBlock, end);
    }

    // ---------------------------------------------------------------------------------------------------------- jury

    /// @inheritdoc IDisputes
    function draw(bytes32 id) external {
        Dispute storage dispute = _in(id, Phase.Open);
        if (block.timestamp > dispute.end) revert WrongTime(dispute.end);
        uint256 seedBlock = dispute.seedBlock;
        if (block.number <= seedBlock) revert SeedNotReady(seedBlock);
        bytes32 seed = blockhash(seedBlock);
        if (seed == 0) {
            dispute.seedBlock = uint32(block.number + SEED_DELAY);
            emit SeedMissed(id, uint64(block.number + SEED_DELAY));
            return;
        }
        _seat(id, dispute, uint256(keccak256(abi.encode(seed, id, dispute.round))));
        uint64 end = uint64(block.timestamp + VOTE_WINDOW);
        (dispute.phase, dispute.end) = (Phase.Drawn, uint32(end));
        emit Drawn(id, dispute.round, end, end + uint64(VOTE_WINDOW));
    }

    /// Seats eligible jurors in the order of a shuffled list, of which only the part that was looked at is kept.
    function _seat(bytes32 id, Dispute storage dispute, uint256 seed) private {
        uint8 round = dispute.round;
        mapping(address => bytes32) storage ballots = _ballots[id][round];
        uint256 seats = seatsOf(round);
        uint256 size = _jurors.length;
        uint256 picks = Math.min(size, seats * PICKS_PER_SEAT);
        uint256[2][] memory moved = new uint256[2][](picks);
        uint256 seated;
        for (uint256 i; i < picks && seated < seats; ++i) {
            uint256 chosen = i + uint256(keccak256(abi.encode(seed, i))) % (size - i);
            address juror = _jurors[_at(moved, i, chosen)];
            moved[i] = [chosen, _at(moved, i, i)];
            if (juror == dispute.node || juror == dispute.challenger || !staking.isActive(juror)) continue;
            ballots[juror] = SEATED;
            ++seated;
            emit Seated(id, round, juror);
            staking.freeze(juror);
        }
        if (seated < seats) revert TooFewJurors(seated);
    }

    /// What a shuffle has at a position: the latest of the `count` moves to it, else what always was there.
    function _at(uint256[2][] memory moved, uint256 count, uint256 position) private pure returns (uint256) {
        for (uint256 i = count; i > 0; --i) {
            if (moved[i - 1][0] == position) return moved[i - 1][1];
        }
        return position;
    }

    /// @inheritdoc IDisputes
    function commit(bytes32 id, bytes32 commitment) external {
        Dispute storage dispute = _in(id, Phase.Drawn);
        if (block.timestamp >= dispute.end) revert WrongTime(dispute.end);
        uint8 round = dispute.round;
        mapping(address => bytes32) storage ballots = _ballots[id][round];
        if (ballots[msg.sender] != SEATED) revert WrongBallot(_ballotOf(ballots[msg.sender]));
        if (commitment <= DISMISSED) revert BadReveal();
        ballots[msg.sender] = commitment;
        emit Committed(id, round, msg.sender, commitment);
    }

    /// @inheritdoc IDisputes
    function reveal(bytes32 id, bool guilty, bytes32 salt) external {
        Dispute storage dispute = _in(id, Phase.Drawn);
        uint256 end = dispute.end;
        if (block.timestamp < end) revert WrongTime(end);
        if (block.timestamp >= end + VOTE_WINDOW) revert WrongTime(end + VOTE_WINDOW);
        uint8 round = dispute.round;
        mapping(address => bytes32) storage ballots = _ballots[id][round];
        bytes32 ballot = ballots[msg.sender];
        if (ballot <= DISMISSED) revert WrongBallot(_ballotOf(ballot));
        if (ballot != commitmentOf(id, round, msg.sender, guilty, salt)) revert BadReveal();
        ballots[msg.sender] = guilty ? VOTED_GUILTY : VOTED_INNOCENT;
        if (guilty) ++dispute.guilty;
        else ++dispute.innocent;
        emit Revealed(id, round, msg.sender, guilty);
    }

    /// @inheritdoc IDisputes
    function resolve(bytes32 id) external {
        Dispute storage dispute = _disputes[id];
        if (dispute.phase == Phase.Open) {
            if (block.timestamp <= dispute.end) revert WrongTime(dispute.end);
            _end(id, dispute, Phase.Void);
            return;
        }
        _in(id, Phase.Drawn);
        uint256 seats = seatsOf(dispute.round);
        uint256 end = dispute.end + VOTE_WINDOW;
        if (uint256(dispute.guilty) + dispute.innocent < seats && block.timestamp < end) revert WrongTime(end);
        uint256 majority = seats / 2 + 1;
        if (dispute.guilty >= majority) _end(id, dispute, Phase.Guilty);
        else if (dispute.innocent >= majority) _end(id, dispute, Phase.Innocent);
        else if (dispute.round == 0) _await(id, dispute, 1);
        else _end(id, dispute, Phase.Void);
    }

    /// Pays the bond and the bounty out, except for what the jurors collect when they are dismissed.
    function _end(bytes32 id, Dispute storage dispute, Phase outcome) private {
        address node = dispute.node;
        uint256 bond = dispute.isRoot ? ROOT_BOND : BOND;
        uint256 slashed;
        uint256 reward;
        address receiver = dispute.challenger;
        dispute.phase = outcome;
        Record storage record = _records[node];
        if (!dispute.isRoot) --record.open;
        if (outcome == Phase.Guilty) {
            ++record.guilty;
            uint256 bounty;
            (slashed, bounty) = staking.slash(node, SLASH, address(this), REPORTER_BPS + JURY_BPS);
            reward = (bounty * JURY_BPS) / (REPORTER_BPS + JURY_BPS) / dispute.guilty;
            bond += bounty - reward * dispute.guilty;
            if (dispute.isRoot) rewards.cancel();
        } else if (outcome == Phase.Innocent) {
            ++record.innocent;
            reward = bond / 2 / dispute.innocent;
            bond -= reward * dispute.innocent;
            receiver = node;
        }
        dispute.reward = uint88(reward);
        emit Resolved(id, node, outcome, slashed, reward);
        staking.unfreeze(node);
        token.safeTransfer(receiver, bond);
    }

    /// @inheritdoc IDisputes
    function dismiss(bytes32 id, uint8 round, address juror) external {
        Dispute storage dispute = _disputes[id];
        Phase phase = dispute.phase;
        bool isLast = round == dispute.round;
        if (round > dispute.round || (isLast && phase < Phase.Guilty)) revert WrongPhase(phase);
        mapping(address => bytes32) storage ballots = _ballots[id][round];
        Ballot ballot = _ballotOf(ballots[juror]);
        if (ballot == Ballot.NotSeated || ballot == Ballot.Dismissed) revert WrongBallot(ballot);
        ballots[juror] = DISMISSED;
        uint256 reward;
        uint256 penalty;
        if (ballot == Ballot.Seated || ballot == Ballot.Committed) {
            (penalty,) = staking.slash(juror, NO_SHOW_SLASH, address(this), 0);
            if (_positionOf[juror] != 0) _remove(juror);
        } else if (isLast && phase == (ballot == Ballot.Guilty ? Phase.Guilty : Phase.Innocent)) {
            reward = dispute.reward;
        }
        emit Dismissed(id, round, juror, reward, penalty);
        staking.unfreeze(juror);
        if (reward != 0) token.safeTransfer(juror, reward);
    }

    // ------------------------------------------------------------------------------------------------ list of jurors

    /// @inheritdoc IDisputes
    function enlist() external {
        if (!staking.isActive(msg.sender)) revert NotActive(msg.sender);
        if (_positionOf[msg.sender] != 0) revert AlreadyEnlisted(msg.sender);
        _jurors.push(msg.sender);
        _positionOf[msg.sender] = _jurors.length;
        emit Enlisted(msg.sender);
    }

    /// @inheritdoc IDisputes
    function delist(address juror) external {
        if (_positionOf[juror] == 0) revert NotEnlisted(juror);
        if (juror != msg.sender && staking.isActive(juror)) revert StillActive(juror);
        _remove(juror);
    }

    function _remove(address juror) private {
        uint256 position = _positionOf[juror];
        address last = _jurors[_jurors.length - 1];
        _jurors[position - 1] = last;
        _positionOf[last] = position;
        _positionOf[juror] = 0;
        _jurors.pop();
        emit Delisted(juror);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDisputes
    function seatsOf(uint8 round) public pure returns (uint256) {
        return round == 0 ? 7 : 15;
    }

    /// @inheritdoc IDisputes
    function disputeOf(bytes32 id) external view returns (Dispute memory) {
        return _disputes[id];
    }

    /// @inheritdoc IDisputes
    function isOpen(bytes32 id) external view returns (bool) {
        Phase phase = _disputes[id].phase;
        return phase == Phase.Open || phase == Phase.Drawn;
    }

    /// @inheritdoc IDisputes
    function recordOf(address node) external view returns (Record memory) {
        return _records[node];
    }

    /// @inheritdoc IDisputes
    function ballotOf(bytes32 id, uint8 round, address juror) external view returns (Ballot) {
        return _ballotOf(_ballots[id][round][juror]);
    }

    /// @inheritdoc IDisputes
    function jurorCount() external view returns (uint256) {
        return _jurors.length;
    }

    /// @inheritdoc IDisputes
    function jurorAt(uint256 index) external view returns (address) {
        return _jurors[index];
    }

    /// @inheritdoc IDisputes
    function commitmentOf(bytes32 id, uint8 round, address juror, bool guilty, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, this, id, round, juror, guilty, salt));
    }

    /// @inheritdoc IDisputes
    function receiptDigest(Receipt calldata receipt) public view returns (bytes32) {
        // All fields are of fixed size: the struct is encoded as its members are.
        return _hashTypedDataV4(keccak256(abi.encode(RECEIPT_TYPEHASH, receipt)));
    }

    // ----------------------------------------------------------------------------------------------------- internals

    function _in(bytes32 id, Phase phase) private view returns (Dispute storage dispute) {
        dispute = _disputes[id];
        if (dispute.phase != phase) revert WrongPhase(dispute.phase);
    }

    function _verify(Receipt calldata receipt, bytes calldata signature) private view returns (bytes32 digest) {
        digest = receiptDigest(receipt);
        (address signer,,) = ECDSA.tryRecover(digest, signature);
        if (signer == address(0)) revert BadReceipt(signer);
        if (signer == receipt.node) return digest;
        if (block.timestamp >= staking.signerValidUntil(receipt.node, signer)) revert BadReceipt(signer);
    }

    function _attemptKey(Receipt calldata receipt) private pure returns (bytes32) {
        return keccak256(abi.encode(receipt.node, receipt.job, receipt.attempt, receipt.input));
    }

    function _ballotOf(bytes32 slot) private pure returns (Ballot) {
        if (slot == 0) return Ballot.NotSeated;
        if (slot == SEATED) return Ballot.Seated;
        if (slot == VOTED_GUILTY) return Ballot.Guilty;
        if (slot == VOTED_INNOCENT) return Ballot.Innocent;
        return slot == DISMISSED ? Ballot.Dismissed : Ballot.Committed;
    }
}
