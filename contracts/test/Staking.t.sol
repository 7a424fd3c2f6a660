// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Staking} from "../Staking.sol";
import {Token} from "../Token.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Base} from "./Base.sol";

/// The test contract itself stands for Disputes: it may freeze and slash.
abstract contract StakingFixture is Base {
    address internal constant NODE = address(0x501);
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xB0B);
    address internal constant BENEFICIARY = address(0xBE7);
    bytes32 internal constant PEER = keccak256("peer");
    uint256 internal constant ALL = type(uint256).max;

    Token internal token;
    Staking internal staking;

    function setUp() public virtual {
        token = new Token(address(this), address(this));
        token.mint(address(this), 10_000_000e18);
        staking = new Staking(token, address(this));
        token.approve(address(staking), type(uint256).max);
        _register(NODE, 1_000, 2_000e18);
    }

    function _register(address node, uint16 commissionBps, uint256 bond) internal {
        _fund(node, bond);
        vm.prank(node);
        staking.register(PEER, commissionBps, bond);
    }

    function _fund(address who, uint256 amount) internal {
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(staking), type(uint256).max);
    }

    function _stake(address who, uint256 amount) internal {
        _fund(who, amount);
        vm.prank(who);
        staking.stake(NODE, amount);
    }

    function _unbond(address who, uint256 amount) internal returns (uint256) {
        vm.prank(who);
        return staking.unbond(NODE, amount);
    }

    function _withdraw(address who, uint256 id) internal returns (uint256) {
        vm.prank(who);
        return staking.withdraw(id);
    }

    function _assertNear(uint256 left, uint256 right, string memory what) internal pure {
        assertTrue((left > right ? left - right : right - left) <= 2, what);
    }
}

