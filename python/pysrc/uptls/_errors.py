"""The exceptions. They are public as ``uptls.UptlsError`` and so on."""


class UptlsError(Exception):
    """What went wrong: a stable code, one sentence, and the one thing to change."""

    code: str
    """The stable name of the reason, ``name_mismatch``."""
    number: int
    """Its number."""
    hint: str
    """The one thing to change."""
    report_json: str
    """Everything that is wrong, schema ``uptls.report/v1``: octet for octet what Rust, C and the command give."""

    def __init__(self, message: str, code: str, number: int, hint: str, report_json: str) -> None:
        super().__init__(message)
        self.code = code
        self.number = number
        self.hint = hint
        self.report_json = report_json

    def __reduce__(self) -> tuple[type["UptlsError"], tuple[str, str, int, str, str]]:
        return type(self), (str(self), self.code, self.number, self.hint, self.report_json)


class PolicyError(UptlsError, ValueError):
    """A policy, its trust or its identity cannot be used (codes 1xx and 2xx)."""


class MisuseError(UptlsError, ValueError):
    """An argument has no meaning: the caller's bug (code ``misuse``)."""


for _class in (UptlsError, PolicyError, MisuseError):
    _class.__module__ = "uptls"
del _class
