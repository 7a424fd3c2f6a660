// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IToken} from "./interfaces/IToken.sol";

/// @title Staking
/// @dev Rounds against the caller everywhere: fewer shares minted, more burned, less paid. Delegation is by shares;
/// what thaws is by an index that slashes shrink, because thawing shares could be driven to prices that overflow.
contract Staking is IStaking {
    using SafeERC20 for IToken;
    using SafeCast for uint256;

    /// @inheritdoc IStaking
    uint256 public constant MIN_BOND = 1_000e18;
    /// @inheritdoc IStaking
    uint256 public constant MIN_STAKE = 1e18;
    /// @inheritdoc IStaking
    uint256 public constant DELEGATION_RATIO = 16;
    /// @inheritdoc IStaking
    uint64 public constant UNBONDING = 14 days;
    /// @inheritdoc IStaking
    uint64 public constant COMMISSION_NOTICE = 7 days;

    uint256 private constant BPS = 10_000;
    /// Shares that nobody owns: whoever inflates the price of a share by a donation gives most of it away.
    uint256 private constant VIRTUAL_SHARES = 1e3;
    uint256 private constant ONE = 1e27;
    /// Below it the index would lose digits; a billionth of a billionth of the start is nothing left.
    uint256 private constant LEAST_INDEX = 1e9;
    uint64 private constant NEVER = type(uint64).max;

    /// @notice The token that is staked.
    IToken public immutable token;
    /// @notice The only contract that may freeze and slash.
    address public immutable disputes;

    /// @inheritdoc IStaking
    mapping(address node => mapping(uint32 era => mapping(address holder => uint256))) public sharesOf;
    /// @inheritdoc IStaking
    mapping(address node => mapping(address signer => uint64)) public signerValidUntil;
    /// @inheritdoc IStaking
    uint256 public burnable;

    mapping(address node => Node) private _nodes;
    mapping(address node => Pool) private _bonds;
    mapping(address node => Pool) private _pools;
    mapping(address holder => mapping(uint256 id => Unbonding)) private _unbondings;
    uint256 private _lastUnbonding;

    modifier onlyDisputes() {
        if (msg.sender != disputes) revert NotDisputes();
        _;
    }

    constructor(IToken token_, address disputes_) {
        token = token_;
        disputes = disputes_;
    }

    // -------------------------------------------------------------------------------------------------------- nodes

    /// @inheritdoc IStaking
    function register(bytes32 peerKey, uint16 commissionBps, uint256 bond) external {
        Node storage node = _nodes[msg.sender];
        if (node.registeredAt != 0) revert AlreadyRegistered(msg.sender);
        if (peerKey == 0) revert ZeroPeerKey();
        if (commissionBps > BPS) revert CommissionTooHigh(commissionBps);
        node.peerKey = peerKey;
        node.registeredAt = uint40(block.timestamp);
        node.commissionBps = commissionBps;
        node.nextCommissionBps = commissionBps;
        emit Registered(msg.sender, peerKey, commissionBps);
        _bond(bond);
    }

    /// @inheritdoc IStaking
    function setPeerKey(bytes32 peerKey) external {
        if (peerKey == 0) revert ZeroPeerKey();
        _registered(msg.sender).peerKey = peerKey;
        emit PeerKeySet(msg.sender, peerKey);
    }

    /// @inheritdoc IStaking
    function addSigner(address signer) external {
        _registered(msg.sender);
        signerValidUntil[msg.sender][signer] = NEVER;
        emit SignerSet(msg.sender, signer, NEVER);
    }

    /// @inheritdoc IStaking
    function removeSigner(address signer) external {
        // Only a signer without an end gets one: calling again must not bring it nearer or push it away.
        if (signerValidUntil[msg.sender][signer] != NEVER) return;
        uint64 validUntil = uint64(block.timestamp) + UNBONDING;
        signerValidUntil[msg.sender][signer] = validUntil;
        emit SignerSet(msg.sender, signer, validUntil);
    }

    /// @inheritdoc IStaking
    function setCommission(uint16 commissionBps) external {
        if (commissionBps > BPS) revert CommissionTooHigh(commissionBps);
        Node storage node = _registered(msg.sender);
        node.commissionBps = _commission(node);
        node.nextCommissionBps = commissionBps;
        uint40 startsAt = uint40(block.timestamp + COMMISSION_NOTICE);
        node.nextCommissionAt = startsAt;
        emit CommissionSet(msg.sender, commissionBps, startsAt);
    }

    // -------------------------------------------------------------------------------------------------------- stake

    /// @inheritdoc IStaking
    function stake(address node, uint256 assets) public {
        uint32 era = _registered(node).era;
        if (msg.sender == node) _bond(assets);
        else _delegate(node, era, assets);
    }

    /// @inheritdoc IStaking
    function stakeWithPermit(address node, uint256 assets, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Whoever submits the permit first cannot make this fail: what counts is the allowance.
        try token.permit(msg.sender, address(this), assets, deadline, v, r, s) {} catch {}
        stake(node, assets);
    }

    /// @inheritdoc IStaking
    function unbond(address node, uint256 assets) external returns (uint256 id) {
        if (assets == 0) revert ZeroAmount();
        uint256 shares;
        Pool storage pool;
        if (msg.sender == node) {
            pool = _bonds[node];
            assets = _leaveBond(pool, assets);
        } else {
            pool = _pools[node];
            (assets, shares) = _leavePool(pool, sharesOf[node][_nodes[node].era], assets);
        }
        pool.thawing += assets.toUint96();
        uint64 releaseAt = uint64(block.timestamp) + UNBONDING;
        id = ++_lastUnbonding;
        _unbondings[msg.sender][id] =
            Unbonding(node, releaseAt, pool.thawEra, uint96(assets), uint128(_indexOf(pool)));
        emit Unbonded(node, msg.sender, id, assets, shares, releaseAt);
    }

    /// @inheritdoc IStaking
    function withdraw(uint256 id) external returns (uint256 assets) {
        Unbonding memory unbonding = _unbondings[msg.sender][id];
        address node = unbonding.node;
        if (unbonding.releaseAt == 0) revert NoSuchUnbonding(id);
        if (block.timestamp < unbonding.releaseAt) revert StillUnbonding(unbonding.releaseAt);
        uint32 frozen = _nodes[node].frozen;
        if (frozen != 0) revert NodeFrozen(frozen);
        delete _unbondings[msg.sender][id];
        Pool storage pool = _poolFor(node, msg.sender);
        assets = _valueOf(unbonding, pool);
        pool.thawing -= uint96(assets);
        emit Withdrawn(node, msg.sender, id, assets);
        if (assets != 0) token.safeTransfer(msg.sender, assets);
    }

    /// @inheritdoc IStaking
    function distribute(address node, uint256 assets) external {
        if (assets == 0) revert ZeroAmount();
        Node storage record = _registered(node);
        Pool storage bond = _bonds[node];
        Pool storage pool = _pools[node];
        uint256 bonded = bond.assets;
        uint256 delegated = _earning(pool);
        if (bonded + delegated == 0) revert NoStake(node);
        token.safeTransferFrom(msg.sender, address(this), assets);
        uint256 toPool = Math.mulDiv(assets, delegated, bonded + delegated);
        // An operator without a bond has left, and takes no commission from those who are still there.
        if (bonded != 0) toPool -= (toPool * _commission(record)) / BPS;
        uint256 toBond = assets - toPool;
        if (toBond != 0) bond.assets = (bonded + toBond).toUint96();
        if (toPool != 0) pool.assets = (delegated + toPool).toUint96();
        emit Distributed(node, msg.sender, toBond, toPool);
    }

    // ----------------------------------------------------------------------------------------------------- disputes

    /// @inheritdoc IStaking
    function freeze(address node) external onlyDisputes {
        emit Frozen(node, ++_nodes[node].frozen);
    }

    /// @inheritdoc IStaking
    function unfreeze(address node) external onlyDisputes {
        emit Frozen(node, --_nodes[node].frozen);
    }

    /// @inheritdoc IStaking
    function slash(address node, uint256 assets, address beneficiary, uint256 bountyBps)
        external
        onlyDisputes
        returns (uint256 taken, uint256 bounty)
    {
        if (bountyBps > BPS) revert BadBounty(bountyBps);
        Pool storage pool = _pools[node];
        uint256 fromBond = _slashPool(_bonds[node], assets);
        uint256 fromPool = _slashPool(pool, assets - fromBond);
        if (fromPool != 0 && pool.assets == 0 && pool.shares != 0) {
            pool.shares = 0;
            emit EraEnded(node, ++_nodes[node].era);
        }
        taken = fromBond + fromPool;
        bounty = (taken * bountyBps) / BPS;
        burnable += taken - bounty;
        emit Slashed(node, beneficiary, fromBond, fromPool, bounty);
        if (bounty != 0) token.safeTransfer(beneficiary, bounty);
    }

    /// @inheritdoc IStaking
    function flush() external returns (uint256 burned) {
        burned = burnable;
        if (burned == 0) return 0;
        burnable = 0;
        emit Burned(burned);
        token.burn(burned);
    }

    // -------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IStaking
    function nodeOf(address node) external view returns (Node memory) {
        return _nodes[node];
    }

    /// @inheritdoc IStaking
    function bondOf(address node) external view returns (Pool memory) {
        return _bonds[node];
    }

    /// @inheritdoc IStaking
    function poolOf(address node) external view returns (Pool memory) {
        return _pools[node];
    }

    /// @inheritdoc IStaking
    function unbondingOf(address holder, uint256 id) external view returns (Unbonding memory) {
        return _unbondings[holder][id];
    }

    /// @inheritdoc IStaking
    function withdrawable(address holder, uint256 id) external view returns (uint256) {
        Unbonding memory unbonding = _unbondings[holder][id];
        return unbonding.releaseAt == 0 ? 0 : _valueOf(unbonding, _poolFor(unbonding.node, holder));
    }

    /// @inheritdoc IStaking
    function stakeOf(address node, address holder) external view returns (uint256) {
        if (holder == node) return _bonds[node].assets;
        Pool storage pool = _pools[node];
        return _assetsFor(sharesOf[node][_nodes[node].era][holder], pool.assets, pool.shares);
    }

    /// @inheritdoc IStaking
    function slashable(address node) external view returns (uint256) {
        Pool storage bond = _bonds[node];
        Pool storage pool = _pools[node];
        return uint256(bond.assets) + bond.thawing + pool.assets + pool.thawing;
    }

    /// @inheritdoc IStaking
    function isActive(address node) external view returns (bool) {
        return _bonds[node].assets >= MIN_BOND;
    }

    /// @inheritdoc IStaking
    function canEarn(address node) external view returns (bool) {
        return _bonds[node].assets != 0 || _earning(_pools[node]) != 0;
    }

    /// @inheritdoc IStaking
    function commissionOf(address node) external view returns (uint16) {
        return _commission(_nodes[node]);
    }

    // ----------------------------------------------------------------------------------------------------- internals

    function _registered(address node) private view returns (Node storage record) {
        record = _nodes[node];
        if (record.registeredAt == 0) revert NotRegistered(node);
    }

    function _commission(Node storage node) private view returns (uint16) {
        return block.timestamp < node.nextCommissionAt ? node.commissionBps : node.nextCommissionBps;
    }

    /// What is left in a pool without shares belongs to nobody, and earns nothing.
    function _earning(Pool storage pool) private view returns (uint256) {
        return pool.shares == 0 ? 0 : pool.assets;
    }

    function _poolFor(address node, address holder) private view returns (Pool storage) {
        return holder == node ? _bonds[node] : _pools[node];
    }

    function _bond(uint256 assets) private {
        if (assets == 0) revert ZeroAmount();
        Pool storage pool = _bonds[msg.sender];
        uint256 bond = pool.assets + assets;
        if (bond < MIN_BOND) revert BelowMinBond(bond);
        pool.assets = bond.toUint96();
        emit Bonded(msg.sender, assets);
        token.safeTransferFrom(msg.sender, address(this), assets);
    }

    function _delegate(address node, uint32 era, uint256 assets) private {
        if (assets < MIN_STAKE) revert BelowMinStake(assets);
        Pool storage pool = _pools[node];
        uint256 delegated = pool.assets;
        uint256 shares = pool.shares;
        uint256 limit = uint256(_bonds[node].assets) * DELEGATION_RATIO;
        if (delegated + assets > limit) revert RatioExceeded(limit > delegated ? limit - delegated : 0);
        uint256 minted = Math.mulDiv(assets, shares + VIRTUAL_SHARES, delegated + 1);
        if (minted == 0) revert BelowMinStake(assets);
        pool.assets = (delegated + assets).toUint96();
        pool.shares = (shares + minted).toUint160();
        sharesOf[node][era][msg.sender] += minted;
        emit Staked(node, msg.sender, assets, minted);
        token.safeTransferFrom(msg.sender, address(this), assets);
    }

    function _leaveBond(Pool storage bond, uint256 assets) private returns (uint256) {
        uint256 bonded = bond.assets;
        if (assets == type(uint256).max) assets = bonded;
        if (assets == 0 || assets > bonded) revert Insufficient(bonded);
        uint256 rest = bonded - assets;
        if (rest != 0 && rest < MIN_BOND) revert BelowMinBond(rest);
        bond.assets = uint96(rest);
        return assets;
    }

    function _leavePool(Pool storage pool, mapping(address => uint256) storage shareOf, uint256 assets)
        private
        returns (uint256, uint256 burned)
    {
        uint256 delegated = pool.assets;
        uint256 shares = pool.shares;
        uint256 held = shareOf[msg.sender];
        uint256 available = _assetsFor(held, delegated, shares);
        if (assets == type(uint256).max) assets = available;
        if (assets == 0 || assets > available) revert Insufficient(available);
        // Who takes all leaves no share behind, whose value would be below one wei.
        burned = assets == available
            ? held
            : Math.mulDiv(assets, shares + VIRTUAL_SHARES, delegated + 1, Math.Rounding.Ceil);
        shareOf[msg.sender] = held - burned;
        pool.assets = uint96(delegated - assets);
        pool.shares = uint160(shares - burned);
        return (assets, burned);
    }

    function _assetsFor(uint256 held, uint256 assets, uint256 shares) private pure returns (uint256) {
        return Math.mulDiv(held, assets + 1, shares + VIRTUAL_SHARES);
    }

    function _indexOf(Pool storage pool) private view returns (uint256) {
        uint256 index = pool.thawIndex;
        return index == 0 ? ONE : index;
    }

    function _valueOf(Unbonding memory unbonding, Pool storage pool) private view returns (uint256) {
        if (unbonding.thawEra != pool.thawEra) return 0;
        return Math.mulDiv(unbonding.assets, _indexOf(pool), unbonding.indexAt);
    }

    /// Takes up to `wanted`, from what thaws and what does not in equal parts.
    function _slashPool(Pool storage pool, uint256 wanted) private returns (uint256 taken) {
        uint256 assets = pool.assets;
        uint256 thawing = pool.thawing;
        taken = Math.min(wanted, assets + thawing);
        if (taken == 0) return 0;
        uint256 fromThawing = Math.mulDiv(taken, thawing, assets + thawing);
        assets -= taken - fromThawing;
        if (thawing != 0) {
            uint256 left = thawing - fromThawing;
            uint256 index = Math.mulDiv(_indexOf(pool), left, thawing);
            if (index < LEAST_INDEX) {
                // Too little to be told apart: it goes with the rest of the pool, and older unbondings get nothing.
                assets += left;
                left = 0;
                index = 0;
                ++pool.thawEra;
            }
            pool.thawing = uint96(left);
            pool.thawIndex = uint128(index);
        }
        pool.assets = uint96(assets);
    }
}
