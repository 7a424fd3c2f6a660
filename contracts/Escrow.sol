// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IToken} from "./interfaces/IToken.sol";

/// @title Escrow
/// @dev No owner, no pause. Outside calls: our token (no hooks), our Models contract (view), and `isValidSignature` of
/// a payer that is a contract (static, bounded gas and return data), so that nothing can re-enter with effect.
contract Escrow is EIP712, IEscrow {
    using SafeERC20 for IToken;
    using SafeCast for uint256;

    /// @inheritdoc IEscrow
    bytes32 public constant VOUCHER_TYPEHASH =
        keccak256("Voucher(address payer,address payee,bytes32 topic,uint128 cumulative)");
    /// @inheritdoc IEscrow
    bytes32 public constant AUTHORIZATION_TYPEHASH =
        keccak256("Authorization(address payer,address signer,uint256 deadline)");
    /// @inheritdoc IEscrow
    uint256 public constant BURN_BPS = 100;
    /// @inheritdoc IEscrow
    uint64 public constant THAW = 3 days;

    uint256 private constant BPS = 10_000;
    uint64 private constant NEVER = type(uint64).max;
    uint128 private constant UNLIMITED = type(uint128).max;
    /// A payer's contract that burns gas costs the claimer no more than this per voucher.
    uint256 private constant SIGNATURE_CALL_GAS = 100_000;

    /// @notice The token that pays.
    IToken public immutable token;
    /// @notice Asked for the royalty of a topic.
    IERC2981 public immutable models;

    /// @inheritdoc IEscrow
    mapping(address payer => Account) public accounts;
    /// @inheritdoc IEscrow
    mapping(address payer => uint64) public thawEnd;
    /// @inheritdoc IEscrow
    mapping(address signer => Signer) public signers;
    /// @inheritdoc IEscrow
    mapping(bytes32 channel => Channel) public channels;
    /// @inheritdoc IEscrow
    mapping(bytes32 channel => Release) public releases;
    /// @inheritdoc IEscrow
    mapping(address payee => Income) public incomes;

    /// Both in one slot: a claim writes them together.
    struct Income {
        uint128 earned;
        uint128 burnable;
    }

    constructor(IToken token_, IERC2981 models_) EIP712("Hartonomous Escrow", "1") {
        token = token_;
        models = models_;
    }

    // ------------------------------------------------------------------------------------------------ payers: balance

    /// @inheritdoc IEscrow
    function deposit(address payer, uint256 amount) public {
        if (amount == 0) revert ZeroAmount();
        token.safeTransferFrom(msg.sender, address(this), amount);
        accounts[payer].balance += amount.toUint128();
        emit Deposited(payer, amount);
    }

    /// @inheritdoc IEscrow
    function depositWithPermit(address payer, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever submits the permit first cannot make this fail: what counts is the allowance.
        try token.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(payer, amount);
    }

    /// @inheritdoc IEscrow
    function thaw(uint128 amount) external {
        Account storage account = accounts[msg.sender];
        if (amount > account.balance) revert Insufficient(account.balance);
        uint64 end = amount == 0 ? 0 : uint64(block.timestamp) + THAW;
        account.thawing = amount;
        thawEnd[msg.sender] = end;
        emit Thawing(msg.sender, amount, end);
    }

    /// @inheritdoc IEscrow
    function withdraw() external returns (uint256 amount) {
        uint64 end = thawEnd[msg.sender];
        if (end == 0 || block.timestamp < end) revert StillThawing(end);
        Account storage account = accounts[msg.sender];
        uint128 balance = account.balance;
        amount = Math.min(account.thawing, balance);
        account.balance = balance - uint128(amount);
        account.thawing = 0;
        delete thawEnd[msg.sender];
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------------- payers: locks

    /// @inheritdoc IEscrow
    function lock(address payee, bytes32 topic, uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Account storage account = accounts[msg.sender];
        uint128 balance = account.balance;
        uint128 thawing = account.thawing;
        // Vouchers may have drawn the balance below what thaws.
        uint128 free = balance > thawing ? balance - thawing : 0;
        if (amount > free) revert Insufficient(free);
        account.balance = balance - amount;
        channels[channelId(msg.sender, payee, topic)].locked += amount;
        emit Locked(msg.sender, payee, topic, amount);
    }

    /// @inheritdoc IEscrow
    function release(address payee, bytes32 topic, uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        bytes32 id = channelId(msg.sender, payee, topic);
        uint128 locked = channels[id].locked;
        if (amount > locked) revert Insufficient(locked);
        uint64 releaseAt = uint64(block.timestamp) + THAW;
        releases[id] = Release(amount, releaseAt);
        emit Releasing(msg.sender, payee, topic, amount, releaseAt);
    }

    /// @inheritdoc IEscrow
    function finishRelease(address payee, bytes32 topic) external returns (uint128 amount) {
        bytes32 id = channelId(msg.sender, payee, topic);
        Release memory due = releases[id];
        if (due.releaseAt == 0 || block.timestamp < due.releaseAt) revert StillThawing(due.releaseAt);
        Channel storage channel = channels[id];
        amount = uint128(Math.min(due.amount, channel.locked));
        delete releases[id];
        channel.locked -= amount;
        accounts[msg.sender].balance += amount;
        emit Released(msg.sender, payee, topic, amount);
    }

    // ------------------------------------------------------------------------------------------ payers: session keys

    /// @inheritdoc IEscrow
    function authorize(address signer, uint128 allowance, uint256 deadline, bytes calldata proof) external {
        if (block.timestamp > deadline) revert ProofExpired(deadline);
        if (signers[signer].payer != address(0)) revert SignerTaken(signer);
        (address proved,,) = ECDSA.tryRecover(authorizationDigest(msg.sender, signer, deadline), proof);
        if (proved == address(0) || proved != signer) revert BadProof();
        signers[signer] = Signer(msg.sender, NEVER, allowance);
        emit Authorized(msg.sender, signer, allowance);
    }

    /// @inheritdoc IEscrow
    function setAllowance(address signer, uint128 allowance) external {
        Signer storage session = signers[signer];
        if (session.payer != msg.sender || session.revokedAt != NEVER) revert NotYourSigner(signer);
        session.allowance = allowance;
        emit Authorized(msg.sender, signer, allowance);
    }

    /// @inheritdoc IEscrow
    function revoke(address signer) external {
        Signer storage session = signers[signer];
        if (session.payer != msg.sender || session.revokedAt != NEVER) revert NotYourSigner(signer);
        uint64 revokedAt = uint64(block.timestamp) + THAW;
        session.revokedAt = revokedAt;
        emit Revoked(msg.sender, signer, revokedAt);
    }

    // ------------------------------------------------------------------------------------------------------- payees

    /// @inheritdoc IEscrow
    function claim(address payee, Voucher[] calldata vouchers) external returns (uint256 total) {
        uint256 royalties;
        for (uint256 i; i < vouchers.length; ++i) {
            Voucher calldata voucher = vouchers[i];
            uint256 paid = _settle(payee, voucher, i);
            total += paid;
            if (paid != 0 && voucher.topic != 0) royalties += _payRoyalty(voucher.topic, paid);
        }
        if (total == 0) return 0;
        uint256 cut = (total * BURN_BPS) / BPS;
        // Whole slots are read and written: one access each, here and below, is what keeps a claim cheap.
        Income memory income = incomes[payee];
        incomes[payee] = Income(income.earned + total.toUint128(), income.burnable + cut.toUint128());
        token.safeTransfer(payee, total - cut - royalties);
    }

    /// @inheritdoc IEscrow
    function flush(address[] calldata payees) external returns (uint256 burned) {
        for (uint256 i; i < payees.length; ++i) {
            Income storage income = incomes[payees[i]];
            uint256 amount = income.burnable;
            if (amount == 0) continue;
            income.burnable = 0;
            burned += amount;
            emit Burned(payees[i], amount);
        }
        if (burned != 0) token.burn(burned);
    }

    /// Pays one voucher as far as lock, balance and allowance reach.
    function _settle(address payee, Voucher calldata voucher, uint256 index) private returns (uint256) {
        (address payer, bytes32 topic, uint128 cumulative) = (voucher.payer, voucher.topic, voucher.cumulative);
        (bool valid, address session) = _signatureOf(payer, voucher, voucherDigest(payer, payee, topic, cumulative));
        if (!valid) return _refuse(payer, payee, index, Refusal.BadSignature);

        Channel storage channel = channels[channelId(payer, payee, topic)];
        (uint128 locked, uint128 claimed) = (channel.locked, channel.claimed);
        if (cumulative <= claimed) return _refuse(payer, payee, index, Refusal.AlreadyPaid);

        uint128 due;
        // No sum passes `cumulative` and no difference zero: compared above, and `_draw` gives no more than it is asked.
        unchecked {
            due = cumulative - claimed;
            uint128 fromLock = due < locked ? due : locked;
            due = fromLock + (due == fromLock ? 0 : _draw(payer, session, due - fromLock));
            (locked, claimed) = (locked - fromLock, claimed + due);
        }
        if (due == 0) return _refuse(payer, payee, index, Refusal.NoFunds);

        (channel.locked, channel.claimed) = (locked, claimed);
        emit Claimed(payer, payee, topic, due);
        return due;
    }

    function _refuse(address payer, address payee, uint256 index, Refusal reason) private returns (uint256) {
        emit Refused(payer, payee, index, reason);
        return 0;
    }

    /// Takes up to `wanted` from the pooled balance, within the allowance of the session key that signed.
    function _draw(address payer, address session, uint128 wanted) private returns (uint128 drawn) {
        Account storage account = accounts[payer];
        uint128 balance = account.balance;
        drawn = wanted < balance ? wanted : balance;
        if (session != address(0)) {
            uint128 allowance = signers[session].allowance;
            if (drawn > allowance) drawn = allowance;
            if (allowance != UNLIMITED && drawn != 0) signers[session].allowance = allowance - drawn;
        }
        // `drawn` is at most the balance.
        unchecked {
            if (drawn != 0) account.balance = balance - drawn;
        }
    }

    function _payRoyalty(bytes32 topic, uint256 amount) private returns (uint256) {
        (address receiver, uint256 royalty) = models.royaltyInfo(uint256(topic), amount);
        if (royalty == 0 || receiver == address(0)) return 0;
        token.safeTransfer(receiver, royalty);
        return royalty;
    }

    // --------------------------------------------------------------------------------------------------- signatures

    /// @inheritdoc IEscrow
    function channelId(address payer, address payee, bytes32 topic) public pure returns (bytes32) {
        return keccak256(abi.encode(payer, payee, topic));
    }

    /// @inheritdoc IEscrow
    function voucherDigest(address payer, address payee, bytes32 topic, uint128 cumulative)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, payer, payee, topic, cumulative)));
    }

    /// @inheritdoc IEscrow
    function authorizationDigest(address payer, address signer, uint256 deadline) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, payer, signer, deadline)));
    }

    /// @return valid Whether the payer is bound by it.
    /// @return session The session key that signed; zero where the payer itself did.
    function _signatureOf(address payer, Voucher calldata voucher, bytes32 digest)
        private
        view
        returns (bool valid, address session)
    {
        // The payer's own key comes first: it counts also where the account has code (EIP-7702).
        (address recovered,,) = ECDSA.tryRecover(digest, voucher.r, voucher.vs);
        if (recovered != address(0)) {
            if (recovered == payer) return (true, address(0));
            Signer storage signer = signers[recovered];
            if (signer.payer == payer && block.timestamp < signer.revokedAt) return (true, recovered);
        }
        return (payer.code.length != 0 && _contractAccepts(payer, digest, voucher.r, voucher.vs), address(0));
    }

    /// ERC-1271 with bounded gas, and without copying what the contract returns: it may be made to cost.
    function _contractAccepts(address payer, bytes32 digest, bytes32 r, bytes32 vs) private view returns (bool) {
        bytes32 s = vs & bytes32(uint256(type(int256).max));
        uint8 v = uint8(uint256(vs) >> 255) + 27;
        bytes memory question =
            abi.encodeWithSignature("isValidSignature(bytes32,bytes)", digest, abi.encodePacked(r, s, v));
        bool success;
        bytes32 answer;
        uint256 size;
        assembly ("memory-safe") {
            success := staticcall(SIGNATURE_CALL_GAS, payer, add(question, 32), mload(question), 0, 32)
            answer := mload(0)
            size := returndatasize()
        }
        return success && size >= 32 && answer == bytes32(bytes4(0x1626ba7e));
    }
}
