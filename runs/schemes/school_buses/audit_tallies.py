"""The checks of schools and their buses, each with what deviates."""

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import EXACT


class SchoolTallies:
    """One line for each thing checked of schools."""

    def __init__(self) -> None:
        name = "schools: "
        self.worth = Tally(f"{name}worth of energy never changes", 0.0)
        self.store = Tally(f"{name}stores change by exchange and driving", EXACT, "of the energy")
        self.bounds = Tally(
            f"{name}bounds as rating, stores and rounds allow", EXACT, "of the energy"
        )
        self.within = Tally(f"{name}exchange within rating and bounds", EXACT, "kWh")
        self.unmet = Tally(f"{name}unmet is what stores lack", EXACT, "of the energy")
        self.soc = Tally(f"{name}no battery below 0 or above 1", EXACT, "of the capacity")
        self.average = Tally(f"{name}average price of what is stored", EXACT, "of the price")
        self.replaced = Tally(f"{name}what charging replaces", EXACT, "of the energy")
        self.at_once = Tally(f"{name}charging after use at full power", EXACT, "of the energy")
        self.flat = Tally(f"{name}no schedule of a night is flatter", EXACT, "of the load")
        self.full = Tally(f"{name}every school gets what it asked for", EXACT, "of the energy")
        self.shaved = Tally(f"{name}centralised control shaves most", EXACT, "of the energy")
        self.best = Tally(f"{name}none sells more than suits it", EXACT, "of the energy")
        self.price = Tally(f"{name}no incentive price costs the utility less", EXACT, "of the cost")
        self.one = Tally(f"{name}one incentive price for all", 0.0)
        self.idle = Tally(f"{name}nothing asked or sold outside critical hours", 0.0)
        self.said = Tally("messages: of schools, as they must be", EXACT, "of the value")

    def _all(self) -> list[Tally]:
        return list(vars(self).values())

    def note(self, note: str) -> None:
        """Add a note to every line."""
        for tally in self._all():
            tally.note(note)

    def checks(self) -> list[Check]:
        """Return what was found."""
        return [tally.check() for tally in self._all()]
