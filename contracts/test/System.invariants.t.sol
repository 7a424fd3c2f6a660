// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Disputes} from "../Disputes.sol";
import {Escrow} from "../Escrow.sol";
import {Models} from "../Models.sol";
import {Reputation} from "../Reputation.sol";
import {Rewards} from "../Rewards.sol";
import {Staking} from "../Staking.sol";
import {Token} from "../Token.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {Base} from "./Base.sol";
import {SystemFixture} from "./System.sol";

struct System {
    Token token;
    Models models;
    Escrow escrow;
    Staking staking;
    Rewards rewards;
    Disputes disputes;
    Reputation reputation;
}

/// Two nodes and eighteen jurors (nodes as well); disputes of all kinds, reward epochs, payments, models and departures
/// in any order. Every call checks what it changed; `fault` says what was wrong first.
contract SystemHandler is Base {
    uint256 public constant JURORS = 18;
    uint256 private constant NODES = 2;
    uint256 private constant PAYER_KEY = 0xFA1E;
    address public constant CHALLENGER = address(0xC4A);
    bytes32 private constant SALT = "salt";

    System private s;
    string public fault;
    bytes32[] public ids;
    uint256 public burned;
    uint256 public resolved;
    uint256 public finalized;
    uint256 public paidRewards;
    uint256 public models;
    mapping(bytes32 id => bool) public isTerminal;
    mapping(bytes32 id => IDisputes.Phase) public outcome;
    mapping(address node => uint256) private _lastClaimed;
    uint256 private _lastEpoch;
    uint256 private _jobs;

    constructor(System memory system) {
        s = system;
        s.token.approve(address(s.staking), type(uint256).max);
        s.token.approve(address(s.escrow), type(uint256).max);
    }

    /// Once, before the sequence.
    function begin() external {
        for (uint256 i; i < JURORS + NODES; ++i) {
            address who = i < JURORS ? jurorAt(i) : nodeAt(i);
            s.token.transfer(who, 5_000e18);
            vm.startPrank(who);
            s.token.approve(address(s.staking), type(uint256).max);
            s.token.approve(address(s.disputes), type(uint256).max);
            s.staking.register(keccak256(abi.encode(who)), 500, 3_000e18);
            if (i < JURORS) s.disputes.enlist();
            else s.reputation.register();
            vm.stopPrank();
        }
        s.token.transfer(CHALLENGER, 50_000e18);
        vm.startPrank(CHALLENGER);
        s.token.approve(address(s.disputes), type(uint256).max);
        s.token.approve(address(s.staking), type(uint256).max);
        s.staking.register("challenger", 0, 1_000e18);
        vm.stopPrank();
    }

    function nodeAt(uint256 index) public pure returns (address) {
        return vm.addr(0x601 + (index % NODES));
    }

    function jurorAt(uint256 index) public pure returns (address) {
        return vm.addr(0x1000 + (index % JURORS));
    }

    // ----------------------------------------------------------------------------------------------------- disputes

    function open(uint256 which, bool byJuror) external {
        uint256 key = 0x601 + (which % NODES);
        address challenger = byJuror ? jurorAt(which / 7) : CHALLENGER;
        IDisputes.Receipt memory receipt = IDisputes.Receipt(
            vm.addr(key), CHALLENGER, bytes32(++_jobs), 0, "input", "output", 0, uint64(block.timestamp)
        );
        (uint8 v, bytes32 r, bytes32 signed) = vm.sign(key, s.disputes.receiptDigest(receipt));
        vm.prank(challenger);
        try s.disputes.open(receipt, abi.encodePacked(r, signed, v)) returns (bytes32 id) {
            ids.push(id);
        } catch {}
    }

    function openRoot() external {
        bytes32 id = s.rewards.pendingId();
        vm.prank(CHALLENGER);
        try s.disputes.openRoot(id) {
            ids.push(id);
        } catch {}
    }

    function draw(uint256 which) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        vm.roll(block.number + 3);
        try s.disputes.draw(id) {
            IDisputes.Dispute memory dispute = s.disputes.disputeOf(id);
            if (dispute.phase != IDisputes.Phase.Drawn) return;
            if (_seats(id, dispute.round) != s.disputes.seatsOf(dispute.round)) fault = "a jury is incomplete";
            if (s.disputes.ballotOf(id, dispute.round, dispute.node) != IDisputes.Ballot.NotSeated) {
                fault = "the node is a juror";
            }
            if (s.disputes.ballotOf(id, dispute.round, dispute.challenger) != IDisputes.Ballot.NotSeated) {
                fault = "the challenger is a juror";
            }
        } catch {}
    }

    /// Each juror stays away, or votes by the bits of `votes`; then the round is resolved and its jury dismissed.
    function decide(uint256 which, uint256 votes, bool all) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        IDisputes.Dispute memory dispute = s.disputes.disputeOf(id);
        if (dispute.phase != IDisputes.Phase.Drawn || block.timestamp >= dispute.end) return;
        for (uint256 i; i < JURORS; ++i) {
            (bool present, bool guilty) = _vote(votes, i, all);
            if (!present) continue;
            bytes32 commitment = s.disputes.commitmentOf(id, dispute.round, jurorAt(i), guilty, SALT);
            vm.prank(jurorAt(i));
            try s.disputes.commit(id, commitment) {} catch {}
        }
        vm.warp(dispute.end);
        for (uint256 i; i < JURORS; ++i) {
            (bool present, bool guilty) = _vote(votes, i, all);
            if (!present) continue;
            vm.prank(jurorAt(i));
            try s.disputes.reveal(id, guilty, SALT) {} catch {}
        }
        dispute = s.disputes.disputeOf(id);
        if (uint256(dispute.guilty) + dispute.innocent > s.disputes.seatsOf(dispute.round)) fault = "votes over seats";
        vm.warp(dispute.end + 12 hours);
    }

    function resolve(uint256 which) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        try s.disputes.resolve(id) {
            if (isTerminal[id]) fault = "resolved after its end";
            if (s.disputes.isOpen(id)) return;
            isTerminal[id] = true;
            outcome[id] = s.disputes.disputeOf(id).phase;
            ++resolved;
        } catch {}
    }

    function dismiss(uint256 which, uint256 juror, uint8 round) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        try s.disputes.dismiss(id, round % 2, jurorAt(juror)) {} catch {}
    }

    function enlist(uint256 juror) external {
        vm.prank(jurorAt(juror));
        try s.disputes.enlist() {} catch {}
    }

    function slashEquivocation(uint256 which) external {
        if (which % 4 != 0) return;
        uint256 key = 0x601 + ((which / 4) % NODES);
        bytes32 job = bytes32(++_jobs);
        IDisputes.Receipt[2] memory receipts;
        bytes[2] memory signatures;
        for (uint256 i; i < 2; ++i) {
            receipts[i] = IDisputes.Receipt(vm.addr(key), CHALLENGER, job, 0, "input", bytes32(i), 0, 1);
            (uint8 v, bytes32 r, bytes32 signed) = vm.sign(key, s.disputes.receiptDigest(receipts[i]));
            signatures[i] = abi.encodePacked(r, signed, v);
        }
        try s.disputes.slashEquivocation(receipts[0], signatures[0], receipts[1], signatures[1]) {} catch {}
    }

    // ------------------------------------------------------------------------------------------------ stake and time

    function stake(uint256 who, uint256 amount) external {
        address holder = who % 3 == 0 ? nodeAt(who) : jurorAt(who);
        amount = bound(amount, 1e18, 2_000e18);
        if (s.token.balanceOf(holder) < amount) return;
        vm.prank(holder);
        try s.staking.stake(holder, amount) {} catch {}
    }

    function leave(uint256 who, uint256 id, bool unbonds) external {
        address holder = who % 3 == 0 ? nodeAt(who) : jurorAt(who);
        uint256 frozen = s.staking.nodeOf(holder).frozen;
        vm.prank(holder);
        if (unbonds) {
            try s.staking.unbond(holder, 1_000e18) {} catch {}
        } else {
            try s.staking.withdraw(id % 64) {
                if (frozen != 0) fault = "a frozen stake left";
            } catch {}
        }
    }

    function wait_(uint256 duration) external {
        vm.warp(block.timestamp + bound(duration, 1 hours, 30 hours));
    }

    // ------------------------------------------------------------------------------------------------------ rewards

    function propose(uint256 cumulative) external {
        vm.prank(nodeAt(cumulative));
        try s.rewards.propose(_leaf(nodeAt(0), cumulative % 1_000e18)) {} catch {}
    }

    function finalize(uint256 cumulative) external {
        // Mostly with a root that pays something, so that claims have something to do.
        if (s.rewards.pendingId() == 0) {
            vm.prank(CHALLENGER);
            try s.rewards.propose(_leaf(nodeAt(0), cumulative % 1_000e18)) {} catch {}
            vm.warp(block.timestamp + 12 hours);
        }
        uint256 minted = s.token.minted();
        IRewards.Proposal memory pending = s.rewards.pending();
        bool isDisputed = s.disputes.isOpen(s.rewards.pendingId());
        try s.rewards.finalize() {
            ++finalized;
            if (isDisputed) fault = "a disputed root counts";
            if (finalized > 1 && pending.epoch <= _lastEpoch) fault = "epochs went back";
            if (s.token.minted() - minted != s.rewards.emission(pending.epoch)) fault = "minted another amount";
            _lastEpoch = pending.epoch;
        } catch {}
    }

    function claimReward(uint256 cumulative) external {
        // The only leaf is the root.
        address node = nodeAt(0);
        for (uint256 i; i < 2; ++i) {
            try s.rewards.claim(node, i == 0 ? cumulative % 1_000e18 : 0, new bytes32[](0)) returns (uint256 amount) {
                paidRewards += amount;
            } catch {}
        }
        if (s.rewards.claimed(node) < _lastClaimed[node]) fault = "claimed fell";
        _lastClaimed[node] = s.rewards.claimed(node);
    }

    /// Proposes and finalises a root that is known to the next claim, and claims it.
    function runEpoch(uint256 cumulative) external {
        cumulative = bound(cumulative, 1, 500e18);
        vm.warp(block.timestamp + 1 days);
        vm.prank(CHALLENGER);
        try s.rewards.propose(_leaf(nodeAt(0), cumulative)) {} catch {}
        vm.warp(block.timestamp + 12 hours);
        try s.rewards.finalize() {
            ++finalized;
            _lastEpoch = s.rewards.nextEpoch() - 1;
        } catch {}
        try s.rewards.claim(nodeAt(0), cumulative, new bytes32[](0)) returns (uint256 amount) {
            paidRewards += amount;
        } catch {}
        if (s.rewards.claimed(nodeAt(0)) > s.rewards.capOf(nodeAt(0))) fault = "over its cap";
    }

    // ------------------------------------------------------------------------------------------- payments and models

    function pay(uint256 which, uint256 topic, uint256 amount) external {
        address node = nodeAt(which);
        amount = bound(amount, 1, 5_000e18);
        if (s.token.balanceOf(address(this)) < amount) return;
        s.escrow.deposit(vm.addr(PAYER_KEY), amount);
        (address author,) = s.models.royaltyInfo(topic % 4, amount);
        uint256 before = _received(node, author);
        uint256 due = s.escrow.claim(node, _voucher(node, bytes32(topic % 4), amount));
        if (due != amount) fault = "a covered voucher was not paid";
        if (_received(node, author) - before != due) fault = "payouts are not what was due";
    }

    function _voucher(address node, bytes32 topic, uint256 amount)
        private
        view
        returns (IEscrow.Voucher[] memory batch)
    {
        address payer = vm.addr(PAYER_KEY);
        (, uint128 paid) = s.escrow.channels(s.escrow.channelId(payer, node, topic));
        uint128 total = uint128(paid + amount);
        (uint8 v, bytes32 r, bytes32 signed) = vm.sign(PAYER_KEY, s.escrow.voucherDigest(payer, node, topic, total));
        batch = new IEscrow.Voucher[](1);
        batch[0] = IEscrow.Voucher(payer, topic, total, r, bytes32(uint256(signed) | (uint256(v - 27) << 255)));
    }

    /// Everything that a payment can turn into.
    function _received(address node, address author) private view returns (uint256) {
        (, uint128 burnable) = s.escrow.incomes(node);
        return s.token.balanceOf(node) + (author == node ? 0 : s.token.balanceOf(author)) + burnable;
    }

    function mintModel(uint256 id, uint16 royaltyBps, uint256 parent) external {
        id = id % 4;
        royaltyBps = royaltyBps % 2_500;
        uint256[] memory parents = new uint256[](parent % 2);
        if (parents.length == 1) parents[0] = parent % 4;
        bool isKnown = _isMinted(id);
        bool hasParents = parents.length == 0 || _isMinted(parents[0]);
        try s.models.mint(bytes32(id), "MIT", royaltyBps, "", parents) {
            ++models;
            if (isKnown || id == 0 || !hasParents || royaltyBps > 2_000) fault = "a model that must not be";
        } catch {}
        (, uint256 royalty) = s.models.royaltyInfo(id, 10_000);
        if (royalty > 2_000) fault = "a royalty over a fifth";
    }

    function _isMinted(uint256 id) private view returns (bool) {
        (, uint64 mintedAt,) = s.models.models(id);
        return mintedAt != 0;
    }

    function flush(uint256 which) external {
        address[] memory payees = new address[](1);
        payees[0] = nodeAt(which);
        burned += s.escrow.flush(payees) + s.staking.flush();
    }

    function burn(uint256 amount) external {
        amount = bound(amount, 0, 10e18);
        if (s.token.balanceOf(address(this)) < amount) return;
        s.token.burn(amount);
        burned += amount;
    }

    function moveReputation(uint256 which, uint256 way, address to) external {
        uint256 id = uint160(nodeAt(which));
        vm.startPrank(which % 3 == 0 ? to : nodeAt(which));
        if (way % 4 == 0) try s.reputation.transferFrom(nodeAt(which), to, id) {} catch {}
        if (way % 4 == 1) try s.reputation.approve(to, id) {} catch {}
        if (way % 4 == 2) try s.reputation.setApprovalForAll(to, true) {} catch {}
        if (way % 4 == 3) try s.reputation.safeTransferFrom(nodeAt(which), to, id) {} catch {}
        vm.stopPrank();
    }

    // -------------------------------------------------------------------------------------------------------- views

    function idCount() external view returns (uint256) {
        return ids.length;
    }

    function _leaf(address node, uint256 cumulative) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(node, cumulative))));
    }

    function _vote(uint256 votes, uint256 index, bool all) private pure returns (bool present, bool guilty) {
        uint256 bits = votes >> (index * 2);
        return (all || bits & 1 == 1, all ? votes % 2 == 0 : bits & 2 == 2);
    }

    function _seats(bytes32 id, uint8 round) private view returns (uint256 seats) {
        for (uint256 i; i < JURORS; ++i) {
            if (s.disputes.ballotOf(id, round, jurorAt(i)) == IDisputes.Ballot.Seated) ++seats;
        }
    }
}