contract StakingTest is StakingFixture {
    function test_registerRecordsTheNodeAndItsBond() public view {
        IStaking.Node memory node = staking.nodeOf(NODE);
        assertEq(node.peerKey, PEER, "peer key");
        assertEq(node.commissionBps, 1_000, "commission");
        assertEq(node.registeredAt, block.timestamp, "time");
        assertEq(staking.stakeOf(NODE, NODE), 2_000e18, "bond");
        assertTrue(staking.isActive(NODE), "active");
    }

    function test_registerRefusesWhatIsMissingOrTooMuch() public {
        _fund(ALICE, 2_000e18);
        vm.startPrank(ALICE);
        vm.expectRevert(IStaking.ZeroPeerKey.selector);
        staking.register(0, 0, 1_000e18);
        vm.expectRevert(abi.encodeWithSelector(IStaking.CommissionTooHigh.selector, uint16(10_001)));
        staking.register(PEER, 10_001, 1_000e18);
        vm.expectRevert(abi.encodeWithSelector(IStaking.BelowMinBond.selector, 1_000e18 - 1));
        staking.register(PEER, 0, 1_000e18 - 1);
        staking.register(PEER, 10_000, 1_000e18);
        vm.expectRevert(abi.encodeWithSelector(IStaking.AlreadyRegistered.selector, ALICE));
        staking.register(PEER, 0, 1_000e18);
        vm.stopPrank();
    }

    function test_onlyANodeCanBeStakedOnOrPaid() public {
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotRegistered.selector, ALICE));
        staking.stake(ALICE, 1e18);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotRegistered.selector, ALICE));
        staking.distribute(ALICE, 1e18);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotRegistered.selector, ALICE));
        staking.setPeerKey(PEER);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotRegistered.selector, ALICE));
        staking.addSigner(BOB);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotRegistered.selector, ALICE));
        staking.setCommission(1);
        vm.stopPrank();
    }

    function test_amountsOfZeroAreRefused() public {
        vm.startPrank(NODE);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        staking.unbond(NODE, 0);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        staking.stake(NODE, 0);
        vm.stopPrank();
    }

    /// The operator leaves, a donation goes to a pool of almost no shares, the operator comes back: a stake that would buy
    /// no share is refused instead of swallowed.
    function test_aStakeThatBuysNoShareIsRefused() public {
        _stake(ALICE, 1e18);
        _unbond(ALICE, staking.stakeOf(NODE, ALICE) - 1);
        _unbond(NODE, ALL);
        staking.distribute(NODE, 2_000_000e18);
        _fund(NODE, 1_000_000e18);
        vm.prank(NODE);
        staking.stake(NODE, 1_000_000e18);
        _fund(BOB, 10_000e18);
        vm.startPrank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IStaking.BelowMinStake.selector, 1e18));
        staking.stake(NODE, 1e18);
        staking.stake(NODE, 10_000e18);
        vm.stopPrank();
        assertTrue(staking.stakeOf(NODE, BOB) > 9_000e18, "a larger one loses less than a share");
    }

    function test_aTinyStakeIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IStaking.BelowMinStake.selector, 1));
        staking.stake(NODE, 1);
    }

    function test_delegationIsLimitedToAMultipleOfTheBond() public {
        _stake(ALICE, 32_000e18);
        _fund(BOB, 1e18);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IStaking.RatioExceeded.selector, 0));
        staking.stake(NODE, 1e18);
        _fund(NODE, 1_000e18);
        vm.prank(NODE);
        staking.stake(NODE, 1_000e18);
        vm.prank(BOB);
        staking.stake(NODE, 1e18);
    }

    function test_aThirdPartyThatFillsTheRatioChangesNobodysPosition() public {
        _stake(ALICE, 100e18);
        uint256 id = _unbond(ALICE, 40e18);
        IStaking.Node memory before = staking.nodeOf(NODE);
        _stake(BOB, 31_940e18);
        IStaking.Node memory afterwards = staking.nodeOf(NODE);
        assertEq(keccak256(abi.encode(before)), keccak256(abi.encode(afterwards)), "record of the node");
        assertEq(staking.stakeOf(NODE, NODE), 2_000e18, "bond");
        assertEq(staking.stakeOf(NODE, ALICE), 60e18, "delegation");
        assertEq(staking.unbondingOf(ALICE, id).releaseAt, block.timestamp + 14 days, "time");
        vm.warp(block.timestamp + 14 days);
        assertEq(_withdraw(ALICE, id), 40e18, "unbonding");
    }

    function test_delegatorsCannotKeepAnOperatorFromLeaving() public {
        _stake(ALICE, 32_000e18);
        _unbond(NODE, ALL);
        assertTrue(!staking.isActive(NODE), "left");
        vm.warp(block.timestamp + 14 days);
        assertEq(_withdraw(NODE, 1), 2_000e18, "bond");
    }

    function test_theBondStaysAtTheMinimumOrGoesEntirely() public {
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.BelowMinBond.selector, 1_000e18 - 1));
        staking.unbond(NODE, 1_000e18 + 1);
        _unbond(NODE, 1_000e18);
        assertTrue(staking.isActive(NODE), "at the minimum");
        _unbond(NODE, 1_000e18);
        assertTrue(!staking.isActive(NODE), "gone");
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Insufficient.selector, 0));
        staking.unbond(NODE, ALL);
    }

    function test_anOperatorThatLeftMayComeBack() public {
        _unbond(NODE, ALL);
        _fund(NODE, 1_000e18);
        vm.startPrank(NODE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.BelowMinBond.selector, 999e18));
        staking.stake(NODE, 999e18);
        staking.stake(NODE, 1_000e18);
        vm.stopPrank();
        assertTrue(staking.isActive(NODE), "back");
    }

    function test_unbondingWaitsAndPaysOnce() public {
        _stake(ALICE, 100e18);
        uint256 id = _unbond(ALICE, 40e18);
        uint64 releaseAt = uint64(block.timestamp) + 14 days;
        vm.warp(releaseAt - 1);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.StillUnbonding.selector, releaseAt));
        staking.withdraw(id);
        vm.warp(releaseAt);
        assertEq(staking.withdraw(id), 40e18, "paid");
        vm.expectRevert(abi.encodeWithSelector(IStaking.NoSuchUnbonding.selector, id));
        staking.withdraw(id);
        vm.stopPrank();
        assertEq(token.balanceOf(ALICE), 40e18, "received");
        assertEq(staking.stakeOf(NODE, ALICE), 60e18, "rest");
    }

    function test_nobodyWithdrawsForAnother() public {
        _stake(ALICE, 100e18);
        uint256 id = _unbond(ALICE, ALL);
        vm.warp(block.timestamp + 14 days);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NoSuchUnbonding.selector, id));
        staking.withdraw(id);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Insufficient.selector, 0));
        staking.unbond(NODE, ALL);
    }

    function test_aFrozenNodeKeepsAllStake() public {
        _stake(ALICE, 100e18);
        uint256 own = _unbond(NODE, ALL);
        uint256 other = _unbond(ALICE, ALL);
        staking.freeze(NODE);
        staking.freeze(NODE);
        vm.warp(block.timestamp + 30 days);
        vm.prank(NODE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NodeFrozen.selector, uint32(2)));
        staking.withdraw(own);
        staking.unfreeze(NODE);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NodeFrozen.selector, uint32(1)));
        staking.withdraw(other);
        staking.unfreeze(NODE);
        assertEq(_withdraw(NODE, own), 2_000e18, "bond");
        assertEq(_withdraw(ALICE, other), 100e18, "delegation");
        vm.expectRevert();
        staking.unfreeze(NODE);
    }

    function test_onlyDisputesFreezesAndSlashes() public {
        vm.startPrank(ALICE);
        vm.expectRevert(IStaking.NotDisputes.selector);
        staking.freeze(NODE);
        vm.expectRevert(IStaking.NotDisputes.selector);
        staking.unfreeze(NODE);
        vm.expectRevert(IStaking.NotDisputes.selector);
        staking.slash(NODE, 1, ALICE, 0);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IStaking.BadBounty.selector, 10_001));
        staking.slash(NODE, 1, ALICE, 10_001);
    }

    function test_signersBindUntilTwoWeeksAfterTheirEnd() public {
        vm.startPrank(NODE);
        staking.addSigner(ALICE);
        assertEq(staking.signerValidUntil(NODE, ALICE), type(uint64).max, "no end");
        staking.removeSigner(ALICE);
        uint64 end = uint64(block.timestamp) + 14 days;
        vm.warp(block.timestamp + 1 days);
        staking.removeSigner(ALICE);
        vm.stopPrank();
        assertEq(staking.signerValidUntil(NODE, ALICE), end, "a second call moves nothing");
        assertEq(staking.signerValidUntil(NODE, BOB), 0, "never named");
    }

    function test_aPeerKeyMayChange() public {
        vm.startPrank(NODE);
        staking.setPeerKey(keccak256("other"));
        vm.expectRevert(IStaking.ZeroPeerKey.selector);
        staking.setPeerKey(0);
        vm.stopPrank();
        assertEq(staking.nodeOf(NODE).peerKey, keccak256("other"), "peer key");
    }

    function test_commissionRugNeedsSevenDaysOfNotice() public {
        vm.prank(NODE);
        staking.setCommission(10_000);
        vm.warp(block.timestamp + 7 days - 1);
        assertEq(staking.commissionOf(NODE), 1_000, "before");
        vm.warp(block.timestamp + 1);
        assertEq(staking.commissionOf(NODE), 10_000, "after");
    }

    function test_aSecondAnnouncementDoesNotBringTheFirstIntoForce() public {
        vm.startPrank(NODE);
        staking.setCommission(10_000);
        vm.warp(block.timestamp + 7 days - 1);
        staking.setCommission(9_000);
        vm.warp(block.timestamp + 1);
        assertEq(staking.commissionOf(NODE), 1_000, "the first never began");
        vm.expectRevert(abi.encodeWithSelector(IStaking.CommissionTooHigh.selector, uint16(10_001)));
        staking.setCommission(10_001);
        vm.stopPrank();
    }

    function test_permitSubmittedByAnotherStillStakes() public {
        address holder = vm.addr(0xA11CE);
        token.transfer(holder, 5e18);
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder,
                address(staking),
                5e18,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(0xA11CE, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), body)));
        token.permit(holder, address(staking), 5e18, block.timestamp, v, r, s);
        vm.prank(holder);
        staking.stakeWithPermit(NODE, 5e18, block.timestamp, v, r, s);
        assertEq(staking.stakeOf(NODE, holder), 5e18, "staked");
    }
}

