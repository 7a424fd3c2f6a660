// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// @title Escrow: what requesters pay from, by signed cumulative promises
/// @notice A payer deposits once. For each payee it signs vouchers, each a promise of a total: a newer voucher of the
/// same channel replaces all older ones, so that any number of small payments is settled by one entry of one `claim`.
///
/// A channel is (payer, payee, topic). Two tiers of trust:
/// - *pooled*: vouchers draw on the payer's balance. It costs no transaction per payee, and a payer can promise more
///   than it has. A payee therefore bounds its unpaid work, and claims at once when it sees `Thawing`.
/// - *locked*: an amount that only this channel can draw. It is guaranteed until an announced release has thawed.
///
/// Nobody but the payer can move a payer's timers, locks or signers. A deposit for someone else only adds balance.
interface IEscrow {
    /// @notice What a payer holds.
    struct Account {
        /// Pooled balance in wei, what thaws included.
        uint128 balance;
        /// The part of it that `withdraw` may take after `thawEnd`; vouchers can still draw on it until then.
        uint128 thawing;
    }

    /// @notice What stands between one payer, one payee and one topic; in wei.
    struct Channel {
        /// Set aside for this channel alone.
        uint128 locked;
        /// Paid so far, over all time. Never falls.
        uint128 claimed;
    }

    /// @notice A session key that signs vouchers for a payer, such as the key on a server.
    struct Signer {
        address payer;
        /// Seconds since 1970 from which its vouchers are refused; 2^64-1 while it is not revoked.
        uint64 revokedAt;
        /// What its vouchers may still draw from the pooled balance, in wei; 2^128-1 is no limit. What is locked is
        /// not counted: it can go only to the payee that the payer chose itself.
        uint128 allowance;
    }

    /// @notice A lock that is being given back.
    struct Release {
        uint128 amount;
        uint64 releaseAt;
    }

    /// @notice One signed promise, as `claim` takes it: 160 bytes. The payee is an argument of `claim`.
    struct Voucher {
        address payer;
        /// The model that was used, whose owner receives a royalty; or zero.
        bytes32 topic;
        /// Everything that the payer has ever promised on this channel, in wei.
        uint128 cumulative;
        /// The signature in the compact form of ERC-2098.
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Why an entry of a batch paid nothing.
    enum Refusal {
        /// The signature is not the payer's, nor that of a session key of it, nor accepted by the payer's contract.
        BadSignature,
        /// The channel has been paid this much already.
        AlreadyPaid,
        /// Neither lock nor balance (nor the allowance of the session key) leaves anything to pay with.
        NoFunds
    }

    /// @notice `amount` wei were added to the balance of `payer`, by whoever the token's own event names.
    event Deposited(address indexed payer, uint256 amount);
    /// @notice `amount` wei of the balance were set aside for one channel.
    event Locked(address indexed payer, address indexed payee, bytes32 indexed topic, uint256 amount);
    /// @notice The payer will take `amount` wei back from a lock at `releaseAt`. Payees claim before that.
    event Releasing(address indexed payer, address indexed payee, bytes32 indexed topic, uint256 amount, uint64 releaseAt);
    /// @notice `amount` wei went from a lock back to the balance.
    event Released(address indexed payer, address indexed payee, bytes32 indexed topic, uint256 amount);
    /// @notice The payer will withdraw up to `amount` wei at `end`; zero takes the announcement back.
    event Thawing(address indexed payer, uint256 amount, uint64 end);
    /// @notice `amount` wei left the balance to the payer.
    event Withdrawn(address indexed payer, uint256 amount);
    /// @notice `signer` may sign vouchers for `payer`.
    event Authorized(address indexed payer, address indexed signer, uint128 allowance);
    /// @notice The vouchers of `signer` are refused from `revokedAt` on.
    event Revoked(address indexed payer, address indexed signer, uint64 revokedAt);
    /// @notice A voucher was paid: `amount` wei left the payer, before cut and royalty.
    event Claimed(address indexed payer, address indexed payee, bytes32 indexed topic, uint256 amount);
    /// @notice Entry `index` of a batch paid nothing; the others were not affected.
    event Refused(address indexed payer, address indexed payee, uint256 index, Refusal reason);
    /// @notice The cut of the protocol from the income of `payee` was burned.
    event Burned(address indexed payee, uint256 amount);

