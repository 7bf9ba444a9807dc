// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Attestation} from "../metalayer/types/Attestation.sol";
import {Account} from "../staking/types/Account.sol";
import {Exits} from "../staking/types/Exits.sol";
import {Key} from "../staking/types/Key.sol";
import {Position} from "../staking/types/Position.sol";
import {Rewards} from "../staking/types/Rewards.sol";
import {Validator, ValidatorState} from "../staking/types/Validator.sol";
import {ISetBuilder} from "./ISetBuilder.sol";

/// @title Staking: the bond behind every signature
/// @notice On the hub only. Validators bond ERA, others delegate theirs to them, and who has most is seated. Out of the
/// seats comes, every `TERM`, the validator set that all gateways take. Amounts are wei of ERA, times are Unix time.
///
/// **Stake** stays the votes of whom its holder chose: it lies in surrogates, one for each delegatee, that do nothing.
/// What leaves a validator does so with its period of `PERIOD`: it matures `UNBONDING_PERIODS` periods after that
/// began, which is 21 to 24 days from now, and answers for the validator until then. Delegated stake leaves at once
/// what nothing can be held against: a validator that never sat, or that lost its seat 24 days ago. Own stake never
/// does: an id costs the minimum for that time, so that nobody uses up the 65,535 ids.
///
/// **Rewards** are what anyone sends to this contract. They stream to the seated stake in `STREAM`.
///
/// **Slashes** are the Slasher's. It freezes a validator when a case against it opens. What could be slashed then, and
/// leaves later, is held until all its cases are closed. It settles once: the loss is 9 (S / T)^2 of what could be
/// slashed, at least 5 %, and everything if S is a third of T. S is the slashable stake of the validators accused in
/// the four weeks before and after, each once; T is what the newest set weighed at the first accusation of a week, the
/// most of this week and the four before. Own stake pays first. Then the validator is ended: what is left of its stake
/// leaves at once, and is given back by anyone.
interface IStaking {
    /// @notice Emitted when a validator is registered.
    event Registered(
        uint256 indexed id, address indexed operator, address indexed signer, uint256 own, uint16 commission
    );
    /// @notice Emitted when a validator's key is replaced. The old one is liable for 24 days more.
    event KeyRotated(uint256 indexed id, address indexed retired, address indexed signer);
    /// @notice Emitted when an operator bonds more.
    event OwnAdded(uint256 indexed id, uint256 amount);
    /// @notice Emitted when own stake begins to leave, with a period.
    event OwnRemoved(uint256 indexed id, uint256 indexed period, uint256 amount);
    /// @notice Emitted when a commission is announced, in basis points, that counts from then on.
    event CommissionSet(uint256 indexed id, uint16 commission, uint256 from);
    /// @notice Emitted when a validator takes a seat.
    event Seated(uint256 indexed id);
    /// @notice Emitted when a validator loses its seat.
    event Unseated(uint256 indexed id);
    /// @notice Emitted when a validator gives up for good.
    event Left(uint256 indexed id);
    /// @notice Emitted when an account delegates stake.
    event Delegated(uint256 indexed id, address indexed account, uint256 amount);
    /// @notice Emitted when delegated stake begins to leave, with a period.
    event Undelegated(uint256 indexed id, address indexed account, uint256 indexed period, uint256 amount);
    /// @notice Emitted when stake that was leaving with a period is bonded again.
    event Rebonded(uint256 indexed id, address indexed account, uint256 indexed period, uint256 amount);
    /// @notice Emitted when an exit is paid. `loss` of the amount went to the treasury.
    event Withdrawn(
        uint256 indexed id, address indexed account, uint256 indexed period, uint256 amount, uint256 loss
    );
    /// @notice Emitted when an exit of own stake is paid. `loss` of the amount went to the treasury.
    event OwnWithdrawn(uint256 indexed id, uint256 indexed period, uint256 amount, uint256 loss);
    /// @notice Emitted when delegated stake leaves at once. `loss` of the amount went to the treasury.
    event Released(uint256 indexed id, address indexed account, uint256 amount, uint256 loss);
    /// @notice Emitted when an ended validator's own stake is given back.
    event OwnReleased(uint256 indexed id, uint256 amount);
    /// @notice Emitted when a delegator's rewards are paid to a recipient.
    event Claimed(address indexed account, address indexed recipient, uint256 amount);
    /// @notice Emitted when an operator's earnings are paid to a recipient.
    event EarningsClaimed(uint256 indexed id, address indexed recipient, uint256 amount);
    /// @notice Emitted when ERA that had arrived becomes rewards.
    event Funded(uint256 amount);
    /// @notice Emitted when an account gives the votes of its stake to a delegatee; zero for nobody.
    event VotesDelegated(address indexed account, address indexed delegatee);
    /// @notice Emitted when a validator set is published. One word for each validator, as in {ValidatorSet}.
    event SetPublished(uint64 indexed version, uint64 expires, bytes32 setHash, bytes32[] validators);
    /// @notice Emitted when a seated validator showed that it signs.
    event CheckedIn(uint256 indexed id);
    /// @notice Emitted when the first open case freezes a validator, of which so much own and delegated stake could be
    /// slashed.
    event Frozen(uint256 indexed id, uint256 own, uint256 delegated);
    /// @notice Emitted when the last open case of a validator was dismissed.
    event Unfrozen(uint256 indexed id);
    /// @notice Emitted when a validator ends: the part of its stake that is lost, in basis points, and what that is of
    /// its own and of delegated stake.
    event Settled(
        uint256 indexed id, address indexed reporter, uint256 fraction, uint256 ownLoss, uint256 loss
    );