contract StakingRewardsTest is StakingFixture {
    function test_rewardsAreSharedBySizeLessTheCommission() public {
        _stake(ALICE, 6_000e18);
        staking.distribute(NODE, 800e18);
        // Bond 2 000 of 8 000: 200. Delegation: 600 less 10 % commission.
        _assertNear(staking.stakeOf(NODE, NODE), 2_260e18, "operator");
        _assertNear(staking.stakeOf(NODE, ALICE), 6_540e18, "delegator");
    }

    function test_aCommissionOfAHundredPercentTakesAllRewardsButNoStake() public {
        _register(BOB, 10_000, 1_000e18);
        _fund(ALICE, 1_000e18);
        vm.prank(ALICE);
        staking.stake(BOB, 1_000e18);
        staking.distribute(BOB, 100e18);
        assertEq(staking.stakeOf(BOB, ALICE), 1_000e18, "delegator");
        assertEq(staking.stakeOf(BOB, BOB), 1_100e18, "operator");
    }

    function test_rewardSnipingWaitsTwoWeeksWithoutEarning() public {
        _stake(ALICE, 6_000e18);
        staking.distribute(NODE, 800e18);
        uint256 id = _unbond(ALICE, ALL);
        staking.distribute(NODE, 800e18);
        vm.warp(block.timestamp + 14 days);
        _assertNear(_withdraw(ALICE, id), 6_540e18, "what thawed earned nothing");
    }

    function test_anOperatorThatLeftTakesNoCommission() public {
        _stake(ALICE, 1_000e18);
        _unbond(NODE, ALL);
        staking.distribute(NODE, 100e18);
        _assertNear(staking.stakeOf(NODE, ALICE), 1_100e18, "delegator");
    }

    function test_rewardsNeedSomeoneWhoEarnsThem() public {
        _unbond(NODE, ALL);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NoStake.selector, NODE));
        staking.distribute(NODE, 1e18);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        staking.distribute(NODE, 0);
    }

    /// A first delegator of the least stake, then a donation: the next delegator must not lose by rounding.
    function testFuzz_firstDepositorInflation(uint256 donation, uint256 victim) public {
        _stake(ALICE, 1e18);
        // All but one wei leaves again.
        _unbond(ALICE, staking.stakeOf(NODE, ALICE) - 1);
        staking.distribute(NODE, bound(donation, 1, 1_000_000e18));
        victim = bound(victim, 1e18, 30_000e18);
        _stake(BOB, victim);
        assertTrue(staking.stakeOf(NODE, BOB) + victim / 1e9 + 1 >= victim, "victim");
    }

    function testFuzz_stakeAndUnbondNeverGains(uint256 first, uint256 reward, uint256 second) public {
        _stake(ALICE, bound(first, 1e18, 10_000e18));
        staking.distribute(NODE, bound(reward, 1, 10_000e18));
        second = bound(second, 1e18, 10_000e18);
        _stake(BOB, second);
        uint256 id = _unbond(BOB, ALL);
        assertTrue(staking.withdrawable(BOB, id) <= second, "gained");
        assertTrue(staking.withdrawable(BOB, id) + 1e9 >= second, "lost more than rounding");
    }
}

