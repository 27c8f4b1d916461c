"""What stands in the way of a new model."""


class ScaffoldError(ValueError):
    """No model can be made of what was asked for; one sentence says why and what to do."""


class ColumnError(ScaffoldError):
    """A column that cannot be used as it is.

    Attributes:
        why: Why not, and behind a colon what can be done about it.
    """

    def __init__(self, why: str, sentence: str) -> None:
        super().__init__(sentence)
        self.why = why
