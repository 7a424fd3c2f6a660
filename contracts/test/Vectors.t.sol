// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Disputes} from "../Disputes.sol";
import {Escrow} from "../Escrow.sol";
import {Models} from "../Models.sol";
import {Staking} from "../Staking.sol";
import {Token} from "../Token.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {Base} from "./Base.sol";

/// Digests and signatures of vectors.json, at the chain and address that it names; vectors.test.ts checks the same file.
contract VectorsTest is Base {
    Token private token;
    Escrow private escrow;
    string private json;

    function setUp() public {
        json = vm.readFile("contracts/test/vectors.json");
        token = new Token(address(this), address(this));
        vm.chainId(vm.parseJsonUint(json, ".domain.chainId"));
        escrow = Escrow(vm.parseJsonAddress(json, ".domain.verifyingContract"));
        vm.etch(address(escrow), address(new Escrow(token, new Models())).code);
    }

    function test_voucherDigestsAgree() public view {
        for (uint256 i; i < 3; ++i) {
            (address payer, address payee, IEscrow.Voucher memory voucher) = _voucher(i);
            assertEq(
                escrow.voucherDigest(payer, payee, voucher.topic, voucher.cumulative),
                vm.parseJsonBytes32(json, string.concat(_at(i), ".digest")),
                "digest"
            );
        }
    }

    function test_voucherSignaturesArePaid() public {
        token.approve(address(escrow), 3e18);
        for (uint256 i; i < 3; ++i) {
            (address payer, address payee, IEscrow.Voucher memory voucher) = _voucher(i);
            uint256 amount = voucher.cumulative < 1e18 ? voucher.cumulative : 1e18;
            escrow.deposit(payer, amount);
            IEscrow.Voucher[] memory batch = new IEscrow.Voucher[](1);
            batch[0] = voucher;
            assertEq(escrow.claim(payee, batch), amount, "paid");
        }
    }

    function test_authorizationIsAccepted() public {
        address payer = vm.parseJsonAddress(json, ".authorization.payer");
        address signer = vm.parseJsonAddress(json, ".authorization.signer");
        uint256 deadline = vm.parseJsonUint(json, ".authorization.deadline");
        bytes32 digest = vm.parseJsonBytes32(json, ".authorization.digest");
        assertEq(escrow.authorizationDigest(payer, signer, deadline), digest, "digest");
        bytes32 vs = vm.parseJsonBytes32(json, ".authorization.vs");
        bytes memory proof = abi.encodePacked(
            vm.parseJsonBytes32(json, ".authorization.r"),
            vs & bytes32(uint256(type(int256).max)),
            uint8(uint256(vs) >> 255) + 27
        );
        vm.prank(payer);
        escrow.authorize(signer, 1, deadline, proof);
    }

    function _at(uint256 index) private pure returns (string memory) {
        return string.concat(".vouchers[", string(abi.encodePacked(bytes1(uint8(48 + index)))), "]");
    }

    function _voucher(uint256 index) private view returns (address, address, IEscrow.Voucher memory) {
        string memory entry = _at(index);
        address payer = vm.parseJsonAddress(json, string.concat(entry, ".payer"));
        return (
            payer,
            vm.parseJsonAddress(json, string.concat(entry, ".payee")),
            IEscrow.Voucher(
                payer,
                vm.parseJsonBytes32(json, string.concat(entry, ".topic")),
                uint128(vm.parseJsonUint(json, string.concat(entry, ".cumulative"))),
                vm.parseJsonBytes32(json, string.concat(entry, ".r")),
                vm.parseJsonBytes32(json, string.concat(entry, ".vs"))
            )
        );
    }

    /// The first two are an equivocation, and Disputes slashes for it at the address that the vectors name.
    function test_receiptsAgreeAndTheFirstTwoAreSlashed() public {
        Disputes disputes = Disputes(vm.parseJsonAddress(json, ".disputes.domain.verifyingContract"));
        Staking staking = new Staking(token, address(disputes));
        vm.etch(address(disputes), address(new Disputes(token, staking, IRewards(address(1)))).code);
        IDisputes.Receipt[] memory receipts = new IDisputes.Receipt[](3);
        for (uint256 i; i < 3; ++i) {
            receipts[i] = _receipt(i);
            bytes32 digest = vm.parseJsonBytes32(json, string.concat(_receiptAt(i), ".digest"));
            assertEq(disputes.receiptDigest(receipts[i]), digest, "digest");
        }
        address node = receipts[0].node;
        token.transfer(node, 1_000e18);
        vm.startPrank(node);
        token.approve(address(staking), 1_000e18);
        staking.register("peer", 0, 1_000e18);
        vm.stopPrank();
        bytes memory first = vm.parseJsonBytes(json, string.concat(_receiptAt(0), ".signature"));
        bytes memory second = vm.parseJsonBytes(json, string.concat(_receiptAt(1), ".signature"));
        assertEq(disputes.slashEquivocation(receipts[0], first, receipts[1], second), 500e18, "slashed");
    }

    function _receiptAt(uint256 index) private pure returns (string memory) {
        return string.concat(".disputes.receipts[", string(abi.encodePacked(bytes1(uint8(48 + index)))), "]");
    }

    function _receipt(uint256 index) private view returns (IDisputes.Receipt memory receipt) {
        string memory entry = _receiptAt(index);
        receipt.node = vm.parseJsonAddress(json, string.concat(entry, ".node"));
        receipt.requester = vm.parseJsonAddress(json, string.concat(entry, ".requester"));
        receipt.job = vm.parseJsonBytes32(json, string.concat(entry, ".job"));
        receipt.attempt = uint32(vm.parseJsonUint(json, string.concat(entry, ".attempt")));
        receipt.input = vm.parseJsonBytes32(json, string.concat(entry, ".input"));
        receipt.output = vm.parseJsonBytes32(json, string.concat(entry, ".output"));
        receipt.details = vm.parseJsonBytes32(json, string.concat(entry, ".details"));
        receipt.finishedAt = uint64(vm.parseJsonUint(json, string.concat(entry, ".finishedAt")));
    }
}
