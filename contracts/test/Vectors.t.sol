// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Models} from "../Models.sol";
import {Token} from "../Token.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
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
}
