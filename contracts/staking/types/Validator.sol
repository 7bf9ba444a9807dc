// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice None: unknown. Open: may take stake and seats. Left: gave up for good, gives back stake. Ended: slashed.
enum ValidatorState {
    None,
    Open,
    Left,
    Ended
}

/// @notice A validator. Stake and earnings are wei of ERA, times are Unix time until 2106. Every blank line begins a
/// storage word; the first is the validator's word of a {ValidatorSet}, so that a snapshot reads one for each seat.
/// @param stake Bonded: own and delegated.
/// @param signer Its key.
/// @param index What one delegated wei ever earned here, after commission, times 2^80.
/// @param mark What one seated wei had earned when `index` and `earnings` were brought up to date, times 2^80.
/// @param earnings What the operator can claim: commissions, and what the own stake earned.
/// @param own Bonded by the operator itself.
/// @param commission Operator's part of what delegated stake earns, in basis points.
/// @param nextCommission Takes its place at `nextCommissionAt`.
/// @param seat Its place among the seats, from 1 on; zero if it has none.
/// @param openCases Accusations that were neither settled nor dismissed.
/// @param operator Who may act for it.
/// @param frozenSince When the first of the open cases was opened: exits that mature after it are held.
/// @param unseatedAt When it lost its last seat; zero if it never lost one.
/// @param slashable Delegated stake, bonded or with an exit that had not matured, at `frozenSince`.
/// @param ownSlashable The same of the own stake.
/// @param aliveAt When it last checked in on its seat, or took it.
/// @param loss Of `slashable`, taken when the validator ended.
/// @param ownLoss Of `ownSlashable`, the same.
/// @param registeredAt When it was registered. It keeps the last word warm: without it a slash costs 17,100 gas more.
struct Validator {
    uint96 stake;
    address signer;

    uint128 index;
    uint128 mark;

    uint96 earnings;
    uint96 own;
    uint16 commission;
    uint16 nextCommission;
    ValidatorState state;
    uint8 seat;
    uint16 openCases;

    address operator;
    uint32 nextCommissionAt;
    uint32 frozenSince;
    uint32 unseatedAt;

    uint96 slashable;
    uint96 ownSlashable;
    uint32 aliveAt;

    uint96 loss;
    uint96 ownLoss;
    uint32 registeredAt;
}
