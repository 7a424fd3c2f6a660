// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Models} from "../Models.sol";
import {Token} from "../Token.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Base} from "./Base.sol";
import {CostlyWallet, FickleWallet, GarbageWallet, RevertingWallet, SigningWallet} from "./Wallets.sol";

abstract contract EscrowFixture is Base {
    uint256 internal constant PAYER_KEY = 0xA11CE;
    uint256 internal constant SESSION_KEY = 0x5E55;
    uint256 internal constant CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    address internal constant PAYEE = address(0xBEE);
    bytes32 internal constant NO_TOPIC = bytes32(0);

    Token internal token;
    Models internal models;
    Escrow internal escrow;
    address internal payer;

    function setUp() public virtual {
        token = new Token(address(this), address(this));
        models = new Models();
        escrow = new Escrow(token, models);
        payer = vm.addr(PAYER_KEY);
        token.approve(address(escrow), type(uint256).max);
    }

    function _voucher(uint256 key, address from, address to, bytes32 topic, uint128 cumulative)
        internal
        view
        returns (IEscrow.Voucher memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, escrow.voucherDigest(from, to, topic, cumulative));
        return IEscrow.Voucher(from, topic, cumulative, r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function _claim(IEscrow.Voucher memory voucher) internal returns (uint256) {
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
        batch[0] = voucher;
        return escrow.claim(PAYEE, batch);
    }

    function _claim(uint256 key, uint128 cumulative) internal returns (uint256) {
        return _claim(_voucher(key, payer, PAYEE, NO_TOPIC, cumulative));
    }

    function _authorize(uint256 key, uint128 allowance) internal {
        address signer = vm.addr(key);
        bytes memory proof = _proof(key, payer, signer, block.timestamp);
        vm.prank(payer);
        escrow.authorize(signer, allowance, block.timestamp, proof);
    }

    function _proof(uint256 key, address from, address signer, uint256 deadline) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, escrow.authorizationDigest(from, signer, deadline));
        return abi.encodePacked(r, s, v);
    }

    function _balance(address account) internal view returns (uint256 balance) {
        (balance,) = escrow.accounts(account);
    }
}

