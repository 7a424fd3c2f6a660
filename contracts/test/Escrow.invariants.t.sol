// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Models} from "../Models.sol";
import {Token} from "../Token.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Base} from "./Base.sol";

/// Three payers, two payees, two topics (one with a royalty), and session keys do anything in any order.
contract EscrowHandler is Base {
    uint256 private constant PAYERS = 3;
    bytes32 public constant MODEL = keccak256("a model");

    Escrow private immutable escrow;
    Token private immutable token;

    uint256 public deposited;
    uint256 public withdrawn;
    uint256 public claimed;
    uint256 public burned;
    uint256 public claims;
    /// Set when a call moved what it must not; the invariants report it.
    string public fault;

    bytes32[] private _ids;
    mapping(bytes32 id => bool) private _known;
    mapping(bytes32 id => uint256) public signed;
    mapping(bytes32 id => uint256) public paid;

    constructor(Escrow escrow_, Token token_) {
        escrow = escrow_;
        token = token_;
        token_.approve(address(escrow_), type(uint256).max);
    }

    function deposit(uint256 payer, uint256 amount) external {
        amount = bound(amount, 1, 1_000e18);
        uint64 end = escrow.thawEnd(payerAt(payer));
        escrow.deposit(payerAt(payer), amount);
        deposited += amount;
        if (escrow.thawEnd(payerAt(payer)) != end) fault = "a deposit moved a timer";
    }

    function lock(uint256 payer, uint256 payee, bool topic, uint256 amount) external {
        bytes32 id = _channel(payer, payee, topic);
        (, uint128 before) = escrow.channels(id);
        vm.prank(payerAt(payer));
        try escrow.lock(payeeAt(payee), topicOf(topic), uint128(bound(amount, 1, 300e18))) {} catch {}
        (, uint128 claimedNow) = escrow.channels(id);
        if (claimedNow != before) fault = "a lock changed what was paid";
    }

    function release(uint256 payer, uint256 payee, bool topic, uint256 amount) external {
        (uint128 locked,) = escrow.channels(_channel(payer, payee, topic));
        if (locked == 0) return;
        vm.prank(payerAt(payer));
        escrow.release(payeeAt(payee), topicOf(topic), uint128(bound(amount, 1, locked)));
    }

    function finishRelease(uint256 payer, uint256 payee, bool topic) external {
        (, uint64 releaseAt) = escrow.releases(_channel(payer, payee, topic));
        vm.prank(payerAt(payer));
        try escrow.finishRelease(payeeAt(payee), topicOf(topic)) {
            if (block.timestamp < releaseAt) fault = "a lock left before its time";
        } catch {}
    }

    function thaw(uint256 payer, uint256 amount) external {
        (uint128 balance,) = escrow.accounts(payerAt(payer));
        vm.prank(payerAt(payer));
        escrow.thaw(uint128(bound(amount, 0, balance)));
    }

    function withdraw(uint256 payer) external {
        uint64 end = escrow.thawEnd(payerAt(payer));
        vm.prank(payerAt(payer));
        try escrow.withdraw() returns (uint256 amount) {
            withdrawn += amount;
            if (block.timestamp < end) fault = "a balance left before its time";
        } catch {}
    }

    function authorize(uint256 payer, uint256 allowance) external {
        uint256 key = _sessionKey(payer);
        address signer = vm.addr(key);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, escrow.authorizationDigest(payerAt(payer), signer, block.timestamp));
        vm.prank(payerAt(payer));
        try escrow.authorize(
            signer, uint128(bound(allowance, 0, 500e18)), block.timestamp, abi.encodePacked(r, s, v)
        ) {} catch {}
    }

    function claim(uint256 payer, uint256 payee, bool topic, uint256 cumulative, bool bySession) external {
        bytes32 id = _channel(payer, payee, topic);
        (uint128 lockedBefore, uint128 claimedBefore) = escrow.channels(id);
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
        batch[0] = _voucher(payer, payee, topic, uint128(bound(cumulative, 0, 2_000e18)), bySession);
        if (batch[0].cumulative > signed[id]) signed[id] = batch[0].cumulative;
        uint256 amount = escrow.claim(payeeAt(payee), batch);
        claimed += amount;
        paid[id] += amount;
        if (amount != 0) ++claims;
        if (!_known[id]) {
            _known[id] = true;
            _ids.push(id);
        }
        (uint128 lockedNow, uint128 claimedNow) = escrow.channels(id);
        if (claimedNow < claimedBefore || lockedNow > lockedBefore) fault = "a claim went backwards";
        // The same voucher once more pays only where the first time money was short, and there is none now either.
        if (escrow.claim(payeeAt(payee), batch) != 0) fault = "a voucher was paid twice";
    }

    function flush() external {
        address[] memory payees = new address[](2);
        (payees[0], payees[1]) = (payeeAt(0), payeeAt(1));
        burned += escrow.flush(payees);
    }

    function wait_(uint256 duration) external {
        vm.warp(block.timestamp + bound(duration, 1 hours, 2 days));
    }

    function payerAt(uint256 index) public pure returns (address) {
        return vm.addr(1 + (index % PAYERS));
    }

    function payeeAt(uint256 index) public pure returns (address) {
        return address(uint160(0xE0 + (index % 2)));
    }

    function topicOf(bool topic) public pure returns (bytes32) {
        return topic ? MODEL : bytes32(0);
    }

    function channelCount() external view returns (uint256) {
        return _ids.length;
    }

    function channelAt(uint256 index) external view returns (bytes32) {
        return _ids[index];
    }

    function _sessionKey(uint256 payer) private pure returns (uint256) {
        return 1_001 + (payer % PAYERS);
    }

    function _channel(uint256 payer, uint256 payee, bool topic) private view returns (bytes32) {
        return escrow.channelId(payerAt(payer), payeeAt(payee), topicOf(topic));
    }

    function _voucher(uint256 payer, uint256 payee, bool topic, uint128 cumulative, bool bySession)
        private
        view
        returns (IEscrow.Voucher memory)
    {
        bytes32 digest = escrow.voucherDigest(payerAt(payer), payeeAt(payee), topicOf(topic), cumulative);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(bySession ? _sessionKey(payer) : 1 + (payer % PAYERS), digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        return IEscrow.Voucher(payerAt(payer), topicOf(topic), cumulative, r, vs);
    }
}

