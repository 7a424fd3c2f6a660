// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {IToken} from "./interfaces/IToken.sol";

/// @title HART
/// @dev Staked and escrowed tokens belong to those contracts and therefore do not vote.
contract Token is ERC20, ERC20Burnable, ERC20Permit, ERC20Votes, IToken {
    /// @inheritdoc IToken
    uint256 public constant MAX_SUPPLY = 21_000_000e18;
    /// @inheritdoc IToken
    uint256 public constant GENESIS_SUPPLY = 560_000e18;

    /// @inheritdoc IToken
    address public immutable minter;
    /// @inheritdoc IToken
    uint256 public minted;

    /// @param minter_ The Rewards contract; its address is predicted, because it is deployed later.
    /// @param genesisHolder Receives `GENESIS_SUPPLY`.
    constructor(address minter_, address genesisHolder) ERC20("Hartonomous", "HART") ERC20Permit("Hartonomous") {
        minter = minter_;
        _issue(genesisHolder, GENESIS_SUPPLY);
    }

    /// @inheritdoc IToken
    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert NotMinter();
        _issue(to, amount);
    }

    /// @inheritdoc IToken
    function burn(uint256 amount) public override(ERC20Burnable, IToken) {
        super.burn(amount);
    }

    /// @notice Votes are counted by time, not by block: block times differ between networks.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice The ERC-6372 name of `clock`.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    function _issue(address to, uint256 amount) private {
        uint256 total = minted + amount;
        if (total > MAX_SUPPLY) revert CapExceeded(total);
        minted = total;
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
