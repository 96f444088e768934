"""The checks of the batteries of buildings, each with what deviates."""

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import EXACT


class BatteryTallies:
    """One line for each thing checked of batteries."""

    def __init__(self) -> None:
        name = "batteries: "
        self.capacity = Tally(f"{name}as large as sized again", EXACT, "of the capacity")
        self.load = Tally(f"{name}buildings use what they should", EXACT, "of the load")
        self.store = Tally(f"{name}stores change by what is exchanged", EXACT, "of the energy")
        self.limits = Tally(f"{name}within stores and ratings", EXACT, "of the capacity")
        self.both = Tally(f"{name}none charges and discharges at once", 0.0, "kWh")
        self.own_first = Tally(f"{name}own load first, nothing fed back", EXACT, "of the load")
        self.lines = Tally(f"{name}lines lose their share", EXACT, "of the energy")
        self.matrix = Tally(f"{name}exchanges of a day add up", EXACT, "of the energy")
        self.days: list[Tally] = []

    def _all(self) -> list[Tally]:
        return [*(t for t in vars(self).values() if isinstance(t, Tally)), *self.days]

    def note(self, note: str) -> None:
        """Add a note to every line."""
        for tally in self._all():
            tally.note(note)

    def checks(self) -> list[Check]:
        """Return what was found."""
        return [tally.check() for tally in self._all()]
