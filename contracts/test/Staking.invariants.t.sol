// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Staking} from "../Staking.sol";
import {Token} from "../Token.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Base} from "./Base.sol";

/// One node, its operator and three delegators; the handler is also Disputes and pays rewards.
contract StakingHandler is Base {
    address public constant NODE = address(0x501);
    address private constant BENEFICIARY = address(0xBE7);

    Staking private immutable staking;
    Token private immutable token;

    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public slashed;
    uint256 public burned;
    uint32 public frozen;
    uint256 public withdrawals;
    /// What each holder brought, received from rewards at most, and took: for invariant 7.
    mapping(address holder => uint256) public brought;
    mapping(address holder => uint256) public took;
    uint256 public rewards;
    string public fault;

    mapping(address holder => uint256[]) private _ids;

    constructor(Staking staking_, Token token_) {
        staking = staking_;
        token = token_;
        token_.approve(address(staking_), type(uint256).max);
    }

    function holderAt(uint256 index) public pure returns (address) {
        return index % 4 == 0 ? NODE : address(uint160(0xA0 + (index % 4)));
    }

    /// Called once, before the sequence: the node.
    function begin() external {
        token.transfer(NODE, 2_000e18);
        vm.startPrank(NODE);
        token.approve(address(staking), type(uint256).max);
        staking.register(keccak256("peer"), 1_000, 2_000e18);
        vm.stopPrank();
        paidIn += 2_000e18;
        brought[NODE] += 2_000e18;
    }

    function stake(uint256 who, uint256 amount) external {
        address holder = holderAt(who);
        amount = bound(amount, 1e18, 5_000e18);
        uint256 price = _price();
        token.transfer(holder, amount);
        vm.startPrank(holder);
        token.approve(address(staking), amount);
        try staking.stake(NODE, amount) {
            paidIn += amount;
            brought[holder] += amount;
        } catch {
            token.transfer(address(this), amount);
        }
        vm.stopPrank();
        if (_fellBelow(price)) fault = "a stake lowered the price of a share";
    }

    function unbond(uint256 who, uint256 amount) external {
        address holder = holderAt(who);
        uint256 available = staking.stakeOf(NODE, holder);
        if (available == 0) return;
        uint256 price = _price();
        amount = amount % 3 == 0 ? type(uint256).max : bound(amount, 1, available);
        vm.prank(holder);
        try staking.unbond(NODE, amount) returns (uint256 id) {
            _ids[holder].push(id);
        } catch {}
        if (_fellBelow(price)) fault = "an unbonding lowered the price of a share";
    }

    function withdraw(uint256 who, uint256 which) external {
        address holder = holderAt(who);
        uint256 count = _ids[holder].length;
        if (count == 0) return;
        uint256 id = _ids[holder][which % count];
        IStaking.Unbonding memory unbonding = staking.unbondingOf(holder, id);
        vm.prank(holder);
        try staking.withdraw(id) returns (uint256 assets) {
            paidOut += assets;
            took[holder] += assets;
            ++withdrawals;
            if (frozen != 0) fault = "a withdrawal while frozen";
            if (block.timestamp < unbonding.releaseAt) fault = "a withdrawal before its time";
            if (assets > unbonding.assets) fault = "a withdrawal of more than was unbonded";
        } catch {
            if (frozen == 0 && unbonding.releaseAt != 0 && block.timestamp >= unbonding.releaseAt) {
                fault = "a due withdrawal failed";
            }
        }
    }

    function distribute(uint256 amount) external {
        amount = bound(amount, 1, 1_000e18);
        try staking.distribute(NODE, amount) {
            paidIn += amount;
            rewards += amount;
        } catch {}
    }

    function slash(uint256 amount, bool everything) external {
        uint256 total = staking.slashable(NODE);
        IStaking.Pool memory pool = staking.poolOf(NODE);
        IStaking.Pool memory own = staking.bondOf(NODE);
        uint32 era = staking.nodeOf(NODE).era;
        uint256 bond = uint256(own.assets) + own.thawing;
        amount = everything && amount % 8 == 0 ? type(uint256).max : bound(amount, 1, 3_000e18);
        (uint256 taken,) = staking.slash(NODE, amount, BENEFICIARY, 5_000);
        slashed += taken;
        if (taken > total || taken > amount) fault = "a slash took too much";
        IStaking.Pool memory left = staking.poolOf(NODE);
        if (amount <= bond && (left.assets != pool.assets || left.thawing != pool.thawing)) {
            fault = "delegation was slashed before the bond was gone";
        }
        if (_isUneven(own, staking.bondOf(NODE)) || _isUneven(pool, left)) fault = "a slash took unequal fractions";
        bool isWiped = pool.shares != 0 && left.assets == 0 && (pool.assets != 0 || pool.thawing != 0) && taken > bond;
        if (isWiped && (left.shares != 0 || staking.nodeOf(NODE).era != era + 1)) fault = "an empty pool has no new era";
    }

    /// Whether what thawed and what did not lost different fractions, by more than a wei of rounding.
    function _isUneven(IStaking.Pool memory before, IStaking.Pool memory left) private pure returns (bool) {
        // What is too little to be told apart joins the rest.
        if (left.thawing == 0 || left.thawEra != before.thawEra) return false;
        uint256 total = uint256(before.assets) + before.thawing;
        uint256 taken = total - left.assets - left.thawing;
        return before.thawing - left.thawing != taken * before.thawing / total;
    }

    function freeze() external {
        // More than two would leave the node frozen for most of a sequence, and nothing would ever be withdrawn.
        if (frozen == 2) return;
        staking.freeze(NODE);
        ++frozen;
    }

    function unfreeze() external {
        if (frozen == 0) return;
        staking.unfreeze(NODE);
        --frozen;
    }

    function flush() external {
        burned += staking.flush();
    }

    function wait_(uint256 duration) external {
        vm.warp(block.timestamp + bound(duration, 1 days, 15 days));
    }

    /// Assets per share in 1e-27.
    function _price() private view returns (uint256) {
        IStaking.Pool memory pool = staking.poolOf(NODE);
        return ((uint256(pool.assets) + 1) * 1e27) / (uint256(pool.shares) + 1e3);
    }

    /// Without shares nobody can be hurt: the last one to leave takes all but dust.
    function _fellBelow(uint256 price) private view returns (bool) {
        return staking.poolOf(NODE).shares != 0 && _price() < price;
    }
}

