"""What strategies are called where people read of them."""

_NAMES = {
    "typical": "typical charging",
    "two_level": "the two-level game",
    "three_level": "the three-level game",
}


def strategy_name(strategy: str) -> str:
    """Return what a strategy is called within a sentence."""
    return _NAMES.get(strategy, strategy.replace("_", " "))


def strategy_label(strategy: str) -> str:
    """Return what a strategy is called in a legend or at the head of a column."""
    return capital(strategy_name(strategy).removeprefix("the "))


def capital(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
