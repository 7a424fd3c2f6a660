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
import {Base} from "./Base.sol";

/// All seven contracts, wired as they are deployed; the test contract holds the genesis supply.
abstract contract SystemFixture is Base {
    uint256 internal constant NODE_KEY = 0x501;
    bytes32 internal constant NO_TOPIC = bytes32(0);

    Token internal token;
    Models internal models;
    Escrow internal escrow;
    Staking internal staking;
    Rewards internal rewards;
    Disputes internal disputes;
    Reputation internal reputation;
    address internal node;

    function setUp() public virtual {
        uint256 nonce = vm.getNonce(address(this));
        address rewardsAt = vm.computeCreateAddress(address(this), nonce + 4);
        address disputesAt = vm.computeCreateAddress(address(this), nonce + 5);
        token = new Token(rewardsAt, address(this));
        models = new Models();
        escrow = new Escrow(token, models);
        staking = new Staking(token, disputesAt);
        rewards = new Rewards(token, staking, escrow, Disputes(disputesAt));
        disputes = new Disputes(token, staking, rewards);
        reputation = new Reputation(escrow, staking, rewards, disputes);
        assertEq(address(rewards), rewardsAt, "rewards");
        assertEq(address(disputes), disputesAt, "disputes");
        token.approve(address(escrow), type(uint256).max);
        token.approve(address(staking), type(uint256).max);
        node = vm.addr(NODE_KEY);
        _register(node, 2_000e18);
    }

    function _fund(address who, uint256 amount) internal {
        token.transfer(who, amount);
        vm.startPrank(who);
        token.approve(address(staking), type(uint256).max);
        token.approve(address(disputes), type(uint256).max);
        vm.stopPrank();
    }

    function _register(address who, uint256 bond) internal {
        _fund(who, bond);
        vm.prank(who);
        staking.register(keccak256(abi.encode(who)), 1_000, bond);
    }

    /// Registers and enlists `count` jurors, the first with key `from`.
    function _enlist(uint256 from, uint256 count) internal {
        for (uint256 i = from; i < from + count; ++i) {
            _register(vm.addr(i), 1_000e18);
            vm.prank(vm.addr(i));
            disputes.enlist();
        }
    }

    function _signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _receipt(bytes32 job, bytes32 output) internal view returns (IDisputes.Receipt memory) {
        return IDisputes.Receipt(
            node, address(this), job, 0, keccak256("input"), output, keccak256("details"), uint64(block.timestamp)
        );
    }

    /// Pays `node_` from `key` over the channel of `topic`, by deposit and voucher.
    function _pay(uint256 key, address node_, bytes32 topic, uint128 amount) internal {
        address payer = vm.addr(key);
        escrow.deposit(payer, amount);
        (, uint128 before) = escrow.channels(escrow.channelId(payer, node_, topic));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, escrow.voucherDigest(payer, node_, topic, before + amount));
        IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
        batch[0] = IEscrow.Voucher(payer, topic, before + amount, r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        assertEq(escrow.claim(node_, batch), amount, "paid");
    }
}