contract EscrowTest is EscrowFixture {
    function test_aVoucherIsPaidLessTheBurnedCut() public {
        escrow.deposit(payer, 100e18);
        assertEq(_claim(PAYER_KEY, 10e18), 10e18, "paid");
        assertEq(token.balanceOf(PAYEE), 9.9e18, "payee");
        assertEq(_balance(payer), 90e18, "payer");
        (uint128 earned, uint128 burnable) = escrow.incomes(PAYEE);
        assertEq(earned, 10e18, "earned");
        assertEq(burnable, 0.1e18, "burnable");
    }

    function test_flushBurnsTheCutOnce() public {
        escrow.deposit(payer, 100e18);
        _claim(PAYER_KEY, 10e18);
        uint256 supply = token.totalSupply();
        address[] memory payees = new address[](2);
        (payees[0], payees[1]) = (PAYEE, PAYEE);
        assertEq(escrow.flush(payees), 0.1e18, "burned");
        assertEq(token.totalSupply(), supply - 0.1e18, "supply");
        assertEq(escrow.flush(payees), 0, "nothing left");
    }

    function test_aNewerVoucherPaysTheDifference() public {
        escrow.deposit(payer, 100e18);
        _claim(PAYER_KEY, 10e18);
        assertEq(_claim(PAYER_KEY, 25e18), 15e18, "difference");
    }

    function test_theSameVoucherTwicePaysNothing() public {
        escrow.deposit(payer, 100e18);
        IEscrow.Voucher memory voucher = _voucher(PAYER_KEY, payer, PAYEE, NO_TOPIC, 10e18);
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](2);
        (batch[0], batch[1]) = (voucher, voucher);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.Refused(payer, PAYEE, 1, IEscrow.Refusal.AlreadyPaid);
        assertEq(escrow.claim(PAYEE, batch), 10e18, "in one batch");
        assertEq(_claim(voucher), 0, "in a later one");
    }

    function test_anOlderVoucherAfterANewerPaysNothing() public {
        escrow.deposit(payer, 100e18);
        _claim(PAYER_KEY, 25e18);
        assertEq(_claim(PAYER_KEY, 10e18), 0, "older");
    }

    function test_aVoucherOfAnotherPayeeTopicAmountOrContractIsRefused() public {
        escrow.deposit(payer, 100e18);
        assertEq(_claim(_voucher(PAYER_KEY, payer, address(0xBAD), NO_TOPIC, 10e18)), 0, "payee");
        IEscrow.Voucher memory voucher = _voucher(PAYER_KEY, payer, PAYEE, NO_TOPIC, 10e18);
        voucher.topic = bytes32(uint256(1));
        assertEq(_claim(voucher), 0, "topic");
        voucher = _voucher(PAYER_KEY, payer, PAYEE, NO_TOPIC, 10e18);
        voucher.cumulative = 11e18;
        assertEq(_claim(voucher), 0, "amount");
        voucher = _voucher(PAYER_KEY, payer, PAYEE, NO_TOPIC, 10e18);
        Escrow other = new Escrow(token, models);
        token.approve(address(other), 100e18);
        other.deposit(payer, 100e18);
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
        batch[0] = voucher;
        assertEq(other.claim(PAYEE, batch), 0, "contract");
    }

    function test_aVoucherOfAnotherChainIsRefused() public {
        escrow.deposit(payer, 100e18);
        IEscrow.Voucher memory voucher = _voucher(PAYER_KEY, payer, PAYEE, NO_TOPIC, 10e18);
        vm.chainId(block.chainid + 1);
        assertEq(_claim(voucher), 0, "chain");
    }

    function test_aMalleableSignatureIsRefused() public {
        escrow.deposit(payer, 100e18);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYER_KEY, escrow.voucherDigest(payer, PAYEE, NO_TOPIC, 10e18));
        uint256 flipped = CURVE_ORDER - uint256(s);
        // The compact form has no room for a high s: the bit is read as the recovery id, and another key comes out.
        bytes32 vs = bytes32(flipped | (uint256(28 - v) << 255));
        assertEq(_claim(IEscrow.Voucher(payer, NO_TOPIC, 10e18, r, vs)), 0, "malleable");
    }

    function test_anEmptySignatureDoesNotPayForTheZeroAddress() public {
        escrow.deposit(address(0), 100e18);
        assertEq(_claim(IEscrow.Voucher(address(0), NO_TOPIC, 10e18, 0, 0)), 0, "zero payer");
        assertEq(_claim(IEscrow.Voucher(payer, NO_TOPIC, 10e18, 0, 0)), 0, "any payer");
    }

    function test_aPoorPayerPaysWhatItHasAndTheRestLater() public {
        escrow.deposit(payer, 4e18);
        assertEq(_claim(PAYER_KEY, 10e18), 4e18, "first");
        assertEq(_claim(PAYER_KEY, 10e18), 0, "nothing there");
        escrow.deposit(payer, 100e18);
        assertEq(_claim(PAYER_KEY, 10e18), 6e18, "rest");
    }

    function test_thePromiseOfTheHighestNumberPaysWhatIsThere() public {
        escrow.deposit(payer, 4e18);
        assertEq(_claim(PAYER_KEY, type(uint128).max), 4e18, "all");
    }

    function test_oneBadOfAHundredVouchersDoesNotDisturbTheOthers() public {
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](100);
        for (uint256 i; i < 100; ++i) {
            address from = vm.addr(i + 1);
            escrow.deposit(from, 1e18);
            batch[i] = _voucher(i == 50 ? 0xBAD : i + 1, from, PAYEE, NO_TOPIC, 1e18);
        }
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.Refused(vm.addr(51), PAYEE, 50, IEscrow.Refusal.BadSignature);
        assertEq(escrow.claim(PAYEE, batch), 99e18, "the others");
    }

    function test_aLockPaysFirstAndIsOutOfReachOfOtherPayees() public {
        escrow.deposit(payer, 10e18);
        vm.prank(payer);
        escrow.lock(PAYEE, NO_TOPIC, 6e18);
        // The payer drains its pool to an accomplice before the honest claim.
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
        batch[0] = _voucher(PAYER_KEY, payer, address(0xACC), NO_TOPIC, 1_000e18);
        assertEq(escrow.claim(address(0xACC), batch), 4e18, "accomplice");
        assertEq(_claim(PAYER_KEY, 10e18), 6e18, "the lock is intact");
    }

    function test_aLockTakesOnlyWhatDoesNotThaw() public {
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        escrow.thaw(7e18);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.Insufficient.selector, 3e18));
        escrow.lock(PAYEE, NO_TOPIC, 4e18);
        vm.stopPrank();
        _claim(PAYER_KEY, 8e18);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.Insufficient.selector, 0));
        escrow.lock(PAYEE, NO_TOPIC, 1);
    }

    function test_aReleaseWaitsAndLeavesWhatWasClaimed() public {
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        escrow.lock(PAYEE, NO_TOPIC, 10e18);
        escrow.release(PAYEE, NO_TOPIC, 8e18);
        uint64 end = uint64(block.timestamp) + 3 days;
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, end));
        escrow.finishRelease(PAYEE, NO_TOPIC);
        vm.stopPrank();
        assertEq(_claim(PAYER_KEY, 5e18), 5e18, "claimed while it thaws");
        vm.warp(end);
        vm.prank(payer);
        assertEq(escrow.finishRelease(PAYEE, NO_TOPIC), 5e18, "what is left");
        (uint128 locked,) = escrow.channels(escrow.channelId(payer, PAYEE, NO_TOPIC));
        assertEq(locked, 0, "the lock is gone");
        assertEq(_balance(payer), 5e18, "and is balance again");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, uint64(0)));
        escrow.finishRelease(PAYEE, NO_TOPIC);
    }

    function test_aWithdrawalWaitsForItsThaw() public {
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, uint64(0)));
        escrow.withdraw();
        escrow.thaw(10e18);
        uint64 end = uint64(block.timestamp) + 3 days;
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, end));
        escrow.withdraw();
        vm.warp(end);
        assertEq(escrow.withdraw(), 10e18, "withdrawn");
        assertEq(token.balanceOf(payer), 10e18, "received");
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, uint64(0)));
        escrow.withdraw();
    }

    function test_withdrawAndClaimRaceInBothOrders() public {
        escrow.deposit(payer, 10e18);
        vm.prank(payer);
        escrow.thaw(10e18);
        vm.warp(block.timestamp + 3 days);
        assertEq(_claim(PAYER_KEY, 4e18), 4e18, "claim first");
        vm.prank(payer);
        assertEq(escrow.withdraw(), 6e18, "then what is left");
        assertEq(_claim(PAYER_KEY, 8e18), 0, "claim after");
    }

    function test_thawOfZeroTakesTheAnnouncementBack() public {
        escrow.deposit(payer, 10e18);
        vm.startPrank(payer);
        escrow.thaw(10e18);
        escrow.thaw(0);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StillThawing.selector, uint64(0)));
        escrow.withdraw();
        vm.expectRevert(abi.encodeWithSelector(IEscrow.Insufficient.selector, 10e18));
        escrow.thaw(10e18 + 1);
    }

    function test_aDepositForAnotherTouchesNoTimer() public {
        escrow.deposit(payer, 10e18);
        vm.prank(payer);
        escrow.thaw(10e18);
        uint64 end = escrow.thawEnd(payer);
        vm.warp(block.timestamp + 1 days);
        escrow.deposit(payer, 1);
        assertEq(escrow.thawEnd(payer), end, "end");
        (, uint128 thawing) = escrow.accounts(payer);
        assertEq(thawing, 10e18, "thawing");
    }

    function test_emptyAmountsAreRefused() public {
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        escrow.deposit(payer, 0);
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        escrow.lock(PAYEE, NO_TOPIC, 0);
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        escrow.release(PAYEE, NO_TOPIC, 0);
    }

    function test_aPermitThatWasSubmittedByAnotherStillDeposits() public {
        token.transfer(payer, 10e18);
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                payer,
                address(escrow),
                10e18,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(PAYER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), body)));
        token.permit(payer, address(escrow), 10e18, block.timestamp, v, r, s);
        vm.prank(payer);
        escrow.depositWithPermit(payer, 10e18, block.timestamp, v, r, s);
        assertEq(_balance(payer), 10e18, "deposited");
    }
}

