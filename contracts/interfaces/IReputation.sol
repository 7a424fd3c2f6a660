// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title ERC-5192: tokens that cannot move
interface IERC5192 {
    /// @notice The token cannot move from now on.
    event Locked(uint256 tokenId);
    /// @notice The token can move from now on. Never happens here.
    event Unlocked(uint256 tokenId);

    /// @notice Whether the token cannot move.
    function locked(uint256 tokenId) external view returns (bool);
}

/// @title Reputation: one token per node that cannot move, and what its clients say
/// @notice The id of a node's token is its address. The picture and figures of the token are read from the other
/// contracts when asked for: nothing writes them, so there is nothing to forge and no cost on the paths of payment.
///
/// Feedback follows the functions of ERC-8004 (draft). Only who has paid a node at least `MIN_SETTLED` through Escrow may
/// give any, one live entry for each pair of tags, and `getSummary` weighs each entry by what its author has paid. Tags and
/// texts are in the events only.
interface IReputation is IERC721, IERC4906, IERC5192 {
    /// @notice One named value of an agent.
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    /// @notice What one client says of one node under one pair of tags.
    struct Feedback {
        int128 value;
        /// Decimal places of `value`.
        uint8 valueDecimals;
        bool isLive;
        /// Counts how often it was given anew, from one on.
        uint64 revision;
        /// The channel that proves the payment: the model, or zero.
        bytes32 topic;
    }

    /// @notice What only goes into the event of a feedback; the tags are hashed into its key.
    struct FeedbackTexts {
        string tag1;
        string tag2;
        string endpoint;
        string feedbackURI;
        bytes32 feedbackHash;
    }

    /// @notice ERC-8004: an agent was registered.
    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    /// @notice ERC-8004: the address of the agent's own description changed.
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);
    /// @notice ERC-8004: a named value changed.
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );
    /// @notice ERC-8004: a client gave feedback, or replaced what it had given under these tags.
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    /// @notice ERC-8004: a client took its feedback back. `tagsHash` tells which.
    event FeedbackRevoked(
        uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex, bytes32 tagsHash
    );

    /// @notice Tokens here have one owner for ever.
    error Soulbound();
    /// @notice The caller does not own the token.
    error NotOwner(uint256 agentId);
    /// @notice A node does not judge itself.
    error SelfFeedback(uint256 agentId);
    /// @notice The caller has paid too little over this channel. @param settled In wei.
    error NotAClient(uint256 settled);
    /// @notice More decimals than 18, or a number beyond 1e36.
    error BadValue(int128 value, uint8 valueDecimals);
    /// @notice There is no such live entry.
    error NoFeedback();
    /// @notice Clients must be given in ascending order, each once.
    error ClientsNotAscending(address client);
    /// @notice The key is reserved; the wallet of an agent is its node's address, always.
    error ReservedKey();

    /// @notice What a client must have paid over one channel, in wei.
    function MIN_SETTLED() external view returns (uint256);

    /// @notice Mints the token of the caller.
    function register() external returns (uint256 agentId);
    /// @notice Mints the token of the caller. @param agentURI Where its own description can be read.
    function register(string calldata agentURI) external returns (uint256 agentId);
    /// @notice Mints the token of the caller, with named values.
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId);
    /// @notice Changes where the caller's own description can be read.
    function setAgentURI(uint256 agentId, string calldata newURI) external;
    /// @notice Sets a named value of the caller's token. `name` is shown in the token's picture.
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external;
    /// @notice Tells marketplaces to read the token anew (ERC-4906). Anyone may call it.
    function refresh(uint256 agentId) external;

    /// @notice ERC-8004: gives feedback of the caller, who has paid over the channel without a topic.
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external;

    /// @notice Gives feedback of the caller, who has paid over the channel of one model.
    /// @param topic The topic of the vouchers that paid.
    function giveFeedbackFor(
        bytes32 topic,
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        FeedbackTexts calldata texts
    ) external;

    /// @notice Takes the caller's feedback under these tags back.
    function revokeFeedback(uint256 agentId, string calldata tag1, string calldata tag2) external;

    /// @notice ERC-8004: the mean of what the given clients say under these tags, weighed by what each has paid.
    /// @param clientAddresses Ascending, each once. Who is asked is the reader's choice; there is no list of all.
    /// @return count How many of them have live feedback.
    /// @return summaryValue The weighed mean, with `summaryValueDecimals` decimal places.
    /// @return summaryValueDecimals Always 18.
    function getSummary(
        uint256 agentId,
        address[] calldata clientAddresses,
        string calldata tag1,
        string calldata tag2
    ) external view returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals);

    /// @notice What a client says under these tags.
    function readFeedback(uint256 agentId, address clientAddress, string calldata tag1, string calldata tag2)
        external
        view
        returns (Feedback memory);

    /// @notice The id of a node's token, minted or not.
    function agentIdOf(address node) external pure returns (uint256);
    /// @notice ERC-8004: the address that is paid, which is the node itself.
    function getAgentWallet(uint256 agentId) external view returns (address);
    /// @notice ERC-8004: a named value; empty when it was never set.
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory);
    /// @notice Where the agent's own description can be read. `tokenURI` is what the chain knows instead.
    function agentURI(uint256 agentId) external view returns (string memory);
    /// @notice ERC-8004: the identity registry, which is this contract.
    function getIdentityRegistry() external view returns (address);
}
