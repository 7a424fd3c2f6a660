// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Disputes} from "../Disputes.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {SystemFixture} from "./System.sol";

/// Staking as it must not be: money leaves before a dispute can end.
contract HastyStaking {
    uint64 public constant UNBONDING = 11 days;
}

abstract contract DisputesFixture is SystemFixture {
    uint256 internal constant FIRST_JUROR = 0x1000;
    address internal constant CHALLENGER = address(0xC4A);
    bytes32 internal constant JOB = keccak256("job");
    bytes32 internal constant SALT = keccak256("salt");

    function setUp() public virtual override {
        super.setUp();
        _fund(CHALLENGER, 10_000e18);
    }

    function _open(bytes32 job) internal returns (bytes32 id) {
        IDisputes.Receipt memory receipt = _receipt(job, "wrong");
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.prank(CHALLENGER);
        return disputes.open(receipt, signature);
    }

    function _draw(bytes32 id) internal {
        vm.roll(block.number + 3);
        disputes.draw(id);
    }

    /// The jury of a round, in the order of the list.
    function _jury(bytes32 id, uint8 round) internal view returns (address[] memory jury) {
        jury = new address[](disputes.seatsOf(round));
        uint256 found;
        for (uint256 i; i < disputes.jurorCount(); ++i) {
            address juror = disputes.jurorAt(i);
            if (disputes.ballotOf(id, round, juror) != IDisputes.Ballot.NotSeated) jury[found++] = juror;
        }
        assertEq(found, jury.length, "all seats taken");
    }

    function _commit(bytes32 id, uint8 round, address juror, bool guilty) internal {
        bytes32 commitment = disputes.commitmentOf(id, round, juror, guilty, SALT);
        vm.prank(juror);
        disputes.commit(id, commitment);
    }

    function _reveal(bytes32 id, address juror, bool guilty) internal {
        vm.prank(juror);
        disputes.reveal(id, guilty, SALT);
    }

    /// The first `guilty` jurors vote so, the next `innocent` against it, the others stay away.
    function _vote(bytes32 id, uint8 round, uint256 guilty, uint256 innocent) internal returns (address[] memory jury) {
        _draw(id);
        jury = _jury(id, round);
        for (uint256 i; i < guilty + innocent; ++i) _commit(id, round, jury[i], i < guilty);
        vm.warp(block.timestamp + 12 hours);
        for (uint256 i; i < guilty + innocent; ++i) _reveal(id, jury[i], i < guilty);
        if (guilty + innocent < jury.length) vm.warp(block.timestamp + 12 hours);
        disputes.resolve(id);
    }

    function _dismissAll(bytes32 id, uint8 round, address[] memory jury) internal {
        for (uint256 i; i < jury.length; ++i) disputes.dismiss(id, round, jury[i]);
    }
}

