"""What a stage can stumble over, said to the person who opened it."""


class StageError(Exception):
    """The World cannot be opened or kept: one sentence that says what to do about it."""


class Unavailable(Exception):  # noqa: N818 - not an error yet: another way may work
    """One way to get something does not work here."""
