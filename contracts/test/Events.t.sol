// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {DisputesFixture} from "./Disputes.t.sol";

/// Whoever follows the logs must be able to tell every balance and state from them: each event, with its figures.
contract EscrowEventsTest is DisputesFixture {
    uint256 private constant KEY = 0xA11CE;
    address private constant PAYEE = address(0xBEE);
    bytes32 private constant TOPIC = keccak256("model");
    address private payer = vm.addr(KEY);

    function _expect() private {
        vm.expectEmit(true, true, true, true, address(escrow));
    }

    function _batch(uint256 key, uint128 cumulative) private view returns (IEscrow.Voucher[] memory batch) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, escrow.voucherDigest(payer, PAYEE, TOPIC, cumulative));
        batch = new IEscrow.Voucher[](1);
        batch[0] = IEscrow.Voucher(payer, TOPIC, cumulative, r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function test_depositsThawsAndWithdrawalsAreLogged() public {
        _expect();
        emit IEscrow.Deposited(payer, 10e18);
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        uint64 end = uint64(block.timestamp) + 3 days;
        _expect();
        emit IEscrow.Thawing(payer, 4e18, end);
        escrow.thaw(4e18);
        _expect();
        emit IEscrow.Thawing(payer, 0, 0);
        escrow.thaw(0);
        escrow.thaw(4e18);
        vm.warp(end);
        _expect();
        emit IEscrow.Withdrawn(payer, 4e18);
        escrow.withdraw();
        vm.stopPrank();
        (uint128 balance, uint128 thawing) = escrow.accounts(payer);
        assertEq(balance, 6e18, "balance");
        assertEq(thawing, 0, "thawing");
    }

    function test_locksAndReleasesAreLogged() public {
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        _expect();
        emit IEscrow.Locked(payer, PAYEE, TOPIC, 6e18);
        escrow.lock(PAYEE, TOPIC, 6e18);
        uint64 end = uint64(block.timestamp) + 3 days;
        vm.expectRevert(abi.encodeWithSelector(IEscrow.Insufficient.selector, 6e18));
        escrow.release(PAYEE, TOPIC, 6e18 + 1);
        _expect();
        emit IEscrow.Releasing(payer, PAYEE, TOPIC, 6e18, end);
        escrow.release(PAYEE, TOPIC, 6e18);
        (uint128 amount, uint64 releaseAt) = escrow.releases(escrow.channelId(payer, PAYEE, TOPIC));
        assertEq(amount, 6e18, "amount");
        assertEq(releaseAt, end, "time");
        vm.warp(end);
        _expect();
        emit IEscrow.Released(payer, PAYEE, TOPIC, 6e18);
        escrow.finishRelease(PAYEE, TOPIC);
        vm.stopPrank();
        (uint128 balance,) = escrow.accounts(payer);
        assertEq(balance, 10e18, "balance");
    }

    function test_sessionKeysAreLogged() public {
        address signer = vm.addr(0x5E55);
        bytes memory proof = _signed(0x5E55, escrow.authorizationDigest(payer, signer, block.timestamp));
        vm.startPrank(payer);
        _expect();
        emit IEscrow.Authorized(payer, signer, 5);
        escrow.authorize(signer, 5, block.timestamp, proof);
        _expect();
        emit IEscrow.Authorized(payer, signer, 6);
        escrow.setAllowance(signer, 6);
        _expect();
        emit IEscrow.Revoked(payer, signer, uint64(block.timestamp) + 3 days);
        escrow.revoke(signer);
        vm.stopPrank();
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYourSigner.selector, signer));
        escrow.setAllowance(signer, 7);
    }

    function test_claimsRefusalsAndBurnsAreLogged() public {
        _expect();
        emit IEscrow.Refused(payer, PAYEE, 0, IEscrow.Refusal.NoFunds);
        escrow.claim(PAYEE, _batch(KEY, 10e18));
        escrow.deposit(payer, 10e18);
        _expect();
        emit IEscrow.Refused(payer, PAYEE, 0, IEscrow.Refusal.BadSignature);
        escrow.claim(PAYEE, _batch(0xBAD, 10e18));
        _expect();
        emit IEscrow.Claimed(payer, PAYEE, TOPIC, 10e18);
        escrow.claim(PAYEE, _batch(KEY, 10e18));
        _expect();
        emit IEscrow.Refused(payer, PAYEE, 0, IEscrow.Refusal.AlreadyPaid);
        escrow.claim(PAYEE, _batch(KEY, 10e18));
        address[] memory payees = new address[](1);
        payees[0] = PAYEE;
        _expect();
        emit IEscrow.Burned(PAYEE, 0.1e18);
        escrow.flush(payees);
    }
}

