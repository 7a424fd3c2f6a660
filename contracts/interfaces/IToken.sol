// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title HART, the token that pays for work
/// @notice ERC-20 with 18 decimals, permit and votes. Its only minter is the Rewards contract, and what has ever been
/// minted never passes `MAX_SUPPLY`: a burned token does not make room for a new one.
interface IToken is IERC20, IERC20Permit {
    /// @notice Someone other than the minter called `mint`.
    error NotMinter();

    /// @notice The mint would bring `minted` above `MAX_SUPPLY`.
    /// @param wanted What `minted` would become, in wei.
    error CapExceeded(uint256 wanted);

    /// @notice Everything that can ever be minted: 21 million.
    function MAX_SUPPLY() external view returns (uint256);

    /// @notice Minted once, at deployment. `MAX_SUPPLY` less the sum of all emission (see Rewards).
    function GENESIS_SUPPLY() external view returns (uint256);

    /// @notice The Rewards contract.
    function minter() external view returns (address);

    /// @notice All tokens ever minted, genesis included, burned ones included; in wei.
    function minted() external view returns (uint256);

    /// @notice Creates `amount` wei for `to`. Only the minter.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` wei of the caller's own tokens.
    function burn(uint256 amount) external;
}
