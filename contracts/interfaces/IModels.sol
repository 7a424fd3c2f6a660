// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";

/// @title Models: who published a model, under which licence, from which parents
/// @notice The id of a token is the sha2-256 digest of the model's content block: the first mint takes it. Licence,
/// royalty and parents never change, so that nobody's costs rise after the fact.
interface IModels is IERC2981 {
    /// @notice What is recorded of a model.
    struct Model {
        /// Share of each payment for the model, in 1/10 000.
        uint16 royaltyBps;
        uint64 mintedAt;
        /// SPDX identifier or another short name, left-aligned.
        bytes22 licence;
    }

    /// @notice A model was recorded.
    event ModelMinted(uint256 indexed id, address indexed owner, bytes22 licence, uint16 royaltyBps, uint256[] parents);

    /// @notice @param royaltyBps Asked for; `MAX_ROYALTY_BPS` is the most.
    error RoyaltyTooHigh(uint16 royaltyBps);
    /// @notice A parent that has not been minted before: so no model can descend from itself.
    error UnknownParent(uint256 id);
    /// @notice @param count Given; `MAX_PARENTS` is the most.
    error TooManyParents(uint256 count);
    /// @notice The id zero stands for "no model" in vouchers.
    error ZeroId();
    /// @notice The caller does not own the model.
    error NotOwner(uint256 id);

    /// @notice The highest royalty, in 1/10 000.
    function MAX_ROYALTY_BPS() external view returns (uint16);
    /// @notice The most parents one model may name.
    function MAX_PARENTS() external view returns (uint256);

    /// @notice Records a model for the caller.
    /// @param contentBlock The sha2-256 digest of the content block, which is the token's id.
    /// @param uri Where metadata for people can be read; the owner may change it.
    /// @param parents Models it was made from; each must be recorded.
    function mint(
        bytes32 contentBlock,
        bytes22 licence,
        uint16 royaltyBps,
        string calldata uri,
        uint256[] calldata parents
    ) external returns (uint256 id);

    /// @notice Changes the metadata address of a model of the caller.
    function setURI(uint256 id, string calldata uri) external;

    /// @notice What is recorded of a model; all zero for an unknown one.
    function models(uint256 id) external view returns (uint16 royaltyBps, uint64 mintedAt, bytes22 licence);
}
