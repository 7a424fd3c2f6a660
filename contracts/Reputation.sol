// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IERC5192, IReputation} from "./interfaces/IReputation.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {IStaking} from "./interfaces/IStaking.sol";

/// @title Reputation
/// @dev Reads the other contracts and is read by none of them. Minting does not call the receiver.
contract Reputation is ERC721, IReputation {
    using Strings for uint256;

    /// @inheritdoc IReputation
    uint256 public constant MIN_SETTLED = 1e18;

    uint8 private constant DECIMALS = 18;
    /// With 18 decimals, what is left of an int128 for a value: below 1.7e38.
    int256 private constant MAX_VALUE = 1e36;
    /// Longer names are cut, for the picture has one line.
    uint256 private constant NAME_BYTES = 32;
    bytes4 private constant ERC4906_ID = 0x49064906;
    bytes4 private constant ERC5192_ID = 0xb45a3c0e;
    bytes32 private constant WALLET_KEY = keccak256("agentWallet");

    /// @notice Knows what a node earned and who paid it.
    IEscrow public immutable escrow;
    /// @notice Knows a node's stake.
    IStaking public immutable staking;
    /// @notice Knows what a node was given by emission.
    IRewards public immutable rewards;
    /// @notice Knows how a node's disputes ended.
    IDisputes public immutable disputes;

    mapping(uint256 agentId => string) private _uris;
    mapping(uint256 agentId => mapping(bytes32 key => bytes)) private _metadata;
    mapping(uint256 agentId => mapping(address client => mapping(bytes32 tags => Feedback))) private _feedback;

    constructor(IEscrow escrow_, IStaking staking_, IRewards rewards_, IDisputes disputes_)
        ERC721("Hartonomous Reputation", "HARTREP")
    {
        escrow = escrow_;
        staking = staking_;
        rewards = rewards_;
        disputes = disputes_;
    }

    // ----------------------------------------------------------------------------------------------------- identity

    /// @inheritdoc IReputation
    function register() external returns (uint256 agentId) {
        return _register("");
    }

    /// @inheritdoc IReputation
    function register(string calldata uri) external returns (uint256 agentId) {
        return _register(uri);
    }

    /// @inheritdoc IReputation
    function register(string calldata uri, MetadataEntry[] calldata metadata) external returns (uint256 agentId) {
        agentId = _register(uri);
        for (uint256 i; i < metadata.length; ++i) {
            _setMetadata(agentId, metadata[i].metadataKey, metadata[i].metadataValue);
        }
    }

    /// @inheritdoc IReputation
    function setAgentURI(uint256 agentId, string calldata newURI) external {
        _onlyOwner(agentId);
        _uris[agentId] = newURI;
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    /// @inheritdoc IReputation
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external {
        _onlyOwner(agentId);
        _setMetadata(agentId, metadataKey, metadataValue);
    }

    /// @inheritdoc IReputation
    function refresh(uint256 agentId) external {
        _requireOwned(agentId);
        emit MetadataUpdate(agentId);
    }

    function _register(string memory uri) private returns (uint256 agentId) {
        agentId = agentIdOf(msg.sender);
        _mint(msg.sender, agentId);
        if (bytes(uri).length != 0) _uris[agentId] = uri;
        emit Registered(agentId, uri, msg.sender);
        emit Locked(agentId);
    }

    function _setMetadata(uint256 agentId, string calldata key, bytes calldata value) private {
        bytes32 hash = keccak256(bytes(key));
        if (hash == WALLET_KEY) revert ReservedKey();
        _metadata[agentId][hash] = value;
        emit MetadataSet(agentId, key, key, value);
    }

    function _onlyOwner(uint256 agentId) private view {
        if (_requireOwned(agentId) != msg.sender) revert NotOwner(agentId);
    }

    // ----------------------------------------------------------------------------------------------------- feedback

    /// @inheritdoc IReputation
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external {
        _give(0, agentId, value, valueDecimals, FeedbackTexts(tag1, tag2, endpoint, feedbackURI, feedbackHash));
    }

    /// @inheritdoc IReputation
    function giveFeedbackFor(
        bytes32 topic,
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        FeedbackTexts calldata texts
    ) external {
        _give(topic, agentId, value, valueDecimals, texts);
    }

    /// @inheritdoc IReputation
    function revokeFeedback(uint256 agentId, string calldata tag1, string calldata tag2) external {
        bytes32 tags = _tags(tag1, tag2);
        Feedback storage entry = _feedback[agentId][msg.sender][tags];
        if (!entry.isLive) revert NoFeedback();
        entry.isLive = false;
        emit FeedbackRevoked(agentId, msg.sender, entry.revision, tags);
    }

    function _give(bytes32 topic, uint256 agentId, int128 value, uint8 decimals, FeedbackTexts memory texts) private {
        uint64 revision =
            _enter(topic, agentId, value, decimals, keccak256(abi.encode(texts.tag1, texts.tag2)));
        emit NewFeedback(
            agentId,
            msg.sender,
            revision,
            value,
            decimals,
            texts.tag1,
            texts.tag1,
            texts.tag2,
            texts.endpoint,
            texts.feedbackURI,
            texts.feedbackHash
        );
    }

    /// Writes the entry, when its author may.
    function _enter(bytes32 topic, uint256 agentId, int128 value, uint8 decimals, bytes32 tags)
        private
        returns (uint64 revision)
    {
        address node = _requireOwned(agentId);
        if (node == msg.sender) revert SelfFeedback(agentId);
        if (decimals > DECIMALS) revert BadValue(value, decimals);
        int256 scaled = _scaled(value, decimals);
        if (scaled > MAX_VALUE || scaled < -MAX_VALUE) revert BadValue(value, decimals);
        uint256 settled = _settled(msg.sender, node, topic);
        if (settled < MIN_SETTLED) revert NotAClient(settled);
        Feedback storage entry = _feedback[agentId][msg.sender][tags];
        revision = entry.revision + 1;
        (entry.value, entry.valueDecimals, entry.isLive, entry.revision) = (value, decimals, true, revision);
        if (entry.topic != topic) entry.topic = topic;
    }

    // -------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IReputation
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals)
    {
        summaryValueDecimals = DECIMALS;
        (count, summaryValue) = _mean(agentId, clientAddresses, _tags(tag1, tag2));
    }

    function _mean(uint256 agentId, address[] calldata clients, bytes32 tags)
        private
        view
        returns (uint64 count, int128 mean)
    {
        address last;
        int256 sum;
        uint256 weights;
        for (uint256 i; i < clients.length; ++i) {
            if (clients[i] <= last) revert ClientsNotAscending(clients[i]);
            last = clients[i];
            Feedback storage entry = _feedback[agentId][last][tags];
            if (!entry.isLive) continue;
            uint256 weight = _settled(last, address(uint160(agentId)), entry.topic);
            ++count;
            weights += weight;
            // At most 1e36 times 2^128, for each of what fits into one call: far below 2^255.
            sum += _scaled(entry.value, entry.valueDecimals) * int256(weight);
        }
        if (count != 0) mean = int128(sum / int256(weights));
    }

    /// @inheritdoc IReputation
    function readFeedback(uint256 agentId, address clientAddress, string calldata tag1, string calldata tag2)
        external
        view
        returns (Feedback memory)
    {
        return _feedback[agentId][clientAddress][_tags(tag1, tag2)];
    }

    /// @inheritdoc IReputation
    function agentIdOf(address node) public pure returns (uint256) {
        return uint160(node);
    }

    /// @inheritdoc IReputation
    function getAgentWallet(uint256 agentId) external view returns (address) {
        return _requireOwned(agentId);
    }

    /// @inheritdoc IReputation
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory) {
        return _metadata[agentId][keccak256(bytes(metadataKey))];
    }

    /// @inheritdoc IReputation
    function agentURI(uint256 agentId) external view returns (string memory) {
        _requireOwned(agentId);
        return _uris[agentId];
    }

    /// @inheritdoc IReputation
    function getIdentityRegistry() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @notice What the chain knows of a node, as JSON with a picture, both in the address itself.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        address node = _requireOwned(tokenId);
        string memory title = _printable(_metadata[tokenId][keccak256("name")]);
        if (bytes(title).length == 0) title = Strings.toHexString(node);
        string[2][6] memory figures = _figuresOf(node);
        bytes memory attributes;
        bytes memory lines;
        for (uint256 i; i < figures.length; ++i) {
            (string memory label, string memory figure) = (figures[i][0], figures[i][1]);
            attributes = abi.encodePacked(
                attributes, i == 0 ? "" : ",", '{"trait_type":"', label, '","value":', figure, "}"
            );
            lines = abi.encodePacked(
                lines, '<text x="24" y="', (96 + 28 * i).toString(), '">', label, ": ", figure, "</text>"
            );
        }
        bytes memory picture = abi.encodePacked(
            '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="280" font-family="monospace" font-size="16" fill="#e8e8e8">',
            '<rect width="400" height="280" rx="12" fill="#14171c"/><text x="24" y="48" font-size="18">',
            title,
            "</text>",
            lines,
            "</svg>"
        );
        bytes memory json = abi.encodePacked(
            '{"type":"https://eips.ethereum.org/EIPS/eip-8004#registration-v1","name":"',
            title,
            '","description":"What the chain knows of a Hartonomous node.","image":"data:image/svg+xml;base64,',
            Base64.encode(picture),
            '","attributes":[',
            attributes,
            "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == ERC4906_ID || interfaceId == ERC5192_ID || super.supportsInterface(interfaceId);
    }

    // ---------------------------------------------------------------------------------------------------- soulbound

    /// @notice Always refused: nobody else may move the token either.
    function approve(address, uint256) public pure override(ERC721, IERC721) {
        revert Soulbound();
    }

    /// @notice Always refused: nobody else may move the token either.
    function setApprovalForAll(address, bool) public pure override(ERC721, IERC721) {
        revert Soulbound();
    }

    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from != address(0)) revert Soulbound();
    }

    // ----------------------------------------------------------------------------------------------------- internals

    function _tags(string calldata tag1, string calldata tag2) private pure returns (bytes32) {
        return keccak256(abi.encode(tag1, tag2));
    }

    function _settled(address client, address node, bytes32 topic) private view returns (uint256) {
        (, uint128 claimed) = escrow.channels(escrow.channelId(client, node, topic));
        return claimed;
    }

    function _scaled(int128 value, uint8 decimals) private pure returns (int256) {
        return int256(value) * int256(10 ** (DECIMALS - decimals));
    }

    /// Labels and whole numbers; money in HART without decimals.
    function _figuresOf(address node) private view returns (string[2][6] memory) {
        (uint128 earned,) = escrow.incomes(node);
        IDisputes.Record memory record = disputes.recordOf(node);
        return [
            ["Earned HART", (uint256(earned) / 1e18).toString()],
            ["Rewards HART", (rewards.claimed(node) / 1e18).toString()],
            ["Bond HART", (staking.stakeOf(node, node) / 1e18).toString()],
            ["Disputes won", uint256(record.innocent).toString()],
            ["Disputes lost", uint256(record.guilty).toString()],
            ["Equivocations", uint256(record.equivocations).toString()]
        ];
    }

    /// Keeps letters, digits, space and -._ of a name: nothing that JSON or SVG could take for a command.
    function _printable(bytes memory text) private pure returns (string memory) {
        uint256 length = text.length < NAME_BYTES ? text.length : NAME_BYTES;
        bytes memory kept = new bytes(length);
        for (uint256 i; i < length; ++i) {
            bytes1 char = text[i];
            bool isPlain = (char >= "0" && char <= "9") || (char >= "A" && char <= "Z") || (char >= "a" && char <= "z")
                || char == " " || char == "-" || char == "." || char == "_";
            kept[i] = isPlain ? char : bytes1("?");
        }
        return string(kept);
    }
}