contract SystemInvariantTest is SystemFixture {
    SystemHandler private handler;

    function setUp() public override {
        super.setUp();
        handler =
            new SystemHandler(System(token, models, escrow, staking, rewards, disputes, reputation));
        token.transfer(address(handler), 400_000e18);
        handler.begin();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// Invariants 1 and 10: supply is what was minted less what was burned, and only finalised epochs mint.
    function invariant_supplyIsGenesisAndFinalisedEpochsLessWhatWasBurned() public view {
        assertEq(token.totalSupply(), token.minted() - handler.burned(), "supply");
        assertEq(token.minted(), token.GENESIS_SUPPLY() + rewards.budgetTotal(), "minted");
        assertTrue(token.minted() <= token.MAX_SUPPLY(), "cap");
        assertTrue(rewards.claimedTotal() <= rewards.budgetTotal(), "claimed");
        assertEq(rewards.claimedTotal(), handler.paidRewards(), "paid");
        assertEq(token.balanceOf(address(rewards)), rewards.budgetTotal() - rewards.claimedTotal(), "balance");
    }

    /// Invariant 6: a stake is frozen once for each open dispute about it and each seat that is not dismissed.
    function invariant_frozenCountsOpenDisputesAndSeats() public view {
        for (uint256 i; i < handler.JURORS() + 2; ++i) {
            address who = i < handler.JURORS() ? handler.jurorAt(i) : handler.nodeAt(i);
            uint256 expected;
            for (uint256 j; j < handler.idCount(); ++j) {
                bytes32 id = handler.ids(j);
                if (disputes.disputeOf(id).node == who && disputes.isOpen(id)) ++expected;
                for (uint8 round; round < 2; ++round) {
                    IDisputes.Ballot ballot = disputes.ballotOf(id, round, who);
                    if (ballot != IDisputes.Ballot.NotSeated && ballot != IDisputes.Ballot.Dismissed) ++expected;
                }
            }
            assertEq(staking.nodeOf(who).frozen, expected, "frozen");
        }
    }

    /// Invariant 9: Disputes holds the bonds of open disputes and the rewards of jurors not yet dismissed, no wei more.
    function invariant_disputesHoldOpenBondsAndUnpaidRewards() public view {
        uint256 owed;
        for (uint256 j; j < handler.idCount(); ++j) {
            bytes32 id = handler.ids(j);
            IDisputes.Dispute memory dispute = disputes.disputeOf(id);
            if (disputes.isOpen(id)) {
                owed += dispute.isRoot ? disputes.ROOT_BOND() : disputes.BOND();
                continue;
            }
            for (uint256 i; i < handler.JURORS(); ++i) {
                IDisputes.Ballot ballot = disputes.ballotOf(id, dispute.round, handler.jurorAt(i));
                bool isRight = (ballot == IDisputes.Ballot.Guilty && dispute.phase == IDisputes.Phase.Guilty)
                    || (ballot == IDisputes.Ballot.Innocent && dispute.phase == IDisputes.Phase.Innocent);
                if (isRight) owed += dispute.reward;
            }
        }
        assertEq(token.balanceOf(address(disputes)), owed, "balance and debts");
    }

    /// Invariant 9: a dispute has one end.
    function invariant_anEndIsFinal() public view {
        for (uint256 j; j < handler.idCount(); ++j) {
            bytes32 id = handler.ids(j);
            if (!handler.isTerminal(id)) continue;
            assertTrue(disputes.disputeOf(id).phase == handler.outcome(id), "outcome");
        }
    }

    /// Invariant 11: whatever was tried, each node still has its one token.
    function invariant_reputationNeverMoves() public view {
        for (uint256 i; i < 2; ++i) {
            assertEq(reputation.ownerOf(uint160(handler.nodeAt(i))), handler.nodeAt(i), "owner");
            assertEq(reputation.balanceOf(handler.nodeAt(i)), 1, "one");
        }
    }

    /// Invariants 6, 9, 10 and 12: no call did what it must not.
    function invariant_noCallDidWhatItMustNot() public view {
        assertEq(bytes(handler.fault()).length, 0, handler.fault());
    }

    /// The system as a whole pays: an idle handler would let every invariant hold.
    function test_theHandlerReachesEveryEnd() public {
        for (uint256 i; i < 3; ++i) handler.open(0, false);
        for (uint256 i; i < 3; ++i) {
            // Each decision takes a day: the third comes too late to be drawn.
            handler.draw(i);
            handler.decide(i, i, true);
            handler.resolve(i);
        }
        handler.pay(0, 1, 5_000e18 - 1);
        handler.runEpoch(10e18 - 1);
        assertEq(handler.resolved(), 3, "resolved");
        assertTrue(handler.outcome(handler.ids(2)) == IDisputes.Phase.Void, "void");
        assertEq(disputes.recordOf(handler.nodeAt(0)).guilty, 1, "guilty");
        assertEq(disputes.recordOf(handler.nodeAt(0)).innocent, 1, "innocent");
        assertEq(handler.paidRewards(), 10e18, "rewards");
        assertEq(bytes(handler.fault()).length, 0, handler.fault());
    }
}