    /// @notice An amount of zero.
    error ZeroAmount();
    /// @notice More than there is. @param available What could be taken, in wei.
    error Insufficient(uint256 available);
    /// @notice Not yet. @param end When it will be possible, in seconds since 1970; zero when nothing was announced.
    error StillThawing(uint64 end);
    /// @notice The key signs for a payer already, or did; a revoked key stays revoked.
    error SignerTaken(address signer);
    /// @notice The caller is not the payer of this session key, or the key is revoked.
    error NotYourSigner(address signer);
    /// @notice The key did not sign its own authorisation.
    error BadProof();
    /// @notice The proof of possession has expired. @param deadline As signed.
    error ProofExpired(uint256 deadline);

    /// @notice How long balance, locks and session keys remain usable by payees after the payer announced the end.
    function THAW() external view returns (uint64);
    /// @notice The share of each payment that is burned, in 1/10 000.
    function BURN_BPS() external view returns (uint256);
    /// @notice The EIP-712 type of a voucher.
    function VOUCHER_TYPEHASH() external view returns (bytes32);
    /// @notice The EIP-712 type of the proof that a session key consents.
    function AUTHORIZATION_TYPEHASH() external view returns (bytes32);

    /// @notice Adds `amount` wei of the caller's tokens to the balance of `payer`, and touches nothing else of it.
    function deposit(address payer, uint256 amount) external;

    /// @notice `deposit` with a permit of the caller in the same transaction. A permit that someone else already
    /// submitted does no harm: the allowance is what counts.
    function depositWithPermit(address payer, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Sets `amount` wei of the caller's free balance (what thaws is not free) aside for one channel.
    function lock(address payee, bytes32 topic, uint128 amount) external;

    /// @notice Announces that the caller takes `amount` wei of its lock back after `THAW`. Replaces an earlier announcement.
    function release(address payee, bytes32 topic, uint128 amount) external;

    /// @notice After the announced time: moves what is left of the amount back to the caller's balance.
    function finishRelease(address payee, bytes32 topic) external returns (uint128 amount);

    /// @notice Lets `signer` sign vouchers for the caller.
    /// @param allowance What it may draw from the pooled balance in all, in wei; 2^128-1 for no limit.
    /// @param deadline Until when the proof holds, in seconds since 1970.
    /// @param proof 65 bytes, by `signer`, over Authorization(payer, signer, deadline): nobody can take a key that is
    /// not theirs, and thereby block its owner.
    function authorize(address signer, uint128 allowance, uint256 deadline, bytes calldata proof) external;

    /// @notice Sets what a session key of the caller may still draw from the pooled balance.
    function setAllowance(address signer, uint128 allowance) external;

    /// @notice Ends a session key of the caller after `THAW`, so that work done for its vouchers remains payable. It cannot be undone.
    function revoke(address signer) external;

    /// @notice Announces that the caller withdraws up to `amount` wei of its balance after `THAW`; zero takes it back.
    /// Each call starts the time anew.
    function thaw(uint128 amount) external;

    /// @notice After the announced time: pays the caller what it announced, or what vouchers have left of it.
    function withdraw() external returns (uint256 amount);

    /// @notice Settles vouchers, of any number of payers, for one payee. Anyone may submit it; the money goes to the
    /// payee, less the royalty of the model and the burned cut. It pays what is there and leaves the rest claimable.
    /// An entry that cannot be paid is refused by an event and does not disturb the others.
    /// @return total What left the payers, in wei.
    function claim(address payee, Voucher[] calldata vouchers) external returns (uint256 total);

    /// @notice Burns the cut that has collected from the income of each payee. Anyone may call it.
    function flush(address[] calldata payees) external returns (uint256 burned);

    /// @notice Balance of a payer, and what of it thaws.
    function accounts(address payer) external view returns (uint128 balance, uint128 thawing);
    /// @notice When `withdraw` becomes possible, in seconds since 1970; zero when nothing thaws.
    function thawEnd(address payer) external view returns (uint64);
    /// @notice The session key, and whose it is.
    function signers(address signer) external view returns (address payer, uint64 revokedAt, uint128 allowance);
    /// @notice State of a channel by its id.
    function channels(bytes32 channel) external view returns (uint128 locked, uint128 claimed);
    /// @notice An announced release by the id of its channel.
    function releases(bytes32 channel) external view returns (uint128 amount, uint64 releaseAt);
    /// @notice What a payee has received over all time before cut and royalty, and the cut of it not yet burned; wei.
    function incomes(address payee) external view returns (uint128 earned, uint128 burnable);
    /// @notice The id of a channel.
    function channelId(address payer, address payee, bytes32 topic) external pure returns (bytes32);
    /// @notice What the payer or its session key signs.
    function voucherDigest(address payer, address payee, bytes32 topic, uint128 cumulative) external view returns (bytes32);
    /// @notice What a session key signs to consent.
    function authorizationDigest(address payer, address signer, uint256 deadline) external view returns (bytes32);
}