contract EscrowSignerTest is EscrowFixture {
    function setUp() public override {
        super.setUp();
        escrow.deposit(payer, 100e18);
    }

    function test_aSessionKeyPaysWithinItsAllowance() public {
        _authorize(SESSION_KEY, 7e18);
        assertEq(_claim(SESSION_KEY, 5e18), 5e18, "within");
        assertEq(_claim(SESSION_KEY, 10e18), 2e18, "up to the allowance");
        assertEq(_claim(SESSION_KEY, 10e18), 0, "used up");
        vm.prank(payer);
        escrow.setAllowance(vm.addr(SESSION_KEY), 100e18);
        assertEq(_claim(SESSION_KEY, 10e18), 3e18, "raised");
        assertEq(_claim(PAYER_KEY, 50e18), 40e18, "the payer's own key has no limit");
    }

    function test_anUnlimitedAllowanceStaysUnlimited() public {
        _authorize(SESSION_KEY, type(uint128).max);
        assertEq(_claim(SESSION_KEY, 60e18), 60e18, "paid");
        (,, uint128 allowance) = escrow.signers(vm.addr(SESSION_KEY));
        assertEq(allowance, type(uint128).max, "allowance");
    }

    function test_whatIsLockedNeedsNoAllowance() public {
        _authorize(SESSION_KEY, 0);
        vm.prank(payer);
        escrow.lock(PAYEE, NO_TOPIC, 6e18);
        assertEq(_claim(SESSION_KEY, 10e18), 6e18, "the lock");
    }

    function test_aKeyWithoutAuthorisationIsRefused() public {
        assertEq(_claim(SESSION_KEY, 5e18), 0, "unknown");
    }

    function test_aSessionKeyOfAnotherPayerIsRefused() public {
        _authorize(SESSION_KEY, 100e18);
        address other = address(0x07);
        escrow.deposit(other, 100e18);
        assertEq(_claim(_voucher(SESSION_KEY, other, PAYEE, NO_TOPIC, 5e18)), 0, "other payer");
    }

    function test_signerSquattingNeedsTheSignersOwnProof() public {
        address signer = vm.addr(SESSION_KEY);
        address squatter = address(0x5A7);
        bytes memory proof = _proof(SESSION_KEY, payer, signer, block.timestamp);
        vm.startPrank(squatter);
        vm.expectRevert(IEscrow.BadProof.selector);
        escrow.authorize(signer, 1, block.timestamp, proof);
        vm.expectRevert(IEscrow.BadProof.selector);
        escrow.authorize(signer, 1, block.timestamp, "");
        vm.expectRevert(IEscrow.BadProof.selector);
        escrow.authorize(address(0), 1, block.timestamp, new bytes(65));
        vm.stopPrank();
        _authorize(SESSION_KEY, 1);
    }

    function test_aProofExpiresAndIsForOneChain() public {
        address signer = vm.addr(SESSION_KEY);
        bytes memory proof = _proof(SESSION_KEY, payer, signer, block.timestamp);
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ProofExpired.selector, block.timestamp - 1));
        escrow.authorize(signer, 1, block.timestamp - 1, proof);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(IEscrow.BadProof.selector);
        escrow.authorize(signer, 1, block.timestamp, proof);
        vm.stopPrank();
    }

    function test_aRevokedKeyPaysUntilTheThawEndsAndNeverComesBack() public {
        _authorize(SESSION_KEY, 100e18);
        address signer = vm.addr(SESSION_KEY);
        vm.prank(address(0xBAD));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYourSigner.selector, signer));
        escrow.revoke(signer);
        vm.prank(payer);
        escrow.revoke(signer);
        vm.warp(block.timestamp + 3 days - 1);
        assertEq(_claim(SESSION_KEY, 5e18), 5e18, "before");
        vm.warp(block.timestamp + 1);
        assertEq(_claim(SESSION_KEY, 9e18), 0, "after");
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYourSigner.selector, signer));
        escrow.revoke(signer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYourSigner.selector, signer));
        escrow.setAllowance(signer, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.SignerTaken.selector, signer));
        escrow.authorize(signer, 1, block.timestamp, "");
        vm.stopPrank();
    }
}

