"""What the clients in Python share: the steps, whose lines of TAP the server makes (outcomes.sql), and the errors."""
import os
import uuid

POOL = os.environ["CAAS_VIA"] == "pool"
ADA, BOB, CEM, DAN, EVE = (uuid.UUID(os.environ[name]) for name in ("ADA", "BOB", "CEM", "DAN", "EVE"))


def refusal(error):
    """The SQLSTATE of the driver's error that an ORM wraps; with a complaint where a hint should have come."""
    while error is not None:
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if state:
            return state if state != "27000" or error.diag.message_hint else state + " without a hint"
        error = getattr(error, "orig", None) or error.__cause__
    raise  # no error of the server's: the test ends here


def refreshed(**columns):
    """What a client sees of a row: refreshed(email=None, digest="..") is "email no, digest yes"."""
    return ", ".join(f"{name} {'no' if value is None else 'yes'}" for name, value in columns.items())


class Steps:
    """Called with a table, the name of a step, and what does it. keyed() is a context in which the key is shown."""

    def __init__(self, keyed, scalar):
        self.keyed = keyed
        self.scalar = scalar

    def __call__(self, relation, name, work, context=None):
        try:
            with (context or self.keyed)():
                said = work()
        except Exception as error:
            said = refusal(error)
        with self.keyed():
            print(self.scalar("SELECT outcome.check(%s, %s, %s)", [relation, name, said or ""]), flush=True)

    def finish(self):
        with self.keyed():
            print(self.scalar("SELECT outcome.finish()", []), flush=True)