contract EquivocationTest is DisputesFixture {
    function _slash(IDisputes.Receipt memory first, IDisputes.Receipt memory second, uint256 key)
        private
        returns (uint256)
    {
        bytes memory one = _signed(key, disputes.receiptDigest(first));
        bytes memory two = _signed(key, disputes.receiptDigest(second));
        vm.prank(CHALLENGER);
        return disputes.slashEquivocation(first, one, second, two);
    }

    function test_twoOutputsForOneAttemptAreSlashedAtOnce() public {
        uint256 before = token.balanceOf(CHALLENGER);
        assertEq(_slash(_receipt(JOB, "a"), _receipt(JOB, "b"), NODE_KEY), 500e18, "slashed");
        assertEq(staking.stakeOf(node, node), 1_500e18, "bond");
        assertEq(token.balanceOf(CHALLENGER), before + 250e18, "half to the reporter");
        assertEq(staking.burnable(), 250e18, "half burned");
        assertEq(disputes.recordOf(node).equivocations, 1, "record");
    }

    function test_anAttemptIsPunishedOnce() public {
        _slash(_receipt(JOB, "a"), _receipt(JOB, "b"), NODE_KEY);
        bytes32 key = keccak256(abi.encode(node, JOB, uint32(0), keccak256("input")));
        IDisputes.Receipt memory first = _receipt(JOB, "b");
        IDisputes.Receipt memory second = _receipt(JOB, "c");
        bytes memory one = _signed(NODE_KEY, disputes.receiptDigest(first));
        bytes memory two = _signed(NODE_KEY, disputes.receiptDigest(second));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyPunished.selector, key));
        disputes.slashEquivocation(first, one, second, two);
        assertEq(_slash(_receipt("other", "a"), _receipt("other", "b"), NODE_KEY), 500e18, "another attempt");
    }

    function test_receiptsThatAgreeOrDifferInTheirQuestionAreNoContradiction() public {
        IDisputes.Receipt memory first = _receipt(JOB, "a");
        IDisputes.Receipt[6] memory others;
        for (uint256 i; i < 6; ++i) others[i] = _receipt(JOB, "b");
        others[0].output = "a";
        others[1].attempt = 1;
        others[2].input = "other";
        others[3].job = "other";
        others[4].node = address(0x502);
        (others[5].output, others[5].finishedAt, others[5].details) = ("a", 1, "other");
        for (uint256 i; i < 6; ++i) {
            vm.expectRevert(IDisputes.NoContradiction.selector);
            disputes.slashEquivocation(first, "", others[i], "");
        }
    }

    function test_aForgedReceiptIsRefused() public {
        IDisputes.Receipt memory first = _receipt(JOB, "a");
        IDisputes.Receipt memory second = _receipt(JOB, "b");
        bytes memory good = _signed(NODE_KEY, disputes.receiptDigest(first));
        bytes memory bad = _signed(0xBAD, disputes.receiptDigest(second));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadReceipt.selector, vm.addr(0xBAD)));
        disputes.slashEquivocation(first, good, second, bad);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadReceipt.selector, vm.addr(0xBAD)));
        disputes.slashEquivocation(second, bad, first, good);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadReceipt.selector, address(0)));
        disputes.slashEquivocation(first, good, second, "");
    }

    function test_aSignerOfTheNodeBindsItUntilTwoWeeksAfterItsEnd() public {
        vm.prank(node);
        staking.addSigner(vm.addr(0x5157));
        assertEq(_slash(_receipt(JOB, "a"), _receipt(JOB, "b"), 0x5157), 500e18, "signer");
        vm.prank(node);
        staking.removeSigner(vm.addr(0x5157));
        vm.warp(block.timestamp + 14 days - 1);
        assertEq(_slash(_receipt("late", "a"), _receipt("late", "b"), 0x5157), 500e18, "still");
        vm.warp(block.timestamp + 1);
        IDisputes.Receipt memory first = _receipt("later", "a");
        IDisputes.Receipt memory second = _receipt("later", "b");
        bytes memory one = _signed(0x5157, disputes.receiptDigest(first));
        bytes memory two = _signed(0x5157, disputes.receiptDigest(second));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadReceipt.selector, vm.addr(0x5157)));
        disputes.slashEquivocation(first, one, second, two);
    }

    function test_aReceiptOfAnotherChainOrContractIsRefused() public {
        IDisputes.Receipt memory first = _receipt(JOB, "a");
        IDisputes.Receipt memory second = _receipt(JOB, "b");
        Disputes other = new Disputes(token, staking, rewards);
        bytes memory one = _signed(NODE_KEY, other.receiptDigest(first));
        bytes memory two = _signed(NODE_KEY, other.receiptDigest(second));
        vm.expectRevert();
        disputes.slashEquivocation(first, one, second, two);
        one = _signed(NODE_KEY, disputes.receiptDigest(first));
        two = _signed(NODE_KEY, disputes.receiptDigest(second));
        vm.chainId(block.chainid + 1);
        vm.expectRevert();
        disputes.slashEquivocation(first, one, second, two);
    }

    function test_aNodeWithoutStakeIsNotPunishedForNothing() public {
        IDisputes.Receipt memory first = _receipt(JOB, "a");
        IDisputes.Receipt memory second = _receipt(JOB, "b");
        (first.node, second.node) = (vm.addr(0x99), vm.addr(0x99));
        bytes memory one = _signed(0x99, disputes.receiptDigest(first));
        bytes memory two = _signed(0x99, disputes.receiptDigest(second));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingAtStake.selector, vm.addr(0x99)));
        disputes.slashEquivocation(first, one, second, two);
    }

    /// Whoever slashes itself through an accomplice loses the burned half.
    function test_selfSlashThroughAnAccompliceLosesMoney() public {
        uint256 before = staking.slashable(node) + token.balanceOf(CHALLENGER);
        _slash(_receipt(JOB, "a"), _receipt(JOB, "b"), NODE_KEY);
        assertEq(before - staking.slashable(node) - token.balanceOf(CHALLENGER), 250e18, "lost");
    }
}

