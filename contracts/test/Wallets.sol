// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// Payers that are contracts: one as it should be, and some that attack whoever asks them.
contract SigningWallet is IERC1271 {
    address private immutable owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == owner ? this.isValidSignature.selector : bytes4(0);
    }
}

contract RevertingWallet {
    fallback() external {
        revert("no");
    }
}

/// Answers with the right four bytes and dirt behind them.
contract GarbageWallet {
    fallback(bytes calldata) external returns (bytes memory) {
        return abi.encode(uint256(0x1626ba7e << 224) | 1);
    }
}

contract CostlyWallet {
    uint256 private counter;

    fallback() external {
        while (true) counter;
    }
}

contract FickleWallet is IERC1271 {
    bool private refuses;

    function refuse() external {
        refuses = true;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return refuses ? bytes4(0) : this.isValidSignature.selector;
    }
}