contract EscrowContractPayerTest is EscrowFixture {
    function test_aContractPayerSigns() public {
        SigningWallet wallet = new SigningWallet(payer);
        escrow.deposit(address(wallet), 10e18);
        assertEq(_claim(_voucher(PAYER_KEY, address(wallet), PAYEE, NO_TOPIC, 3e18)), 3e18, "its owner");
        assertEq(_claim(_voucher(0xBAD, address(wallet), PAYEE, NO_TOPIC, 5e18)), 0, "another key");
    }

    function test_aContractPayerThatRevertsLiesOrHasNoAnswerIsRefused() public {
        address[3] memory wallets =
            [address(new RevertingWallet()), address(new GarbageWallet()), address(token)];
        for (uint256 i; i < wallets.length; ++i) {
            escrow.deposit(wallets[i], 10e18);
            assertEq(_claim(_voucher(PAYER_KEY, wallets[i], PAYEE, NO_TOPIC, 3e18)), 0, "refused");
        }
    }

    function test_aContractPayerThatBurnsGasCostsTheClaimerLittle() public {
        CostlyWallet wallet = new CostlyWallet();
        escrow.deposit(address(wallet), 10e18);
        IEscrow.Voucher memory voucher = _voucher(PAYER_KEY, address(wallet), PAYEE, NO_TOPIC, 3e18);
        uint256 before = gasleft();
        assertEq(_claim(voucher), 0, "refused");
        assertTrue(before - gasleft() < 150_000, "gas");
    }

    function test_aContractPayerThatChangesItsMindIsPaidFromNoMore() public {
        FickleWallet wallet = new FickleWallet();
        escrow.deposit(address(wallet), 10e18);
        assertEq(_claim(_voucher(PAYER_KEY, address(wallet), PAYEE, NO_TOPIC, 3e18)), 3e18, "yes");
        wallet.refuse();
        assertEq(_claim(_voucher(PAYER_KEY, address(wallet), PAYEE, NO_TOPIC, 5e18)), 0, "no");
    }

    function test_anAccountWithCodeStillPaysByItsOwnKey() public {
        escrow.deposit(payer, 10e18);
        vm.etch(payer, address(new RevertingWallet()).code);
        assertEq(_claim(PAYER_KEY, 3e18), 3e18, "its key");
    }
}

