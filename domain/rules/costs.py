"""What trading costs: commission and slippage in fractions of the notional."""

from typing import NamedTuple

from domain.rules.rule import rule, to_cents_of_a_cent


class Costs(NamedTuple):
    """``commission_rate`` is charged on the notional; ``slippage_rate`` moves the price against us. 0.0005 is 5 bps."""

    commission_rate: float = 0.0005
    slippage_rate: float = 0.0


@rule
def fee(notional: float, costs: Costs) -> float:
    """Return the commission on ``notional`` (account currency), rounded half to even to 4 decimals."""
    return to_cents_of_a_cent(notional * costs.commission_rate)


@rule
def cost_rate(costs: Costs) -> float:
    """Return what a buy costs above its price, as a fraction: what sizing and the cash check add to the close."""
    return costs.commission_rate + costs.slippage_rate
