// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {SystemFixture} from "./System.sol";

contract RewardsTest is SystemFixture {
    uint256 private constant CLIENT_KEY = 0xC11E;
    address private other = address(0x0E);
    uint256 private start;

    function setUp() public override {
        super.setUp();
        _register(other, 1_000e18);
        start = rewards.start();
    }

    function _leaf(address who, uint256 cumulative) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(who, cumulative))));
    }

    /// A tree of two leaves, and the proof of each.
    function _tree(uint256 first, uint256 second)
        private
        view
        returns (bytes32 root, bytes32[] memory proofOfNode, bytes32[] memory proofOfOther)
    {
        (bytes32 a, bytes32 b) = (_leaf(node, first), _leaf(other, second));
        root = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        proofOfNode = new bytes32[](1);
        proofOfOther = new bytes32[](1);
        (proofOfNode[0], proofOfOther[0]) = (b, a);
    }

    function _propose(bytes32 root) private returns (bytes32 id) {
        vm.prank(node);
        return rewards.propose(root);
    }

    function _finalize(bytes32 root) private {
        vm.warp(start + (rewards.currentEpoch() + 1) * 1 days);
        _propose(root);
        vm.warp(block.timestamp + 12 hours);
        rewards.finalize();
    }

    function test_emissionHalvesAndFitsUnderTheCap() public view {
        assertEq(rewards.emission(0), 7_000e18, "first");
        assertEq(rewards.emission(1_459), 7_000e18, "last of the first era");
        assertEq(rewards.emission(1_460), 3_500e18, "second era");
        uint256 total;
        for (uint256 era; era < 256; ++era) total += rewards.emission(era * 1_460) * 1_460;
        assertEq(rewards.emission(256 * 1_460), 0, "ends");
        assertTrue(total + token.GENESIS_SUPPLY() <= token.MAX_SUPPLY(), "fits");
        // 20.44 M and 0.56 M, less what halving loses below one wei per day.
        assertTrue(total + token.GENESIS_SUPPLY() + 1e6 > token.MAX_SUPPLY(), "and fills it");
    }

    function test_aRootIsProposedFinalizedAndPaid() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(100e18, 50e18);
        _finalize(root);
        assertEq(token.minted(), 560_000e18 + 7_000e18, "minted");
        assertEq(rewards.budgetTotal(), 7_000e18, "budget");
        assertEq(rewards.root(), root, "root");
        assertEq(rewards.claim(node, 100e18, proof), 100e18, "paid");
        assertEq(staking.stakeOf(node, node), 2_100e18, "to its stake");
        assertEq(rewards.claimed(node), 100e18, "claimed");
        vm.expectRevert(IRewards.NothingToClaim.selector);
        rewards.claim(node, 100e18, proof);
    }

    function test_onlyOneRootWaitsAndOnlyForTheLastCompleteEpoch() public {
        vm.prank(node);
        vm.expectRevert(IRewards.NothingToPropose.selector);
        rewards.propose("a");
        vm.warp(start + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, address(this)));
        rewards.propose("a");
        vm.prank(node);
        vm.expectRevert(IRewards.ZeroRoot.selector);
        rewards.propose(0);
        bytes32 id = _propose("a");
        assertEq(id, rewards.pendingId(), "id");
        assertEq(rewards.pending().epoch, 0, "epoch");
        assertEq(rewards.pending().proposer, node, "proposer");
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadyPending.selector, id));
        rewards.propose("b");
        vm.warp(start + 1 days + 12 hours);
        rewards.finalize();
        vm.prank(other);
        vm.expectRevert(IRewards.NothingToPropose.selector);
        rewards.propose("b");
    }

    function test_finalizeWaitsForTheWindowAndHappensOnce() public {
        vm.expectRevert(IRewards.NothingPending.selector);
        rewards.finalize();
        vm.warp(start + 1 days);
        _propose("a");
        vm.warp(start + 1 days + 12 hours - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowOpen.selector, start + 1 days + 12 hours));
        rewards.finalize();
        vm.warp(start + 1 days + 12 hours);
        rewards.finalize();
        vm.expectRevert(IRewards.NothingPending.selector);
        rewards.finalize();
        assertEq(token.minted(), 567_000e18, "minted once");
    }

    function test_aGapOfThirtyEpochsIsNotPaidLater() public {
        vm.warp(start + 31 days);
        _propose("a");
        assertEq(rewards.pending().epoch, 30, "the last complete one");
        vm.warp(start + 31 days + 12 hours);
        rewards.finalize();
        assertEq(rewards.budgetTotal(), 7_000e18, "one emission");
        assertEq(rewards.nextEpoch(), 31, "next");
        vm.prank(node);
        vm.expectRevert(IRewards.NothingToPropose.selector);
        rewards.propose("b");
    }

    function test_aStaleProofAfterANewRootIsRefused() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory stale,) = _tree(100e18, 0);
        _finalize(root);
        (bytes32 next, bytes32[] memory proof,) = _tree(150e18, 1e18);
        _finalize(next);
        vm.expectRevert(IRewards.BadProof.selector);
        rewards.claim(node, 100e18, stale);
        assertEq(rewards.claim(node, 150e18, proof), 150e18, "one claim for all epochs");
    }

    function test_aLowerTotalInALaterRootPaysNothingAndTakesNothing() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(100e18, 0);
        _finalize(root);
        rewards.claim(node, 100e18, proof);
        (root, proof,) = _tree(60e18, 0);
        _finalize(root);
        vm.expectRevert(IRewards.NothingToClaim.selector);
        rewards.claim(node, 60e18, proof);
        assertEq(rewards.claimed(node), 100e18, "monotone");
    }

    function test_anInnerNodeIsNotALeaf() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory proofOfNode, bytes32[] memory proofOfOther) = _tree(100e18, 100e18);
        _finalize(root);
        (bytes32 a, bytes32 b) = (proofOfOther[0], proofOfNode[0]);
        if (a > b) (a, b) = (b, a);
        // The two leaves as if they were an address and a total.
        vm.expectRevert(IRewards.BadProof.selector);
        rewards.claim(address(uint160(uint256(a))), uint256(b), new bytes32[](0));
        vm.expectRevert(IRewards.BadProof.selector);
        rewards.claim(other, 100e18, proofOfNode);
        vm.expectRevert(IRewards.BadProof.selector);
        rewards.claim(node, 101e18, proofOfNode);
    }

    function test_aRootOfMoreThanTheEmissionIsHeldByTheCaps() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 200_000e18);
        _pay(CLIENT_KEY, other, NO_TOPIC, 200_000e18);
        (bytes32 root, bytes32[] memory proofOfNode, bytes32[] memory proofOfOther) =
            _tree(type(uint256).max, type(uint256).max);
        _finalize(root);
        assertEq(rewards.claim(node, type(uint256).max, proofOfNode), 350e18, "5 % of 7 000");
        assertEq(rewards.claim(other, type(uint256).max, proofOfOther), 350e18, "also for the second");
        assertEq(token.balanceOf(address(rewards)), 6_300e18, "the rest stays");
    }

    /// Twenty nodes at 5 % each would take all: the twenty-first finds nothing, and nothing is minted for it.
    function test_claimsTogetherStayWithinTheEmission() public {
        address[] memory nodes = new address[](21);
        bytes32[] memory level = new bytes32[](32);
        for (uint256 i; i < 21; ++i) {
            nodes[i] = address(uint160(0x7000 + i));
            _register(nodes[i], 1_000e18);
            _pay(CLIENT_KEY, nodes[i], NO_TOPIC, 40_000e18);
            // The money goes round: the genesis supply would not do for all.
            vm.startPrank(nodes[i]);
            token.transfer(address(this), token.balanceOf(nodes[i]));
            vm.stopPrank();
        }
        for (uint256 i; i < 32; ++i) level[i] = i < 21 ? _leaf(nodes[i], 350e18) : bytes32(i);
        bytes32[][] memory proofs = new bytes32[][](21);
        for (uint256 i; i < 21; ++i) proofs[i] = new bytes32[](5);
        for (uint256 depth; depth < 5; ++depth) {
            uint256 width = 32 >> depth;
            for (uint256 i; i < 21; ++i) proofs[i][depth] = level[(i >> depth) ^ 1];
            for (uint256 i; i < width / 2; ++i) {
                (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
                level[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
            }
        }
        _finalize(level[0]);
        for (uint256 i; i < 20; ++i) assertEq(rewards.claim(nodes[i], 350e18, proofs[i]), 350e18, "5 % each");
        vm.expectRevert(IRewards.NothingToClaim.selector);
        rewards.claim(nodes[20], 350e18, proofs[20]);
        assertEq(rewards.claimedTotal(), rewards.budgetTotal(), "all of the emission");
    }

    function test_washTradingLosesMoney() public {
        // The node pays itself 20 000 and takes everything that the caps allow.
        address wallet = vm.addr(CLIENT_KEY);
        uint256 before = token.balanceOf(address(this)) + token.balanceOf(node) + staking.stakeOf(node, node);
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(10_000e18, 0);
        _finalize(root);
        assertEq(rewards.capOf(node), 180e18, "nine tenths of the 200 that were burned");
        rewards.claim(node, 10_000e18, proof);
        uint256 afterwards = token.balanceOf(address(this)) + token.balanceOf(node) + staking.stakeOf(node, node)
            + token.balanceOf(wallet);
        assertEq(before - afterwards, 20e18, "a tenth of the burned fee is lost, and all gas");
    }

    function testFuzz_washTradingLosesMoney(uint128 volume, uint8 epochs) public {
        volume = uint128(bound(volume, 1e18, 500_000e18));
        _pay(CLIENT_KEY, node, NO_TOPIC, volume);
        (bytes32 root, bytes32[] memory proof,) = _tree(type(uint256).max, 0);
        for (uint256 i; i <= bound(epochs, 0, 20); ++i) {
            _finalize(root);
            try rewards.claim(node, type(uint256).max, proof) {} catch {}
        }
        (, uint128 burnable) = escrow.incomes(node);
        assertTrue(rewards.claimed(node) < burnable, "less than was burned");
    }

    function test_aCapThatGrowsPaysTheRest() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 10_000e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(300e18, 0);
        _finalize(root);
        assertEq(rewards.claim(node, 300e18, proof), 90e18, "nine tenths of 100");
        _pay(CLIENT_KEY, node, NO_TOPIC, 10_000e18);
        assertEq(rewards.claim(node, 300e18, proof), 90e18, "later");
    }

    function test_aNodeWhoseStakeHasLeftIsPaidItself() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(100e18, 0);
        _finalize(root);
        vm.prank(node);
        staking.unbond(node, type(uint256).max);
        uint256 before = token.balanceOf(node);
        rewards.claim(node, 100e18, proof);
        assertEq(token.balanceOf(node) - before, 100e18, "to the node");
    }

    function test_delegatorsShareWhatANodeWithoutBondEarned() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 20_000e18);
        _fund(address(0xA1), 100e18);
        vm.prank(address(0xA1));
        staking.stake(node, 100e18);
        (bytes32 root, bytes32[] memory proof,) = _tree(100e18, 0);
        _finalize(root);
        vm.prank(node);
        staking.unbond(node, type(uint256).max);
        rewards.claim(node, 100e18, proof);
        assertTrue(staking.stakeOf(node, address(0xA1)) > 199e18, "to the pool");
    }

    function test_onlyDisputesCancels() public {
        vm.expectRevert(IRewards.NotDisputes.selector);
        rewards.cancel();
        vm.prank(address(disputes));
        vm.expectRevert(IRewards.NothingPending.selector);
        rewards.cancel();
        vm.warp(start + 1 days);
        bytes32 id = _propose("a");
        vm.expectEmit(true, true, true, true, address(rewards));
        emit IRewards.Cancelled(id, 0);
        vm.prank(address(disputes));
        rewards.cancel();
        assertEq(rewards.pendingId(), 0, "gone");
        vm.prank(other);
        assertTrue(rewards.propose("a") != id, "another proposal of the same root has another id");
    }

    function test_aProposerCannotCensorAnEpoch() public {
        // A proposal that nobody finalises is finalised by anyone; the next epoch goes to whoever comes first.
        vm.warp(start + 1 days);
        _propose("a");
        vm.warp(start + 2 days);
        vm.prank(address(0xAA));
        rewards.finalize();
        vm.prank(other);
        rewards.propose("b");
        assertEq(rewards.pending().epoch, 1, "second epoch");
    }

    /// Epochs far away mint nothing, and finalising them still works.
    function test_afterTheLastHalvingNothingIsMinted() public {
        vm.warp(start + 257 * 1_460 days);
        _propose("a");
        vm.warp(block.timestamp + 12 hours);
        rewards.finalize();
        assertEq(rewards.budgetTotal(), 0, "nothing");
    }

    function test_proposingIsClosedToNodesWithoutBond() public {
        vm.warp(start + 1 days);
        vm.startPrank(other);
        staking.unbond(other, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, other));
        rewards.propose("a");
        vm.stopPrank();
        assertTrue(!disputes.isOpen(IDisputes(disputes).receiptDigest(_receipt("x", "y"))), "unknown disputes are closed");
    }
}