contract EscrowInvariantTest is Base {
    Token private token;
    Escrow private escrow;
    EscrowHandler private handler;

    function setUp() public {
        token = new Token(address(this), address(this));
        token.mint(address(this), 1_000_000e18);
        Models models = new Models();
        escrow = new Escrow(token, models);
        handler = new EscrowHandler(escrow, token);
        models.mint(handler.MODEL(), "MIT", 1_500, "", new uint256[](0));
        token.transfer(address(handler), 1_000_000e18);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// Invariant 2: what lies in the contract is what it owes, and nothing appears or is lost.
    function invariant_escrowHoldsWhatItOwes() public view {
        uint256 owed;
        for (uint256 i; i < 3; ++i) {
            (uint128 balance,) = escrow.accounts(handler.payerAt(i));
            owed += balance;
            for (uint256 j; j < 4; ++j) {
                (uint128 locked,) =
                    escrow.channels(escrow.channelId(handler.payerAt(i), handler.payeeAt(j), handler.topicOf(j > 1)));
                owed += locked;
            }
        }
        for (uint256 i; i < 2; ++i) {
            (, uint128 burnable) = escrow.incomes(handler.payeeAt(i));
            owed += burnable;
        }
        assertEq(token.balanceOf(address(escrow)), owed, "balance and debts");
    }

    function invariant_inflowIsOutflowAndBalance() public view {
        uint256 unburned;
        for (uint256 i; i < 2; ++i) {
            (, uint128 burnable) = escrow.incomes(handler.payeeAt(i));
            unburned += burnable;
        }
        uint256 left = handler.withdrawn() + handler.claimed() - unburned;
        assertEq(handler.deposited(), left + token.balanceOf(address(escrow)), "inflow and outflow");
    }

    /// Invariant 3: no channel pays more than its payer signed, and the record of it is exact.
    function invariant_noChannelPaysMoreThanWasSigned() public view {
        for (uint256 i; i < handler.channelCount(); ++i) {
            bytes32 id = handler.channelAt(i);
            (, uint128 claimed) = escrow.channels(id);
            assertTrue(handler.paid(id) <= handler.signed(id), "more than signed");
            assertEq(handler.paid(id), claimed, "record");
        }
    }

    /// Invariants 3 and 4: no call moved a timer, a lock or a total that it must not.
    function invariant_noCallMovedWhatItMustNot() public view {
        assertEq(bytes(handler.fault()).length, 0, handler.fault());
    }

    /// The sequence as a whole paid someone: an idle handler would let every invariant hold.
    function test_theHandlerPays() public {
        handler.deposit(0, 100e18);
        handler.claim(0, 0, true, 5e18, false);
        handler.authorize(0, 50e18);
        handler.claim(0, 0, false, 7e18, true);
        assertEq(handler.claims(), 2, "claims");
    }
}
