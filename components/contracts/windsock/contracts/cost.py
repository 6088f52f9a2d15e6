"""What right and wrong decisions cost: the business figure that every model is judged by."""

from dataclasses import dataclass, field

from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Costs:
    """Cost of one decision, by what was decided and what then happened, in `currency`.

    For example: acting when the event comes (`act_positive`), in vain (`act_negative`), missing it (`skip_positive`).
    """

    currency: str
    act_positive: float = field(metadata={"low": 0})
    act_negative: float = field(metadata={"low": 0})
    skip_positive: float = field(metadata={"low": 0})
    skip_negative: float = field(metadata={"low": 0})

    def __post_init__(self) -> None:
        if not self.skip_positive > self.act_positive:
            raise InputError(
                "costs.skip_positive", self.skip_positive, "more than act_positive, else acting never pays"
            )
        if not self.act_negative > self.skip_negative:
            raise InputError(
                "costs.act_negative", self.act_negative, "more than skip_negative, else acting always pays"
            )

    @property
    def threshold(self) -> float:
        """The probability from which acting is the cheaper decision.

        Acting costs `p·act_positive + (1-p)·act_negative`, not acting `p·skip_positive + (1-p)·skip_negative`;
        both are equal at this p (Elkan, The Foundations of Cost-Sensitive Learning, 2001, equation 2).
        """
        in_vain = self.act_negative - self.skip_negative
        return in_vain / (in_vain + self.skip_positive - self.act_positive)

    def of(self, acted: bool, positive: bool) -> float:
        """The cost of one decision once the outcome is known."""
        if acted:
            return self.act_positive if positive else self.act_negative
        return self.skip_positive if positive else self.skip_negative
