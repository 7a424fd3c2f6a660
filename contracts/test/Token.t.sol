// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IToken} from "../interfaces/IToken.sol";
import {Token} from "../Token.sol";
import {Base} from "./Base.sol";

contract TokenTest is Base {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant KEY = 0xA11CE;
    address private constant SPENDER = address(0x59E4);

    Token private token;
    address private owner;

    function setUp() public {
        token = new Token(address(this), address(this));
        owner = vm.addr(KEY);
    }

    function test_genesisGoesToItsHolderOnce() public view {
        assertEq(token.totalSupply(), 560_000e18, "supply");
        assertEq(token.balanceOf(address(this)), 560_000e18, "holder");
        assertEq(token.minted(), 560_000e18, "minted");
    }

    function test_onlyTheMinterMints() public {
        vm.prank(owner);
        vm.expectRevert(IToken.NotMinter.selector);
        token.mint(owner, 1);
        token.mint(owner, 7);
        assertEq(token.balanceOf(owner), 7, "minted to owner");
    }

    function test_theCapHoldsToTheWei() public {
        uint256 room = token.MAX_SUPPLY() - token.minted();
        vm.expectRevert(abi.encodeWithSelector(IToken.CapExceeded.selector, token.MAX_SUPPLY() + 1));
        token.mint(owner, room + 1);
        token.mint(owner, room);
        assertEq(token.totalSupply(), 21_000_000e18, "full supply");
        vm.expectRevert(abi.encodeWithSelector(IToken.CapExceeded.selector, token.MAX_SUPPLY() + 1));
        token.mint(owner, 1);
    }

    function test_aBurnDoesNotMakeRoomUnderTheCap() public {
        token.mint(owner, token.MAX_SUPPLY() - token.minted());
        token.burn(1e18);
        assertEq(token.totalSupply(), 21_000_000e18 - 1e18, "supply after burn");
        vm.expectRevert(abi.encodeWithSelector(IToken.CapExceeded.selector, token.MAX_SUPPLY() + 1));
        token.mint(owner, 1);
    }

    function test_burnTakesOnlyTheCallersOwn() public {
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, owner, 0, 1));
        token.burn(1);
    }

    function test_permitSetsTheAllowanceOnce() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(5, 0, block.timestamp, block.chainid);
        token.permit(owner, SPENDER, 5, block.timestamp, v, r, s);
        assertEq(token.allowance(owner, SPENDER), 5, "allowance");
        assertEq(token.nonces(owner), 1, "nonce");
        vm.expectRevert();
        token.permit(owner, SPENDER, 5, block.timestamp, v, r, s);
    }

    function test_permitOfAnotherChainIsRefused() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(5, 0, block.timestamp, block.chainid + 1);
        vm.expectRevert();
        token.permit(owner, SPENDER, 5, block.timestamp, v, r, s);
    }

    function test_permitPastItsDeadlineIsRefused() public {
        uint256 deadline = block.timestamp;
        (uint8 v, bytes32 r, bytes32 s) = _permit(5, 0, deadline, block.chainid);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        token.permit(owner, SPENDER, 5, deadline, v, r, s);
    }

    function test_votesFollowDelegationAndBurn() public {
        token.delegate(owner);
        assertEq(token.getVotes(owner), 560_000e18, "delegated");
        token.burn(60_000e18);
        assertEq(token.getVotes(owner), 500_000e18, "after burn");
        vm.warp(block.timestamp + 1);
        assertEq(token.getPastTotalSupply(block.timestamp - 1), 500_000e18, "past supply");
    }

    function test_votesAreCountedByTime() public {
        vm.warp(1_800_000_000);
        assertEq(token.clock(), 1_800_000_000, "clock");
        assertTrue(keccak256(bytes(token.CLOCK_MODE())) == keccak256("mode=timestamp"), "mode");
    }

    function testFuzz_supplyIsMintedLessBurned(uint256 mint, uint256 burn) public {
        mint = bound(mint, 0, token.MAX_SUPPLY() - token.minted());
        token.mint(address(this), mint);
        burn = bound(burn, 0, token.balanceOf(address(this)));
        token.burn(burn);
        assertEq(token.totalSupply(), token.minted() - burn, "supply");
    }

    function _permit(uint256 value, uint256 nonce, uint256 deadline, uint256 chainId)
        private
        view
        returns (uint8, bytes32, bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Hartonomous"),
                keccak256("1"),
                chainId,
                address(token)
            )
        );
        bytes32 body = keccak256(abi.encode(PERMIT_TYPEHASH, owner, SPENDER, value, nonce, deadline));
        return vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", domain, body)));
    }
}
