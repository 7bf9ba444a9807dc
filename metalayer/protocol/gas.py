"""Gas that the contracts want: the mirror of `libraries/RecipientCall.sol`."""

_CALL_COST = 5_000
_BOOKKEEPING = 55_000


def required(gas_limit: int) -> int:
    """Gas that must be left right before a recipient is called with this limit: `RecipientCall.required`."""
    return _CALL_COST + gas_limit + max(gas_limit // 63, _BOOKKEEPING)
