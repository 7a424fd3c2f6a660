// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// The cheat codes of the test runner that these tests use; forge-std is not on npm.
interface Vm {
    function prank(address) external;
    function startPrank(address) external;
    function stopPrank() external;
    function warp(uint256) external;
    function roll(uint256) external;
    function chainId(uint256) external;
    function etch(address, bytes calldata) external;
    function expectRevert() external;
    function expectRevert(bytes4) external;
    function expectRevert(bytes calldata) external;
    function expectEmit(bool, bool, bool, bool, address) external;
    function sign(uint256, bytes32) external pure returns (uint8, bytes32, bytes32);
    function addr(uint256) external pure returns (address);
    function getNonce(address) external view returns (uint64);
    function computeCreateAddress(address, uint256) external pure returns (address);
    function readFile(string calldata) external view returns (string memory);
    function parseJsonBytes32(string calldata, string calldata) external pure returns (bytes32);
    function parseJsonBytes(string calldata, string calldata) external pure returns (bytes memory);
    function parseJsonUint(string calldata, string calldata) external pure returns (uint256);
    function parseJsonAddress(string calldata, string calldata) external pure returns (address);
}

/// What every test contract starts from.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + (value % (high - low + 1));
    }

    function assertEq(uint256 left, uint256 right, string memory what) internal pure {
        if (left != right) revert(string.concat(what, ": ", _decimal(left), " is not ", _decimal(right)));
    }

    function assertEq(address left, address right, string memory what) internal pure {
        require(left == right, what);
    }

    function assertEq(bytes32 left, bytes32 right, string memory what) internal pure {
        require(left == right, what);
    }

    function assertTrue(bool holds, string memory what) internal pure {
        require(holds, what);
    }

    function _decimal(uint256 value) private pure returns (string memory) {
        bytes memory digits = new bytes(78);
        uint256 cursor = 78;
        do {
            digits[--cursor] = bytes1(uint8(48 + (value % 10)));
            value /= 10;
        } while (value != 0);
        bytes memory text = new bytes(78 - cursor);
        for (uint256 i; i < text.length; ++i) text[i] = digits[cursor + i];
        return string(text);
    }
}