contract DisputeOpeningTest is DisputesFixture {
    function setUp() public override {
        super.setUp();
        _enlist(FIRST_JUROR, 10);
    }

    function test_openFreezesTheNodeAndTakesTheBond() public {
        uint256 before = token.balanceOf(CHALLENGER);
        bytes32 id = _open(JOB);
        assertEq(before - token.balanceOf(CHALLENGER), 100e18, "bond");
        assertEq(staking.nodeOf(node).frozen, 1, "frozen");
        assertTrue(disputes.isOpen(id), "open");
        IDisputes.Dispute memory dispute = disputes.disputeOf(id);
        assertEq(dispute.node, node, "node");
        assertEq(dispute.challenger, CHALLENGER, "challenger");
        assertEq(dispute.end, block.timestamp + 1 days, "end");
        assertEq(dispute.seedBlock, block.number + 2, "seed");
    }

    function test_aReceiptIsDisputedOnce() public {
        bytes32 id = _open(JOB);
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        bytes memory signature = _signed(NODE_KEY, id);
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyOpened.selector, id));
        disputes.open(receipt, signature);
        vm.warp(block.timestamp + 1 days + 1);
        disputes.resolve(id);
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyOpened.selector, id));
        disputes.open(receipt, signature);
    }

    function test_anExpiredForgedOrStrangeReceiptIsRefused() public {
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        uint256 since = block.timestamp + 7 days;
        vm.startPrank(CHALLENGER);
        vm.warp(since + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.Expired.selector, since));
        disputes.open(receipt, signature);
        vm.warp(since);
        disputes.open(receipt, signature);
        receipt.output = "other";
        vm.expectRevert();
        disputes.open(receipt, signature);
        receipt.node = vm.addr(0x99);
        signature = _signed(0x99, disputes.receiptDigest(receipt));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingAtStake.selector, receipt.node));
        disputes.open(receipt, signature);
        vm.stopPrank();
    }

    function test_aReceiptFromTheFutureCanBeDisputedToday() public {
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        receipt.finishedAt = type(uint64).max;
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.prank(CHALLENGER);
        disputes.open(receipt, signature);
    }

    function test_disputeSpamIsBoundedAndDoesNotStopEarning() public {
        _open("1");
        _open("2");
        _open("3");
        IDisputes.Receipt memory receipt = _receipt("4", "wrong");
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.TooManyOpen.selector, node));
        disputes.open(receipt, signature);
        staking.distribute(node, 10e18);
        assertEq(staking.stakeOf(node, node), 2_010e18, "earns on");
        vm.prank(node);
        staking.unbond(node, 10e18);
        vm.warp(block.timestamp + 14 days);
        vm.prank(node);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NodeFrozen.selector, uint32(3)));
        staking.withdraw(1);
    }

    function test_aJuryIsPossibleBeforeADisputeBegins() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(vm.addr(FIRST_JUROR + i));
            disputes.delist(vm.addr(FIRST_JUROR + i));
        }
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.startPrank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.TooFewJurors.selector, 8));
        disputes.open(receipt, signature);
        vm.stopPrank();
        vm.prank(vm.addr(FIRST_JUROR));
        disputes.enlist();
        vm.prank(CHALLENGER);
        disputes.open(receipt, signature);
    }

    function test_aNodeThatUnbondedAfterItsWorkIsStillSlashed() public {
        vm.prank(node);
        staking.unbond(node, type(uint256).max);
        vm.warp(block.timestamp + 6 days);
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        receipt.finishedAt = uint64(block.timestamp - 6 days);
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.prank(CHALLENGER);
        bytes32 id = disputes.open(receipt, signature);
        _vote(id, 0, 7, 0);
        vm.warp(block.timestamp + 14 days);
        vm.prank(node);
        assertEq(staking.withdraw(1), 1_500e18, "what the slash left");
    }

    /// Else a worthless node and its friend would keep juries busy, and frozen, for nothing.
    function test_aNodeWithTooLittleToPayAJuryIsNotDisputed() public {
        vm.prank(address(disputes));
        staking.slash(node, 1_900e18 + 1, CHALLENGER, 0);
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
        vm.startPrank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingAtStake.selector, node));
        disputes.open(receipt, signature);
        vm.stopPrank();
        staking.distribute(node, 1);
        vm.prank(CHALLENGER);
        disputes.open(receipt, signature);
    }

    function test_unbondingMustOutlastTheLongestDispute() public {
        IStaking hasty = IStaking(address(new HastyStaking()));
        vm.expectRevert(IDisputes.UnbondingTooShort.selector);
        new Disputes(token, hasty, rewards);
    }

    function test_onlyActiveNodesAreOnTheList() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotActive.selector, address(this)));
        disputes.enlist();
        address juror = vm.addr(FIRST_JUROR);
        vm.prank(juror);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyEnlisted.selector, juror));
        disputes.enlist();
        vm.expectRevert(abi.encodeWithSelector(IDisputes.StillActive.selector, juror));
        disputes.delist(juror);
        vm.prank(juror);
        staking.unbond(juror, type(uint256).max);
        disputes.delist(juror);
        assertEq(disputes.jurorCount(), 9, "anyone takes an inactive one off");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotEnlisted.selector, juror));
        disputes.delist(juror);
        // Every other one is still found once.
        for (uint256 i; i < 9; ++i) {
            address last = disputes.jurorAt(8 - i);
            vm.prank(last);
            disputes.delist(last);
        }
        assertEq(disputes.jurorCount(), 0, "empty");
    }
}

