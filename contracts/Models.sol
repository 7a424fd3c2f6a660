// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IModels} from "./interfaces/IModels.sol";

/// @title Models
contract Models is ERC721, IERC4906, IModels {
    /// @inheritdoc IModels
    uint16 public constant MAX_ROYALTY_BPS = 2_000;
    /// @inheritdoc IModels
    uint256 public constant MAX_PARENTS = 16;

    uint256 private constant BPS = 10_000;
    /// ERC-4906 names its id by hand, because it has events only.
    bytes4 private constant ERC4906_ID = 0x49064906;

    /// @inheritdoc IModels
    mapping(uint256 id => Model) public models;
    mapping(uint256 id => string) private _uris;

    constructor() ERC721("Hartonomous Model", "HARTMODEL") {}

    /// @inheritdoc IModels
    function mint(
        bytes32 contentBlock,
        bytes22 licence,
        uint16 royaltyBps,
        string calldata uri,
        uint256[] calldata parents
    ) external returns (uint256 id) {
        if (contentBlock == 0) revert ZeroId();
        if (royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(royaltyBps);
        if (parents.length > MAX_PARENTS) revert TooManyParents(parents.length);
        for (uint256 i; i < parents.length; ++i) {
            if (_ownerOf(parents[i]) == address(0)) revert UnknownParent(parents[i]);
        }
        id = uint256(contentBlock);
        models[id] = Model(royaltyBps, uint64(block.timestamp), licence);
        _uris[id] = uri;
        _mint(msg.sender, id);
        emit ModelMinted(id, msg.sender, licence, royaltyBps, parents);
    }

    /// @inheritdoc IModels
    function setURI(uint256 id, string calldata uri) external {
        if (_requireOwned(id) != msg.sender) revert NotOwner(id);
        _uris[id] = uri;
        emit MetadataUpdate(id);
    }

    /// @inheritdoc IERC2981
    /// @dev Never reverts: the settlement of other people's vouchers asks it. Unknown models cost nothing.
    function royaltyInfo(uint256 id, uint256 price) external view returns (address receiver, uint256 royalty) {
        return (_ownerOf(id), (price * models[id].royaltyBps) / BPS);
    }

    /// @notice The metadata address that the owner has set.
    function tokenURI(uint256 id) public view override returns (string memory) {
        _requireOwned(id);
        return _uris[id];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return
            interfaceId == type(IERC2981).interfaceId || interfaceId == ERC4906_ID || super.supportsInterface(interfaceId);
    }
}
