// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IERC5192, IReputation} from "../interfaces/IReputation.sol";
import {SystemFixture} from "./System.sol";

contract ReputationTest is SystemFixture {
    uint256 private constant CLIENT_KEY = 0xC11E;
    uint256 private id;
    address private client;

    function setUp() public override {
        super.setUp();
        client = vm.addr(CLIENT_KEY);
        vm.prank(node);
        id = reputation.register("https://example.org/agent.json");
    }

    function _judge(address who, int128 value, uint8 decimals) private {
        vm.prank(who);
        reputation.giveFeedback(id, value, decimals, "quality", "", "", "", 0);
    }

    function _summary(address[] memory clients) private view returns (uint64 count, int128 value) {
        uint8 decimals;
        (count, value, decimals) = reputation.getSummary(id, clients, "quality", "");
        assertEq(decimals, 18, "decimals");
    }

    function _one(address who) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }

    // ----------------------------------------------------------------------------------------------------- soulbound

    function test_aNodeHasOneTokenWhoseIdIsItsAddress() public {
        assertEq(id, uint160(node), "id");
        assertEq(reputation.agentIdOf(node), id, "id of a node");
        assertEq(reputation.ownerOf(id), node, "owner");
        assertEq(reputation.getAgentWallet(id), node, "wallet");
        assertEq(reputation.agentURI(id), "https://example.org/agent.json", "uri");
        vm.prank(node);
        vm.expectRevert();
        reputation.register();
        assertEq(reputation.balanceOf(node), 1, "one");
    }

    function assertEq(string memory left, string memory right, string memory what) private pure {
        require(keccak256(bytes(left)) == keccak256(bytes(right)), what);
    }

    function test_noTransferPathMovesAToken() public {
        vm.startPrank(node);
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.transferFrom(node, client, id);
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.safeTransferFrom(node, client, id);
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.safeTransferFrom(node, client, id, "");
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.transferFrom(node, node, id);
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.approve(client, id);
        vm.expectRevert(IReputation.Soulbound.selector);
        reputation.setApprovalForAll(client, true);
        vm.stopPrank();
        vm.prank(client);
        vm.expectRevert();
        reputation.transferFrom(node, client, id);
        assertEq(reputation.ownerOf(id), node, "owner");
        assertTrue(reputation.locked(id), "locked");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        reputation.locked(7);
    }

    function test_itSaysWhichStandardsItFollows() public view {
        assertTrue(reputation.supportsInterface(0x01ffc9a7), "165");
        assertTrue(reputation.supportsInterface(0x80ac58cd), "721");
        assertTrue(reputation.supportsInterface(0x5b5e139f), "721 metadata");
        assertTrue(reputation.supportsInterface(0x49064906), "4906");
        assertTrue(reputation.supportsInterface(type(IERC5192).interfaceId), "5192");
        assertTrue(type(IERC5192).interfaceId == bytes4(0xb45a3c0e), "its id");
        assertTrue(!reputation.supportsInterface(0xffffffff), "not everything");
    }

    // ------------------------------------------------------------------------------------------------------ identity

    function test_registrationWithNamedValues() public {
        IReputation.MetadataEntry[] memory entries = new IReputation.MetadataEntry[](2);
        entries[0] = IReputation.MetadataEntry("name", "Alice");
        entries[1] = IReputation.MetadataEntry("site", "x");
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IReputation.Registered(uint160(client), "u", client);
        vm.prank(client);
        uint256 agentId = reputation.register("u", entries);
        assertEq(string(reputation.getMetadata(agentId, "name")), "Alice", "name");
        assertEq(string(reputation.getMetadata(agentId, "site")), "x", "site");
        assertEq(reputation.getMetadata(agentId, "other").length, 0, "unset");
        assertEq(reputation.getIdentityRegistry(), address(reputation), "registry");
    }

    function test_registrationWithoutAnything() public {
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IERC5192.Locked(uint160(client));
        vm.prank(client);
        uint256 agentId = reputation.register();
        assertEq(reputation.agentURI(agentId), "", "empty");
    }

    function test_onlyTheNodeDescribesItself() public {
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotOwner.selector, id));
        reputation.setAgentURI(id, "x");
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotOwner.selector, id));
        reputation.setMetadata(id, "name", "x");
        vm.stopPrank();
        vm.startPrank(node);
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IReputation.URIUpdated(id, "y", node);
        reputation.setAgentURI(id, "y");
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IReputation.MetadataSet(id, "name", "name", "Bob");
        reputation.setMetadata(id, "name", "Bob");
        vm.expectRevert(IReputation.ReservedKey.selector);
        reputation.setMetadata(id, "agentWallet", abi.encode(client));
        vm.stopPrank();
        assertEq(reputation.agentURI(id), "y", "uri");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        reputation.agentURI(7);
    }

    function test_anyoneAsksForARefresh() public {
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IERC4906.MetadataUpdate(id);
        reputation.refresh(id);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        reputation.refresh(7);
    }

    // ------------------------------------------------------------------------------------------------------ feedback

    function test_selfFeedbackIsRefused() public {
        vm.prank(node);
        vm.expectRevert(abi.encodeWithSelector(IReputation.SelfFeedback.selector, id));
        reputation.giveFeedback(id, 100, 0, "quality", "", "", "", 0);
    }

    function test_aSecondWalletWithoutSettledValueIsRefused() public {
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAClient.selector, 0));
        reputation.giveFeedback(id, 100, 0, "quality", "", "", "", 0);
        _pay(CLIENT_KEY, node, NO_TOPIC, 1e18 - 1);
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAClient.selector, 1e18 - 1));
        reputation.giveFeedback(id, 100, 0, "quality", "", "", "", 0);
        _pay(CLIENT_KEY, node, NO_TOPIC, 1);
        _judge(client, 100, 0);
    }

    function test_feedbackOfAClientIsRecordedUnderItsTags() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 2e18);
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IReputation.NewFeedback(id, client, 1, -75, 1, "quality", "quality", "fast", "e", "u", "h");
        vm.prank(client);
        reputation.giveFeedback(id, -75, 1, "quality", "fast", "e", "u", "h");
        IReputation.Feedback memory entry = reputation.readFeedback(id, client, "quality", "fast");
        assertTrue(entry.value == -75 && entry.valueDecimals == 1 && entry.isLive && entry.revision == 1, "entry");
        assertTrue(!reputation.readFeedback(id, client, "qualityf", "ast").isLive, "tags do not run together");
    }

    function test_feedbackFloodKeepsOneLiveEntry() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 2e18);
        for (uint256 i; i < 20; ++i) _judge(client, int128(int256(i)), 0);
        (uint64 count, int128 value) = _summary(_one(client));
        assertEq(count, 1, "one entry");
        assertTrue(value == 19e18, "the last");
        assertEq(reputation.readFeedback(id, client, "quality", "").revision, 20, "revisions");
    }

    function test_theSummaryWeighsByWhatWasPaid() public {
        (uint256 a, uint256 b) = (CLIENT_KEY, 0xC11F);
        if (vm.addr(a) > vm.addr(b)) (a, b) = (b, a);
        _pay(a, node, NO_TOPIC, 3e18);
        _pay(b, node, NO_TOPIC, 1e18);
        _judge(vm.addr(a), 100, 0);
        _judge(vm.addr(b), -100, 1);
        address[] memory clients = new address[](2);
        (clients[0], clients[1]) = (vm.addr(a), vm.addr(b));
        (uint64 count, int128 value) = _summary(clients);
        assertEq(count, 2, "count");
        // (3 * 100 - 1 * 10) / 4
        assertTrue(value == 72.5e18, "mean");
        (clients[0], clients[1]) = (clients[1], clients[0]);
        vm.expectRevert(abi.encodeWithSelector(IReputation.ClientsNotAscending.selector, clients[1]));
        reputation.getSummary(id, clients, "quality", "");
        clients[1] = clients[0];
        vm.expectRevert(abi.encodeWithSelector(IReputation.ClientsNotAscending.selector, clients[1]));
        reputation.getSummary(id, clients, "quality", "");
        (count, value) = _summary(_one(address(1)));
        assertTrue(count == 0 && value == 0, "a stranger says nothing");
    }

    function test_feedbackOverTheChannelOfAModel() public {
        bytes32 topic = keccak256("model");
        _pay(CLIENT_KEY, node, topic, 5e18);
        IReputation.FeedbackTexts memory texts = IReputation.FeedbackTexts("quality", "", "", "", 0);
        vm.prank(client);
        reputation.giveFeedbackFor(topic, id, 42, 0, texts);
        (uint64 count, int128 value) = _summary(_one(client));
        assertTrue(count == 1 && value == 42e18, "summary");
        assertEq(reputation.readFeedback(id, client, "quality", "").topic, topic, "topic");
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAClient.selector, 0));
        reputation.giveFeedbackFor("other", id, 42, 0, texts);
    }

    function test_revokedFeedbackIsSilentAndCanBeGivenAgain() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 2e18);
        vm.prank(client);
        vm.expectRevert(IReputation.NoFeedback.selector);
        reputation.revokeFeedback(id, "quality", "");
        _judge(client, 5, 0);
        vm.startPrank(client);
        vm.expectEmit(true, true, true, true, address(reputation));
        emit IReputation.FeedbackRevoked(id, client, 1, keccak256(abi.encode("quality", "")));
        reputation.revokeFeedback(id, "quality", "");
        vm.expectRevert(IReputation.NoFeedback.selector);
        reputation.revokeFeedback(id, "quality", "");
        vm.stopPrank();
        (uint64 count,) = _summary(_one(client));
        assertEq(count, 0, "silent");
        _judge(client, 6, 0);
        (count,) = _summary(_one(client));
        assertEq(count, 1, "again");
    }

    function test_valuesThatTheSummaryCouldNotHoldAreRefused() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 2e18);
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.BadValue.selector, int128(1), uint8(19)));
        reputation.giveFeedback(id, 1, 19, "", "", "", "", 0);
        vm.expectRevert(abi.encodeWithSelector(IReputation.BadValue.selector, int128(1e36 + 1), uint8(18)));
        reputation.giveFeedback(id, 1e36 + 1, 18, "", "", "", "", 0);
        vm.expectRevert(abi.encodeWithSelector(IReputation.BadValue.selector, int128(-1e18 - 1), uint8(0)));
        reputation.giveFeedback(id, -1e18 - 1, 0, "", "", "", "", 0);
        vm.expectRevert(
            abi.encodeWithSelector(IReputation.BadValue.selector, type(int128).min, uint8(0))
        );
        reputation.giveFeedback(id, type(int128).min, 0, "", "", "", "", 0);
        reputation.giveFeedback(id, 1e36, 18, "", "", "", "", 0);
        reputation.giveFeedback(id, -1e18, 0, "", "", "", "", 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        reputation.giveFeedback(7, 1, 0, "", "", "", "", 0);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------- picture

    function _json(uint256 agentId) private view returns (string memory) {
        bytes memory uri = bytes(reputation.tokenURI(agentId));
        bytes memory prefix = "data:application/json;base64,";
        bytes memory encoded = new bytes(uri.length - prefix.length);
        for (uint256 i; i < encoded.length; ++i) encoded[i] = uri[i + prefix.length];
        return string(Base64.decode(string(encoded)));
    }

    function _contains(string memory text, string memory part) private pure returns (bool) {
        (bytes memory where, bytes memory what) = (bytes(text), bytes(part));
        for (uint256 i; i + what.length <= where.length; ++i) {
            uint256 j;
            while (j < what.length && where[i + j] == what[j]) ++j;
            if (j == what.length) return true;
        }
        return false;
    }

    function test_thePictureShowsWhatTheChainKnows() public {
        _pay(CLIENT_KEY, node, NO_TOPIC, 7e18);
        uint256 before = gasleft();
        string memory json = _json(id);
        assertTrue(before - gasleft() < 3_000_000, "gas");
        assertTrue(_contains(json, '{"trait_type":"Earned HART","value":7}'), "earned");
        assertTrue(_contains(json, '{"trait_type":"Rewards HART","value":0}'), "rewards");
        assertTrue(_contains(json, '{"trait_type":"Bond HART","value":2000}'), "bond");
        assertTrue(_contains(json, '{"trait_type":"Disputes won","value":0}'), "won");
        assertTrue(_contains(json, '{"trait_type":"Disputes lost","value":0}'), "lost");
        assertTrue(_contains(json, '{"trait_type":"Equivocations","value":0}'), "equivocations");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        reputation.tokenURI(7);
    }

    function test_thePictureCountsEquivocations() public {
        IDisputes.Receipt memory first = _receipt("job", "a");
        IDisputes.Receipt memory second = _receipt("job", "b");
        disputes.slashEquivocation(
            first,
            _signed(NODE_KEY, disputes.receiptDigest(first)),
            second,
            _signed(NODE_KEY, disputes.receiptDigest(second))
        );
        string memory json = _json(id);
        assertTrue(_contains(json, '{"trait_type":"Equivocations","value":1}'), "equivocations");
        assertTrue(_contains(json, '{"trait_type":"Bond HART","value":1500}'), "bond");
    }

    function test_aNameCannotBreakOutOfJsonOrSvg() public {
        vm.startPrank(node);
        reputation.setMetadata(id, "name", unicode'"}<script>alert(1)</script>é\\');
        string memory json = _json(id);
        assertTrue(_contains(json, '"name":"???script?alert?1???script???'), "replaced");
        assertTrue(!_contains(json, "<"), "no tag");
        reputation.setMetadata(id, "name", "Node 7 of A-Z_a-z.0-9 and far too long a name");
        assertTrue(_contains(_json(id), '"name":"Node 7 of A-Z_a-z.0-9 and far to"'), "kept and cut");
        reputation.setMetadata(id, "name", "");
        assertTrue(_contains(_json(id), '"name":"0x'), "the address where there is no name");
        vm.stopPrank();
    }
}