    /// @notice Thrown when anyone but the validator's operator acts for it.
    error NotOperator(uint256 id, address caller);
    /// @notice Thrown when anyone but the Slasher freezes, unfreezes or settles.
    error NotSlasher(address caller);
    /// @notice Thrown when the validator is in another state than the call needs.
    error WrongState(uint256 id, ValidatorState state);
    /// @notice Thrown when stake or a seat is asked for while a case against the validator is open.
    error ValidatorAccused(uint256 id);
    /// @notice Thrown when an exit is withdrawn that is held until all cases against the validator are closed.
    error ExitHeld(uint256 id, uint256 period);
    /// @notice Thrown when a slash counts another validator that was accused `at` (Unix time), too late to be decided.
    error AccusedSince(uint256 id, uint256 at);
    /// @notice Thrown when nothing can be held against the validator: it never sat, or lost its seat 24 days ago.
    error NotLiable(uint256 id);
    /// @notice Thrown when there is less than what is asked for, or nothing.
    error NotEnough(uint256 available, uint256 wanted);
    /// @notice Thrown when nothing is to be moved.
    error ZeroAmount();
    /// @notice Thrown when the own stake would be less than `MIN_OWN`.
    error OwnTooLow(uint256 own, uint256 minimum);
    /// @notice Thrown when the stake would be more than `MAX_LEVERAGE` times the own stake.
    error StakeTooHigh(uint256 stake, uint256 maximum);
    /// @notice Thrown when a commission would be more than all.
    error InvalidCommission(uint16 commission);
    /// @notice Thrown when a key is, or was, a validator's.
    error KeyTaken(address signer, uint256 id);
    /// @notice Thrown when a key did not sign that it belongs to the operator.
    error InvalidPossession(address signer);
    /// @notice Thrown when a key is no validator's, or was retired 24 days ago.
    error UnknownKey(address signer);
    /// @notice Thrown when a seated validator joins.
    error AlreadySeated(uint256 id);
    /// @notice Thrown when a seat is vacated that the validator does not have.
    error NotSeated(uint256 id);
    /// @notice Thrown when all seats are taken by validators whose stake is at least as high. `lowest` is the lowest.
    error NotBetter(uint256 stake, uint256 lowest);
    /// @notice Thrown when something is done before `earliest` (Unix time).
    error TooEarly(uint256 earliest);
    /// @notice Thrown when a check-in is signed by another set than the newest.
    error NotNewestSet(bytes32 given, bytes32 newest);
    /// @notice Thrown when the proof does not lead from the newest set's fact to the signed root.
    error SetFactNotProven(bytes32 root, bytes32 leaf);
    /// @notice Thrown at deployment when an address is zero.
    error ZeroAddress();
    /// @notice Thrown at deployment when the minimum is less than 1 ERA: sums of rewards could overflow.
    error InvalidMinimum(uint256 minOwn);
    /// @notice Thrown at deployment unless there are 4 to 32 seats.
    error InvalidSeats(uint256 seats);

    // Operators