contract StakingEventsTest is DisputesFixture {
    function _expect() private {
        vm.expectEmit(true, true, true, true, address(staking));
    }

    function test_nodesAndTheirTermsAreLogged() public {
        address who = address(0x77);
        _fund(who, 1_500e18);
        vm.startPrank(who);
        _expect();
        emit IStaking.Registered(who, "peer", 300);
        _expect();
        emit IStaking.Bonded(who, 1_500e18);
        staking.register("peer", 300, 1_500e18);
        _expect();
        emit IStaking.PeerKeySet(who, "other");
        staking.setPeerKey("other");
        _expect();
        emit IStaking.SignerSet(who, CHALLENGER, type(uint64).max);
        staking.addSigner(CHALLENGER);
        _expect();
        emit IStaking.SignerSet(who, CHALLENGER, uint64(block.timestamp) + 14 days);
        staking.removeSigner(CHALLENGER);
        _expect();
        emit IStaking.CommissionSet(who, 10_000, uint40(block.timestamp) + 7 days);
        staking.setCommission(10_000);
        assertEq(staking.nodeOf(who).nextCommissionAt, block.timestamp + 7 days, "start");
        vm.stopPrank();
    }

    function test_stakeThatComesEarnsAndLeavesIsLogged() public {
        _expect();
        emit IStaking.Staked(node, CHALLENGER, 100e18, 100e18 * 1e3);
        vm.prank(CHALLENGER);
        staking.stake(node, 100e18);
        _expect();
        emit IStaking.Distributed(node, address(this), 20.1e18, 0.9e18);
        // The pool has 100 of 2 100, which is 1, less a tenth of commission.
        staking.distribute(node, 21e18);
    }

    function test_unbondingAndWithdrawalAreLogged() public {
        vm.startPrank(node);
        _expect();
        emit IStaking.Unbonded(node, node, 1, 500e18, 0, uint64(block.timestamp) + 14 days);
        staking.unbond(node, 500e18);
        assertEq(staking.unbondingOf(node, 1).assets, 500e18, "assets");
        assertEq(staking.withdrawable(node, 1), 500e18, "withdrawable");
        assertEq(staking.withdrawable(node, 2), 0, "unknown");
        vm.warp(block.timestamp + 14 days);
        _expect();
        emit IStaking.Withdrawn(node, node, 1, 500e18);
        staking.withdraw(1);
        vm.stopPrank();
    }

    function test_freezesAndSlashesAreLogged() public {
        vm.prank(CHALLENGER);
        staking.stake(node, 100e18);
        vm.startPrank(address(disputes));
        _expect();
        emit IStaking.Frozen(node, 1);
        staking.freeze(node);
        _expect();
        emit IStaking.Frozen(node, 0);
        staking.unfreeze(node);
        _expect();
        emit IStaking.EraEnded(node, 1);
        _expect();
        emit IStaking.Slashed(node, CHALLENGER, 2_000e18, 100e18, 210e18);
        staking.slash(node, 5_000e18, CHALLENGER, 1_000);
        vm.stopPrank();
        _expect();
        emit IStaking.Burned(1_890e18);
        staking.flush();
        assertTrue(!staking.canEarn(node), "nobody is left");
    }
}

contract RewardsEventsTest is DisputesFixture {
    function test_rootsAndClaimsAreLogged() public {
        _pay(0xC11E, node, NO_TOPIC, 20_000e18);
        vm.warp(rewards.start() + 1 days);
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(node, 5e18))));
        bytes32 id = keccak256(
            abi.encode(block.chainid, address(rewards), uint48(0), root, node, uint48(block.timestamp))
        );
        vm.expectEmit(true, true, true, true, address(rewards));
        emit IRewards.Proposed(id, 0, root, node);
        vm.prank(node);
        rewards.propose(root);
        vm.warp(block.timestamp + 12 hours);
        vm.expectEmit(true, true, true, true, address(rewards));
        emit IRewards.Finalized(id, 0, root, 7_000e18);
        rewards.finalize();
        vm.expectEmit(true, true, true, true, address(rewards));
        emit IRewards.Claimed(node, 5e18);
        rewards.claim(node, 5e18, new bytes32[](0));
        assertEq(rewards.claimedTotal(), 5e18, "total");
    }
}