contract JuryTest is DisputesFixture {
    function setUp() public override {
        super.setUp();
        _enlist(FIRST_JUROR, 10);
    }

    function test_guiltySlashesAndPaysChallengerAndMajority() public {
        uint256 before = token.balanceOf(CHALLENGER);
        bytes32 id = _open(JOB);
        address[] memory jury = _vote(id, 0, 4, 3);
        assertEq(staking.stakeOf(node, node), 1_500e18, "slashed");
        // 50 for the jury: 12.5 for each of four.
        assertEq(token.balanceOf(CHALLENGER), before + 250e18, "half, and the bond back");
        _dismissAll(id, 0, jury);
        for (uint256 i; i < 7; ++i) {
            assertEq(token.balanceOf(jury[i]), i < 4 ? 12.5e18 : 0, "majority only");
            assertEq(staking.nodeOf(jury[i]).frozen, 0, "free");
            assertEq(staking.stakeOf(jury[i], jury[i]), 1_000e18, "nobody slashed for a vote");
        }
        assertEq(token.balanceOf(address(disputes)), 0, "all paid out");
        assertEq(staking.nodeOf(node).frozen, 0, "unfrozen");
        assertEq(disputes.recordOf(node).guilty, 1, "record");
        assertEq(disputes.recordOf(node).open, 0, "open");
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Guilty, "phase");
    }

    function test_innocentPaysTheBondToNodeAndMajority() public {
        bytes32 id = _open(JOB);
        address[] memory jury = _vote(id, 0, 3, 4);
        assertEq(staking.stakeOf(node, node), 2_000e18, "not slashed");
        assertEq(token.balanceOf(node), 50e18, "half of the bond");
        _dismissAll(id, 0, jury);
        for (uint256 i; i < 7; ++i) assertEq(token.balanceOf(jury[i]), i < 3 ? 0 : 12.5e18, "majority only");
        assertEq(token.balanceOf(address(disputes)), 0, "all paid out");
        assertEq(disputes.recordOf(node).innocent, 1, "record");
        assertTrue(!disputes.isOpen(id), "over");
    }

    function test_whatDoesNotDivideGoesWithTheBond() public {
        bytes32 id = _open(JOB);
        address[] memory jury = _vote(id, 0, 6, 1);
        _dismissAll(id, 0, jury);
        assertEq(token.balanceOf(address(disputes)), 0, "nothing left behind");
    }

    function test_aResolvedDisputeIsNotResolvedAgain() public {
        bytes32 id = _open(JOB);
        address[] memory jury = _vote(id, 0, 7, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.Guilty));
        disputes.resolve(id);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.Guilty));
        disputes.draw(id);
        disputes.dismiss(id, 0, jury[0]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.Dismissed));
        disputes.dismiss(id, 0, jury[0]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.NotSeated));
        disputes.dismiss(id, 0, CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.Guilty));
        disputes.dismiss(id, 1, jury[1]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.None));
        disputes.resolve("unknown");
    }

    function test_withoutAMajorityTheFirstTimeFifteenDecide() public {
        _enlist(FIRST_JUROR + 100, 8);
        uint256 before = token.balanceOf(CHALLENGER);
        bytes32 id = _open(JOB);
        address[] memory jury = _vote(id, 0, 3, 3);
        assertTrue(disputes.isOpen(id), "second round");
        assertEq(disputes.disputeOf(id).round, 1, "round");
        _dismissAll(id, 0, jury);
        assertEq(staking.stakeOf(jury[6], jury[6]), 990e18, "who stayed away is slashed");
        assertEq(disputes.jurorCount(), 17, "and off the list");
        for (uint256 i; i < 6; ++i) assertEq(token.balanceOf(jury[i]), 0, "no reward without a majority");
        jury = _vote(id, 1, 7, 8);
        _dismissAll(id, 1, jury);
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Innocent, "decided");
        assertEq(before - token.balanceOf(CHALLENGER), 100e18, "bond lost once");
        assertEq(token.balanceOf(address(disputes)), 0, "all paid out");
    }

    function test_withoutAMajorityTwiceNobodyIsPunished() public {
        _enlist(FIRST_JUROR + 100, 8);
        uint256 before = token.balanceOf(CHALLENGER);
        bytes32 id = _open(JOB);
        _vote(id, 0, 3, 3);
        address[] memory jury = _vote(id, 1, 7, 7);
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Void, "void");
        assertEq(token.balanceOf(CHALLENGER), before, "bond back");
        assertEq(staking.stakeOf(node, node), 2_000e18, "no slash");
        assertEq(staking.nodeOf(node).frozen, 0, "unfrozen");
        disputes.dismiss(id, 1, jury[14]);
        assertEq(disputes.recordOf(node).guilty + disputes.recordOf(node).innocent, 0, "no record");
    }

    function test_aDisputeThatNobodyDrawsEnds() public {
        uint256 before = token.balanceOf(CHALLENGER);
        bytes32 id = _open(JOB);
        uint256 end = block.timestamp + 1 days;
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end));
        disputes.resolve(id);
        vm.warp(end + 1);
        vm.roll(block.number + 3);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end));
        disputes.draw(id);
        disputes.resolve(id);
        assertEq(token.balanceOf(CHALLENGER), before, "bond back");
        assertEq(staking.nodeOf(node).frozen, 0, "unfrozen");
    }

    function test_theSeedIsUnknownAtOpeningAndStallingItIsCounted() public {
        bytes32 id = _open(JOB);
        uint256 seedBlock = block.number + 2;
        vm.roll(seedBlock);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.SeedNotReady.selector, seedBlock));
        disputes.draw(id);
        vm.roll(seedBlock + 257);
        vm.expectEmit(true, true, true, true, address(disputes));
        emit IDisputes.SeedMissed(id, uint64(seedBlock + 259));
        disputes.draw(id);
        assertEq(disputes.disputeOf(id).seedBlock, seedBlock + 259, "another block");
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Open, "not drawn");
        vm.roll(seedBlock + 260);
        disputes.draw(id);
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Drawn, "drawn");
    }

    function test_nodeAndChallengerAreNeverJurorsOfTheirDispute() public {
        vm.prank(node);
        disputes.enlist();
        for (uint256 i; i < 20; ++i) {
            address challenger = vm.addr(FIRST_JUROR + (i % 10));
            _fund(challenger, 100e18);
            IDisputes.Receipt memory receipt = _receipt(bytes32(i), "wrong");
            bytes memory signature = _signed(NODE_KEY, disputes.receiptDigest(receipt));
            vm.prank(challenger);
            bytes32 id = disputes.open(receipt, signature);
            _draw(id);
            assertTrue(disputes.ballotOf(id, 0, node) == IDisputes.Ballot.NotSeated, "node");
            assertTrue(disputes.ballotOf(id, 0, challenger) == IDisputes.Ballot.NotSeated, "challenger");
            vm.warp(block.timestamp + 1 days);
            disputes.resolve(id);
            vm.warp(block.timestamp + 1 days + 1);
            disputes.resolve(id);
        }
    }

    function test_jurorsThatLostTheirBondAreNotSeated() public {
        bytes32 id = _open(JOB);
        for (uint256 i; i < 3; ++i) {
            vm.startPrank(vm.addr(FIRST_JUROR + i));
            staking.unbond(vm.addr(FIRST_JUROR + i), type(uint256).max);
            vm.stopPrank();
        }
        _draw(id);
        for (uint256 i; i < 10; ++i) {
            bool isSeated = disputes.ballotOf(id, 0, vm.addr(FIRST_JUROR + i)) == IDisputes.Ballot.Seated;
            assertTrue(isSeated == (i > 2), "exactly the other seven");
        }
    }

    function test_tooFewEligibleJurorsLeaveTheDisputeOpenUntilItsEnd() public {
        bytes32 id = _open(JOB);
        for (uint256 i; i < 4; ++i) {
            vm.startPrank(vm.addr(FIRST_JUROR + i));
            staking.unbond(vm.addr(FIRST_JUROR + i), type(uint256).max);
            vm.stopPrank();
        }
        vm.roll(block.number + 3);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.TooFewJurors.selector, 6));
        disputes.draw(id);
    }

    /// Each of ten sits in seven of ten juries: far from that in sixty draws would show a biased shuffle.
    function test_everyJurorIsDrawnAboutAsOften() public {
        uint256[] memory seats = new uint256[](10);
        for (uint256 i; i < 60; ++i) {
            bytes32 id = _open(keccak256(abi.encode(i)));
            _draw(id);
            for (uint256 j; j < 10; ++j) {
                if (disputes.ballotOf(id, 0, vm.addr(FIRST_JUROR + j)) == IDisputes.Ballot.Seated) ++seats[j];
            }
            vm.warp(block.timestamp + 1 days);
            disputes.resolve(id);
            vm.warp(block.timestamp + 1 days + 1);
            disputes.resolve(id);
        }
        // 42 expected, standard deviation 3.5.
        for (uint256 j; j < 10; ++j) assertTrue(seats[j] > 27 && seats[j] < 57, "fair");
    }

    function test_aCopiedCommitmentCannotBeRevealed() public {
        bytes32 id = _open(JOB);
        _draw(id);
        address[] memory jury = _jury(id, 0);
        bytes32 commitment = disputes.commitmentOf(id, 0, jury[0], true, SALT);
        for (uint256 i; i < 2; ++i) {
            vm.prank(jury[i]);
            disputes.commit(id, commitment);
        }
        vm.warp(block.timestamp + 12 hours);
        _reveal(id, jury[0], true);
        vm.prank(jury[1]);
        vm.expectRevert(IDisputes.BadReveal.selector);
        disputes.reveal(id, true, SALT);
        assertTrue(
            disputes.commitmentOf("other", 0, jury[0], true, SALT) != commitment
                && disputes.commitmentOf(id, 1, jury[0], true, SALT) != commitment,
            "bound to dispute and round"
        );
    }

    function test_commitAndRevealKeepTheirTimes() public {
        bytes32 id = _open(JOB);
        vm.prank(vm.addr(FIRST_JUROR));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.Open));
        disputes.commit(id, SALT);
        _draw(id);
        uint256 end = block.timestamp + 12 hours;
        address[] memory jury = _jury(id, 0);
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.NotSeated));
        disputes.commit(id, SALT);
        _commit(id, 0, jury[0], true);
        vm.startPrank(jury[0]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.Committed));
        disputes.commit(id, SALT);
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end));
        disputes.reveal(id, true, SALT);
        vm.stopPrank();
        _commit(id, 0, jury[1], false);
        vm.warp(end);
        vm.startPrank(jury[2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end));
        disputes.commit(id, SALT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.Seated));
        disputes.reveal(id, true, SALT);
        vm.stopPrank();
        vm.startPrank(jury[0]);
        vm.expectRevert(IDisputes.BadReveal.selector);
        disputes.reveal(id, false, SALT);
        vm.expectRevert(IDisputes.BadReveal.selector);
        disputes.reveal(id, true, "other");
        disputes.reveal(id, true, SALT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongBallot.selector, IDisputes.Ballot.Guilty));
        disputes.reveal(id, true, SALT);
        vm.stopPrank();
        vm.warp(end + 12 hours - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end + 12 hours));
        disputes.resolve(id);
        vm.warp(end + 12 hours);
        vm.prank(jury[1]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end + 12 hours));
        disputes.reveal(id, false, SALT);
        disputes.resolve(id);
    }

    function test_aCommitmentIsNotOneOfTheMarks() public {
        bytes32 id = _open(JOB);
        _draw(id);
        address[] memory jury = _jury(id, 0);
        vm.startPrank(jury[0]);
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(IDisputes.BadReveal.selector);
            disputes.commit(id, bytes32(i));
        }
        disputes.commit(id, bytes32(uint256(5)));
        vm.stopPrank();
    }

    function test_aJurorCannotLeaveBeforeItIsDismissed() public {
        bytes32 id = _open(JOB);
        _draw(id);
        address juror = _jury(id, 0)[0];
        vm.startPrank(juror);
        staking.unbond(juror, type(uint256).max);
        disputes.delist(juror);
        vm.warp(block.timestamp + 14 days);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NodeFrozen.selector, uint32(1)));
        staking.withdraw(1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, IDisputes.Phase.Drawn));
        disputes.dismiss(id, 0, juror);
        disputes.resolve(id);
        disputes.dismiss(id, 0, juror);
        assertEq(staking.withdraw(1), 990e18, "less the penalty");
        vm.stopPrank();
    }

    function test_onceAllHaveShownTheirVotesNobodyWaits() public {
        bytes32 id = _open(JOB);
        _vote(id, 0, 0, 7);
        assertTrue(disputes.disputeOf(id).phase == IDisputes.Phase.Innocent, "before the end of the reveal phase");
    }
}