contract EscrowRoyaltyTest is EscrowFixture {
    bytes32 private constant MODEL = keccak256("a model");
    address private constant AUTHOR = address(0xA07);

    function setUp() public override {
        super.setUp();
        escrow.deposit(payer, 100e18);
    }

    function test_theOwnerOfTheModelReceivesItsRoyalty() public {
        vm.prank(AUTHOR);
        models.mint(MODEL, "MIT", 2_000, "", new uint256[](0));
        assertEq(_claim(_voucher(PAYER_KEY, payer, PAYEE, MODEL, 10e18)), 10e18, "paid");
        assertEq(token.balanceOf(AUTHOR), 2e18, "royalty");
        assertEq(token.balanceOf(PAYEE), 7.9e18, "payee");
        assertEq(token.balanceOf(address(escrow)), 90e18 + 0.1e18, "escrow");
    }

    function test_anUnknownModelCostsNothing() public {
        assertEq(_claim(_voucher(PAYER_KEY, payer, PAYEE, MODEL, 10e18)), 10e18, "paid");
        assertEq(token.balanceOf(PAYEE), 9.9e18, "payee");
    }

    function test_aContractMayOwnAModel() public {
        vm.prank(address(token));
        models.mint(MODEL, "MIT", 100, "", new uint256[](0));
        _claim(_voucher(PAYER_KEY, payer, PAYEE, MODEL, 10e18));
        assertEq(token.balanceOf(address(token)), 0.1e18, "royalty");
    }
}
