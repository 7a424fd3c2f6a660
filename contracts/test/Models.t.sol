// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {Models} from "../Models.sol";
import {IModels} from "../interfaces/IModels.sol";
import {Base} from "./Base.sol";

contract ModelsTest is Base {
    bytes32 private constant MODEL = keccak256("model");
    address private constant AUTHOR = address(0xA07);
    Models private models;

    function setUp() public {
        models = new Models();
    }

    function _mint(bytes32 model, uint256[] memory parents) private returns (uint256) {
        vm.prank(AUTHOR);
        return models.mint(model, "Apache-2.0", 500, "https://example.org", parents);
    }

    function _ids(uint256 count) private pure returns (uint256[] memory) {
        return new uint256[](count);
    }

    function test_aModelIsRecordedWithItsTerms() public {
        vm.expectEmit(true, true, true, true, address(models));
        emit IModels.ModelMinted(uint256(MODEL), AUTHOR, "Apache-2.0", 500, _ids(0));
        uint256 id = _mint(MODEL, _ids(0));
        (uint16 royaltyBps, uint64 mintedAt, bytes22 licence) = models.models(id);
        assertEq(royaltyBps, 500, "royalty");
        assertEq(mintedAt, block.timestamp, "time");
        assertTrue(licence == "Apache-2.0", "licence");
        assertEq(models.ownerOf(id), AUTHOR, "owner");
        assertTrue(keccak256(bytes(models.tokenURI(id))) == keccak256("https://example.org"), "uri");
    }

    /// Who comes first has the name; a squatter is shown by the signed release, which names the publisher's key.
    function test_aManifestIsMintedOnce() public {
        _mint(MODEL, _ids(0));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        models.mint(MODEL, "MIT", 2_000, "", _ids(0));
        (uint16 royaltyBps,,) = models.models(uint256(MODEL));
        assertEq(royaltyBps, 500, "terms unchanged");
    }

    function test_parentsMustExistSoThatNoModelDescendsFromItself() public {
        uint256[] memory parents = _ids(1);
        parents[0] = uint256(MODEL);
        vm.expectRevert(abi.encodeWithSelector(IModels.UnknownParent.selector, uint256(MODEL)));
        models.mint(MODEL, "MIT", 0, "", parents);
        _mint(MODEL, _ids(0));
        models.mint(keccak256("child"), "MIT", 0, "", parents);
    }

    function test_termsAreBounded() public {
        vm.expectRevert(IModels.ZeroId.selector);
        models.mint(0, "MIT", 0, "", _ids(0));
        vm.expectRevert(abi.encodeWithSelector(IModels.RoyaltyTooHigh.selector, uint16(2_001)));
        models.mint(MODEL, "MIT", 2_001, "", _ids(0));
        vm.expectRevert(abi.encodeWithSelector(IModels.TooManyParents.selector, 17));
        models.mint(MODEL, "MIT", 0, "", _ids(17));
        uint256[] memory parents = _ids(16);
        uint256 parent = _mint("parent", _ids(0));
        for (uint256 i; i < 16; ++i) parents[i] = parent;
        models.mint(MODEL, "MIT", 2_000, "", parents);
    }

    function test_onlyTheOwnerChangesTheAddressAndNobodyTheRoyalty() public {
        uint256 id = _mint(MODEL, _ids(0));
        vm.expectRevert(abi.encodeWithSelector(IModels.NotOwner.selector, id));
        models.setURI(id, "x");
        vm.startPrank(AUTHOR);
        vm.expectEmit(true, true, true, true, address(models));
        emit IERC4906.MetadataUpdate(id);
        models.setURI(id, "x");
        assertTrue(keccak256(bytes(models.tokenURI(id))) == keccak256("x"), "uri");
        models.transferFrom(AUTHOR, address(this), id);
        vm.expectRevert(abi.encodeWithSelector(IModels.NotOwner.selector, id));
        models.setURI(id, "y");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        models.setURI(7, "y");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        models.tokenURI(7);
        vm.stopPrank();
    }

    function testFuzz_theRoyaltyFollowsTheOwnerAndRoundsDown(uint128 price) public {
        uint256 id = _mint(MODEL, _ids(0));
        (address receiver, uint256 royalty) = models.royaltyInfo(id, price);
        assertEq(receiver, AUTHOR, "receiver");
        assertEq(royalty, uint256(price) / 20, "royalty");
        vm.prank(AUTHOR);
        models.transferFrom(AUTHOR, address(this), id);
        (receiver,) = models.royaltyInfo(id, price);
        assertEq(receiver, address(this), "new owner");
        (receiver, royalty) = models.royaltyInfo(7, price);
        assertTrue(receiver == address(0) && royalty == 0, "unknown model");
    }

    function test_itSaysWhichStandardsItFollows() public view {
        assertTrue(models.supportsInterface(0x01ffc9a7), "165");
        assertTrue(models.supportsInterface(0x80ac58cd), "721");
        assertTrue(models.supportsInterface(0x2a55205a), "2981");
        assertTrue(models.supportsInterface(0x49064906), "4906");
        assertTrue(!models.supportsInterface(0xffffffff), "not everything");
    }
}