    /// @notice Registers a validator, whose operator is the caller, with `own` of the caller's ERA. It has no seat yet.
    /// @param signer Its key: an account's that no validator had before.
    /// @param commission In basis points.
    /// @param own At least `MIN_OWN`.
    /// @param possession Compact signature (ERC-2098, 64 bytes) by `signer` of the EIP-712 struct
    /// `Possession(address operator,address signer)` in this contract's domain.
    /// @return id Of the validator, from 1 on. Panics after 65,535.
    function register(address signer, uint16 commission, uint256 own, bytes calldata possession)
        external
        returns (uint256 id);

    /// @notice Replaces a validator's key. Only the operator. The next set has the new one; the old one stays liable
    /// for 24 days, longer than any set that has it can sign. Not for ended validators.
    function rotateKey(uint256 id, address signer, bytes calldata possession) external;

    /// @notice Bonds more own stake. Only the operator, not while accused.
    function addOwn(uint256 id, uint256 amount) external;

    /// @notice Begins to give back own stake. Only the operator, who keeps `MIN_OWN`, and enough for what is delegated,
    /// unless the validator left.
    function removeOwn(uint256 id, uint256 amount) external;

    /// @notice Announces a commission, in basis points, that counts in `NOTICE`; replaces what was announced before and
    /// does not count yet. Only the operator.
    function setCommission(uint256 id, uint16 commission) external;

    /// @notice Takes a free seat, or that of the validator with least stake, if this one has more. Only the operator of
    /// an open validator that is not accused. Who was silent for `SILENCE` before it lost its seat waits as long after.
    function join(uint256 id) external;

    /// @notice Gives up for good: the seat at once, and with it all rewards to come. Stake stays liable until it
    /// leaves. Only the operator.
    function leave(uint256 id) external;

    /// @notice Pays an operator's earnings to a recipient. Only the operator.
    /// @return amount What was paid.
    function claimEarnings(uint256 id, address recipient) external returns (uint256 amount);

    // Delegators

    /// @notice Delegates the caller's ERA to an open validator that is not accused, up to `MAX_LEVERAGE` times its own
    /// stake. With the first stake, its votes go to whom the caller's ERA gives them.
    function delegate(uint256 id, uint256 amount) external;

    /// @notice Begins to take back delegated stake; or gives it back at once, if nothing can be held against the
    /// validator. It earns no more. For an ended validator there is `release`.
    function undelegate(uint256 id, uint256 amount) external;

    /// @notice Bonds again what is leaving with a period, from the end of the next period on, also if it has matured.
    /// Like `delegate` otherwise.
    function rebond(uint256 id, uint256 period, uint256 amount) external;

    /// @notice Pays what left with a period to the account that it belongs to, from its maturity on; less the loss if
    /// the validator was slashed before that, and then at once. Anyone may call.
    function withdraw(address holder, uint256 id, uint256 period) external;

    /// @notice The same for own stake. Anyone may call.
    function withdrawOwn(uint256 id, uint256 period) external;

    /// @notice Gives back what an account has with an ended validator, less the loss. Anyone may call.
    function release(address holder, uint256 id) external;

    /// @notice Gives back what an ended validator has of own stake. Anyone may call.
    function releaseOwn(uint256 id) external;

    /// @notice Pays what the caller's stake with these validators earned, and all that was collected before, to a
    /// recipient.
    /// @return amount What was paid.
    function claim(uint256[] calldata ids, address recipient) external returns (uint256 amount);

    /// @notice Gives the votes of all the caller's stake, with what is leaving, to a delegatee, and of what it stakes
    /// later. This lasts until all of it has left. The delegatee's first stake costs a surrogate.
    function delegateVotes(address delegatee) external;

    /// @notice Uses a permit (ERC-2612) of the caller for this contract, for the calls that follow in a `multicall`.
    /// Does nothing if the permit is not valid: somebody may have used it before.
    function permit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    // Anyone

    /// @notice Makes rewards of the ERA that arrived. It streams at once, together with what is streaming, unless that
    /// would lower the rate: then it waits for the end of the stream.
    function fund() external;

    /// @notice Publishes the set of the validators that are seated: after `TERM`, or at once after a slash ended the
    /// term.
    function snapshot() external;

    /// @notice Shows that validators sign: that they signed the newest set's fact. It need not be a quorum. Counts for
    /// those that are seated, and as often as it is shown while that set is the newest.
    function checkIn(Attestation calldata attestation, bytes32[] calldata proof) external;

    /// @notice Takes the seat of a validator that did not check in for `SILENCE`.
    function vacate(uint256 id) external;

    // The Slasher