contract StakingSlashTest is StakingFixture {
    function test_slashTakesTheBondFirst() public {
        _stake(ALICE, 6_000e18);
        (uint256 taken, uint256 bounty) = staking.slash(NODE, 500e18, BENEFICIARY, 5_000);
        assertEq(taken, 500e18, "taken");
        assertEq(bounty, 250e18, "bounty");
        assertEq(staking.stakeOf(NODE, NODE), 1_500e18, "bond");
        _assertNear(staking.stakeOf(NODE, ALICE), 6_000e18, "delegation");
        assertEq(token.balanceOf(BENEFICIARY), 250e18, "beneficiary");
    }

    function test_slashGoesOnWithTheDelegationWhenTheBondIsGone() public {
        _stake(ALICE, 6_000e18);
        staking.slash(NODE, 5_000e18, BENEFICIARY, 0);
        assertEq(staking.stakeOf(NODE, NODE), 0, "bond");
        _assertNear(staking.stakeOf(NODE, ALICE), 3_000e18, "delegation");
        assertTrue(!staking.isActive(NODE), "inactive");
    }

    function test_unbondJustBeforeASlashIsStillSlashed() public {
        uint256 id = _unbond(NODE, 1_000e18);
        staking.slash(NODE, 500e18, BENEFICIARY, 0);
        assertEq(staking.withdrawable(NODE, id), 750e18, "thawing bond");
        assertEq(staking.stakeOf(NODE, NODE), 750e18, "bond");
        vm.warp(block.timestamp + 14 days);
        assertEq(_withdraw(NODE, id), 750e18, "paid");
    }

    function test_activeAndThawingDelegationLoseTheSameFraction() public {
        _stake(ALICE, 3_000e18);
        _stake(BOB, 3_000e18);
        uint256 id = _unbond(BOB, ALL);
        staking.slash(NODE, 5_000e18, BENEFICIARY, 0);
        _assertNear(staking.stakeOf(NODE, ALICE), 1_500e18, "active");
        _assertNear(staking.withdrawable(BOB, id), 1_500e18, "thawing");
    }

    function test_anUnbondingStartedAfterASlashIsPaidInFull() public {
        _stake(ALICE, 3_000e18);
        _stake(BOB, 3_000e18);
        uint256 early = _unbond(BOB, ALL);
        staking.slash(NODE, 5_000e18, BENEFICIARY, 0);
        uint256 late = _unbond(ALICE, 1_000e18);
        vm.warp(block.timestamp + 14 days);
        _assertNear(_withdraw(ALICE, late), 1_000e18, "late");
        _assertNear(_withdraw(BOB, early), 1_500e18, "early");
    }

    function test_slashToZeroStartsACleanEra() public {
        _stake(ALICE, 6_000e18);
        uint256 id = _unbond(ALICE, 1_000e18);
        (uint256 taken,) = staking.slash(NODE, 100_000e18, BENEFICIARY, 5_000);
        assertEq(taken, 8_000e18, "no more than there is");
        assertEq(staking.nodeOf(NODE).era, 1, "era");
        assertEq(staking.stakeOf(NODE, ALICE), 0, "old shares");
        assertEq(staking.withdrawable(ALICE, id), 0, "old unbonding");
        _fund(NODE, 1_000e18);
        vm.prank(NODE);
        staking.stake(NODE, 1_000e18);
        _stake(BOB, 500e18);
        assertEq(staking.stakeOf(NODE, BOB), 500e18, "new stake");
        assertEq(staking.stakeOf(NODE, ALICE), 0, "old shares still");
        vm.warp(block.timestamp + 14 days);
        assertEq(_withdraw(ALICE, id), 0, "pays nothing and does not fail");
        assertEq(staking.slashable(NODE), 1_500e18, "untouched");
    }

    function test_slashingAnEmptyNodeTakesNothing() public {
        staking.slash(NODE, 2_000e18, BENEFICIARY, 5_000);
        (uint256 taken, uint256 bounty) = staking.slash(NODE, 1e18, BENEFICIARY, 5_000);
        assertEq(taken + bounty, 0, "nothing");
        assertEq(staking.nodeOf(NODE).era, 0, "no era without delegation");
    }

    function test_selfSlashThroughAnAccompliceLosesMoney() public {
        uint256 before = staking.slashable(NODE) + token.balanceOf(BENEFICIARY);
        staking.slash(NODE, 500e18, BENEFICIARY, 6_000);
        assertEq(before - staking.slashable(NODE) - token.balanceOf(BENEFICIARY), 200e18, "lost");
    }

    function test_slashedTokensAreBurnedByAnyone() public {
        staking.slash(NODE, 500e18, BENEFICIARY, 5_000);
        uint256 supply = token.totalSupply();
        vm.prank(ALICE);
        assertEq(staking.flush(), 250e18, "burned");
        assertEq(token.totalSupply(), supply - 250e18, "supply");
        assertEq(staking.flush(), 0, "once");
    }

    /// Near-total slashes one after the other, with new stake in between: nothing overflows and all can leave.
    function test_repeatedNearTotalSlashesLockNobodyOut() public {
        _stake(BOB, 1e18);
        uint256 old = _unbond(BOB, 0.5e18);
        for (uint256 i; i < 8; ++i) {
            staking.slash(NODE, staking.slashable(NODE) - 1e6, BENEFICIARY, 0);
            _fund(NODE, 1_000e18);
            vm.prank(NODE);
            staking.stake(NODE, 1_000e18);
        }
        vm.warp(block.timestamp + 14 days);
        _withdraw(BOB, old);
        _stake(ALICE, 10_000e18);
        uint256 id = _unbond(ALICE, ALL);
        vm.warp(block.timestamp + 14 days);
        assertTrue(_withdraw(ALICE, id) + 1e9 >= 10_000e18, "alice");
    }

    /// What thaws and is slashed below what the index can tell goes to those who stay, and is lost to nobody else.
    function test_whatIsTooLittleToTellApartStaysInThePool() public {
        _unbond(NODE, 1_000e18);
        // Of 2 000 HART, 1 000 000 000 wei stay: half of them thaw, an index of 5e14, which is still told apart.
        vm.startPrank(address(this));
        staking.slash(NODE, 2_000e18 - 1e9, BENEFICIARY, 0);
        assertEq(staking.bondOf(NODE).thawing, 5e8, "thawing");
        assertEq(staking.bondOf(NODE).thawIndex, 5e14, "index");
        // Of these 1 000 stay: an index of 5e8 is below the least.
        staking.slash(NODE, 1e9 - 1_000, BENEFICIARY, 0);
        assertEq(staking.bondOf(NODE).thawing, 0, "nothing thaws");
        assertEq(staking.bondOf(NODE).assets, 1_000, "all of it stays");
        assertEq(staking.withdrawable(NODE, 1), 0, "the unbonding is worth nothing");
        vm.stopPrank();
        uint256 owed = staking.slashable(NODE) + staking.burnable();
        assertEq(token.balanceOf(address(staking)), owed, "balance and debts");
    }

    function test_theHighestAmountsDoNotOverflow() public {
        token.mint(address(this), token.MAX_SUPPLY() - token.minted());
        uint256 bond = 1_000_000e18;
        _fund(NODE, bond);
        vm.prank(NODE);
        staking.stake(NODE, bond);
        _stake(ALICE, 16_000_000e18);
        (uint256 taken, uint256 bounty) = staking.slash(NODE, type(uint256).max, BENEFICIARY, 10_000);
        assertEq(taken, 17_002_000e18, "taken");
        assertEq(bounty, taken, "bounty");
        assertEq(staking.slashable(NODE), 0, "nothing left");
    }
}