contract RootDisputeTest is DisputesFixture {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        _enlist(FIRST_JUROR, 10);
        _register(CHALLENGER, 1_000e18);
        vm.warp(block.timestamp + 1 days);
        vm.prank(node);
        id = rewards.propose(ROOT);
    }

    function _challenge() private {
        vm.prank(CHALLENGER);
        disputes.openRoot(id);
    }

    function test_aGuiltyRootIsCancelledAndItsProposerSlashed() public {
        uint256 before = token.balanceOf(CHALLENGER);
        _challenge();
        assertEq(before - token.balanceOf(CHALLENGER), 1_000e18, "the higher bond");
        vm.warp(block.timestamp + 12 hours);
        vm.expectRevert(abi.encodeWithSelector(IRewards.Disputed.selector, id));
        rewards.finalize();
        _vote(id, 0, 4, 0);
        assertEq(rewards.pendingId(), 0, "cancelled");
        assertEq(staking.stakeOf(node, node), 1_500e18, "proposer");
        assertEq(token.balanceOf(CHALLENGER), before + 250e18, "bond back and half");
        assertEq(disputes.recordOf(node).open, 0, "roots are not counted");
        // Another proposer goes on.
        vm.prank(CHALLENGER);
        rewards.propose(ROOT);
    }

    function test_anInnocentRootIsFinalized() public {
        _challenge();
        address[] memory jury = _vote(id, 0, 0, 5);
        assertEq(token.balanceOf(node), 500e18, "half of the bond");
        disputes.dismiss(id, 0, jury[0]);
        assertEq(token.balanceOf(jury[0]), 100e18, "a fifth of the other half");
        rewards.finalize();
        assertEq(rewards.root(), ROOT, "counts");
    }

    function test_onlyActiveNodesChallengeThePendingRootWithinItsWindow() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotActive.selector, address(this)));
        disputes.openRoot(id);
        vm.startPrank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotPending.selector, ROOT));
        disputes.openRoot(ROOT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotPending.selector, bytes32(0)));
        disputes.openRoot(0);
        uint256 end = block.timestamp + 12 hours;
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongTime.selector, end));
        disputes.openRoot(id);
        vm.warp(end - 1);
        disputes.openRoot(id);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyOpened.selector, id));
        disputes.openRoot(id);
        vm.stopPrank();
    }

    /// Else a proposer would let friends take all places for disputes and propose what it likes.
    function test_disputesAboutReceiptsDoNotShieldARoot() public {
        _open("1");
        _open("2");
        _open("3");
        _challenge();
        assertEq(staking.nodeOf(node).frozen, 4, "frozen");
        assertEq(disputes.recordOf(node).open, 3, "open");
    }
}