contract DisputesEventsTest is DisputesFixture {
    function _expect() private {
        vm.expectEmit(true, true, true, true, address(disputes));
    }

    function test_equivocationIsLogged() public {
        IDisputes.Receipt memory first = _receipt(JOB, "a");
        IDisputes.Receipt memory second = _receipt(JOB, "b");
        bytes memory one = _signed(NODE_KEY, disputes.receiptDigest(first));
        bytes memory two = _signed(NODE_KEY, disputes.receiptDigest(second));
        bytes32 key = keccak256(abi.encode(node, JOB, uint32(0), keccak256("input")));
        _expect();
        emit IDisputes.Equivocated(node, key, address(this), 500e18);
        disputes.slashEquivocation(first, one, second, two);
    }

    function test_aDisputeCanBeFollowed() public {
        _enlist(FIRST_JUROR, 9);
        IDisputes.Receipt memory receipt = _receipt(JOB, "wrong");
        bytes32 id = disputes.receiptDigest(receipt);
        bytes memory signature = _signed(NODE_KEY, id);
        _expect();
        emit IDisputes.Opened(
            id, node, CHALLENGER, 0, uint64(block.number) + 2, uint64(block.timestamp) + 1 days
        );
        vm.prank(CHALLENGER);
        disputes.open(receipt, signature);
        uint64 end = uint64(block.timestamp) + 12 hours;
        vm.roll(block.number + 3);
        _expect();
        emit IDisputes.Drawn(id, 0, end, end + 12 hours);
        disputes.draw(id);
        address juror = _jury(id, 0)[0];
        bytes32 commitment = disputes.commitmentOf(id, 0, juror, true, SALT);
        vm.prank(juror);
        _expect();
        emit IDisputes.Committed(id, 0, juror, commitment);
        disputes.commit(id, commitment);
        vm.warp(end);
        vm.prank(juror);
        _expect();
        emit IDisputes.Revealed(id, 0, juror, true);
        disputes.reveal(id, true, SALT);
        vm.warp(end + 12 hours);
        uint64 seedBlock = uint64(block.number) + 2;
        _expect();
        emit IDisputes.Opened(id, node, CHALLENGER, 1, seedBlock, uint64(block.timestamp) + 1 days);
        disputes.resolve(id);
        IDisputes.Dispute memory dispute = disputes.disputeOf(id);
        assertEq(dispute.guilty + dispute.innocent, 0, "the second round counts anew");
        _expect();
        emit IDisputes.Dismissed(id, 0, juror, 0, 0);
        disputes.dismiss(id, 0, juror);
        address absent = address(0);
        for (uint256 i; i < 9 && absent == address(0); ++i) {
            address other = vm.addr(FIRST_JUROR + i);
            if (disputes.ballotOf(id, 0, other) == IDisputes.Ballot.Seated) absent = other;
        }
        _expect();
        emit IDisputes.Delisted(absent);
        _expect();
        emit IDisputes.Dismissed(id, 0, absent, 0, 10e18);
        disputes.dismiss(id, 0, absent);
        vm.warp(block.timestamp + 1 days + 1);
        _expect();
        emit IDisputes.Resolved(id, node, IDisputes.Phase.Void, 0, 0);
        disputes.resolve(id);
    }

    function test_endsAreLoggedWithWhatTheyPaid() public {
        _enlist(FIRST_JUROR, 9);
        bytes32 id = _open(JOB);
        _draw(id);
        address[] memory jury = _jury(id, 0);
        for (uint256 i; i < 5; ++i) _commit(id, 0, jury[i], true);
        vm.warp(block.timestamp + 12 hours);
        for (uint256 i; i < 5; ++i) _reveal(id, jury[i], true);
        vm.warp(block.timestamp + 12 hours);
        _expect();
        emit IDisputes.Resolved(id, node, IDisputes.Phase.Guilty, 500e18, 10e18);
        disputes.resolve(id);
        _expect();
        emit IDisputes.Dismissed(id, 0, jury[0], 10e18, 0);
        disputes.dismiss(id, 0, jury[0]);
    }

    function test_theListOfJurorsCanBeFollowed() public {
        _register(address(0x77), 1_000e18);
        vm.startPrank(address(0x77));
        _expect();
        emit IDisputes.Enlisted(address(0x77));
        disputes.enlist();
        _expect();
        emit IDisputes.Delisted(address(0x77));
        disputes.delist(address(0x77));
        vm.stopPrank();
    }

    function test_seatsAreLogged() public {
        _enlist(FIRST_JUROR, 9);
        bytes32 id = _open(JOB);
        vm.roll(block.number + 3);
        vm.expectEmit(true, true, false, true, address(disputes));
        emit IDisputes.Seated(id, 0, address(0));
        disputes.draw(id);
    }
}