contract StakingInvariantTest is Base {
    Token private token;
    Staking private staking;
    StakingHandler private handler;

    function setUp() public {
        token = new Token(address(this), address(this));
        token.mint(address(this), 5_000_000e18);
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        staking = new Staking(token, predicted);
        handler = new StakingHandler(staking, token);
        assertEq(address(handler), predicted, "predicted address");
        token.transfer(address(handler), 5_000_000e18);
        handler.begin();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// Invariant 5: the contract can pay everyone, and nothing appears or is lost.
    function invariant_stakingCanPayEveryone() public view {
        uint256 owed = staking.slashable(handler.NODE()) + staking.burnable();
        assertEq(token.balanceOf(address(staking)), owed, "balance and debts");
        assertEq(
            handler.paidIn(),
            handler.paidOut() + handler.slashed() + staking.slashable(handler.NODE()),
            "inflow and outflow"
        );
    }

    /// Invariants 4, 6 and 8: timers, freezes, the order and the bounds of slashes; share price falls only by a slash.
    function invariant_noCallMovedWhatItMustNot() public view {
        assertEq(bytes(handler.fault()).length, 0, handler.fault());
    }

    function invariant_frozenCountsTheOpenDisputes() public view {
        assertEq(staking.nodeOf(handler.NODE()).frozen, handler.frozen(), "frozen");
    }

    /// Invariant 7: no holder has and took more than it brought and all rewards; together no more than is there.
    function invariant_nobodyGainsMoreThanRewards() public view {
        uint256 total;
        for (uint256 i; i < 4; ++i) {
            address holder = handler.holderAt(i);
            uint256 value = staking.stakeOf(handler.NODE(), holder);
            total += value;
            assertTrue(value + handler.took(holder) <= handler.brought(holder) + handler.rewards(), "gained");
        }
        uint256 active = uint256(staking.bondOf(handler.NODE()).assets) + staking.poolOf(handler.NODE()).assets;
        assertTrue(total <= active, "more than there is");
    }

    /// Invariant 8: shares of the current era are all there is; a pool without assets has no shares.
    function invariant_sharesAddUp() public view {
        IStaking.Node memory node = staking.nodeOf(handler.NODE());
        IStaking.Pool memory pool = staking.poolOf(handler.NODE());
        uint256 shares;
        for (uint256 i = 1; i < 4; ++i) shares += staking.sharesOf(handler.NODE(), node.era, handler.holderAt(i));
        assertEq(shares, pool.shares, "shares");
    }

    function test_theHandlerPaysOut() public {
        handler.stake(1, 100e18);
        handler.unbond(1, 1);
        handler.wait_(14 days);
        handler.withdraw(1, 0);
        assertEq(handler.withdrawals(), 1, "withdrawals");
    }
}
