"""The four kinds of domain error. Subclass one beside the function that raises it."""


class DomainError(Exception):
    """A refusal whose message is a sentence that an advisor can act on."""


class NotFound(DomainError):
    """The thing does not exist, or lies outside the actor's own book: the answer is the same 404."""


class NotPermitted(DomainError):
    """The actor's role does not allow this: 403."""


class Conflict(DomainError):
    """Somebody or something changed the thing meanwhile: 409, nothing is lost."""


class Invalid(DomainError):
    """What was asked for contradicts a rule or is incomplete: 422, with every fault named; `faults` is never empty."""

    def __init__(self, message: str, *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults: tuple[str, ...] = faults or (message,)