    /// @notice Opens a case: nothing that can be slashed now leaves the validator until its cases are closed. Only the
    /// Slasher; reverts if nothing can be held against the validator.
    /// @param unseat Takes the validator's seat. Ends the term, if the newest set may have it.
    function freeze(uint256 id, bool unseat) external;

    /// @notice Closes a case without a slash. Does nothing for an ended validator. Only the Slasher.
    function unfreeze(uint256 id) external;

    /// @notice Slashes and ends a validator with an open case. What is taken of its bonded own stake is paid at once,
    /// the rest of the loss when the stake leaves: 10 % of own stake to the reporter, all other to the treasury. Ends the
    /// term, if the newest set may have the validator. Only the Slasher.
    /// @param before Latest time at which a validator that counts with this one may have been accused: who was accused
    /// later may be innocent.
    function settle(uint256 id, address reporter, uint256 before) external;

    // Views

    /// @notice Id of the validator whose key this is, or was until less than 24 days ago. Reverts if there is none.
    function validatorOf(address signer) external view returns (uint256 id);

    /// @notice A key, whoever had it; all zero if nobody did.
    function key(address signer) external view returns (Key memory);

    /// @notice A validator; all zero if there is none. What it earned since `mark` is not in it: see `earnings`.
    function validator(uint256 id) external view returns (Validator memory);

    /// @notice Validators so far, whatever became of them: the highest id.
    function validatorCount() external view returns (uint256);

    /// @notice What an account delegated to a validator.
    function position(address holder, uint256 id) external view returns (Position memory);

    /// @notice What an account has leaving a validator with a period.
    function unbonding(address holder, uint256 id, uint256 period) external view returns (uint256);

    /// @notice All that leaves a validator with a period. What was delegated stays in it when it is withdrawn.
    function exits(uint256 id, uint256 period) external view returns (Exits memory);

    /// @notice All stake of an account.
    function account(address holder) external view returns (Account memory);

    /// @notice Who holds the stake whose votes are a delegatee's; zero if none was needed yet.
    function surrogateOf(address delegatee) external view returns (address);

    /// @notice What an account can claim from these validators, each named once, and from what was collected before.
    function claimable(address holder, uint256[] calldata ids) external view returns (uint256);

    /// @notice What the operator can claim.
    function earnings(uint256 id) external view returns (uint256);

    /// @notice The rewards of all, as they were accounted last.
    function rewards() external view returns (Rewards memory);

    /// @notice Ids of the seated validators, in the order of their seats.
    function seats() external view returns (uint256[] memory ids);

    /// @notice Stake of all seated validators.
    function seatedStake() external view returns (uint256);

    /// @notice What decides the fraction of slashes: of the validators accused in a week (Unix time divided by `WEEK`),
    /// the slashable stake, what the newest set weighed at the first accusation, and when the last of them was accused
    /// first.
    function accusedIn(uint256 week) external view returns (uint96 slashable, uint96 weight, uint48 latest);

    /// @notice When the last validator was accused that counts with this one; zero if no case against it is open.
    function lastAccused(uint256 id) external view returns (uint256);

    /// @notice Version of the newest set; zero if none was published.
    function setVersion() external view returns (uint64);

    /// @notice Hash of the published set of this version; zero if there is none.
    function setHash(uint64 version) external view returns (bytes32);

    /// @notice Expiry of the newest set.
    function setExpires() external view returns (uint40);

    /// @notice When the newest set was published.
    function setAt() external view returns (uint40);

    /// @notice Sum of the weights in the newest set.
    function setWeight() external view returns (uint96);

    /// @notice True if a slash ended the term: `snapshot` can be called at once.
    function termEnded() external view returns (bool);

    /// @notice EIP-712 domain of `Possession`: name "Metalayer Staking", version "1", this chain and contract.
    function domainSeparator() external view returns (bytes32);

    function ERA() external view returns (IERC20);

    function SET_BUILDER() external view returns (ISetBuilder);

    /// @notice Who accuses and slashes.
    function SLASHER() external view returns (address);

    /// @notice Gets what slashes take.
    function TREASURY() external view returns (address);

    /// @notice EIP-712 domain in which validators sign attestations: the gateways'.
    function ATTESTATION_DOMAIN() external view returns (bytes32);

    /// @notice Least own stake of an open validator.
    function MIN_OWN() external view returns (uint256);

    /// @notice Number of seats.
    function SEATS() external view returns (uint256);
}
