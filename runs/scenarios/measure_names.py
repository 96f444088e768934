"""The measures of what emerges in a run, by name."""

# Kinds of members of whom it is measured who is worse off.
KINDS_COMPARED = ("households", "buildings", "prosumers", "homes", "houses", "sites", "vehicles")
# These compare what members have paid with the first strategy of the run.
COMPARED = (
    "worse_off",
    "worse_off_by_place",
    *(f"worse_off_{kind}" for kind in KINDS_COMPARED),
    "gini_of_savings",
    "top_tenth_of_savings",
)
MEASURES = (
    "synchronisation",
    "herding",
    "rebound_peak",
    "price_volatility",
    "price_autocorrelation",
    "price_cycle_h",
    "price_settled_h",
    "price_distance",
    "strategy_entropy",
    "adoption",
    "members",
    "gini_of_payments",
    "top_tenth_of_payments",
    "gain_with_behaviour",
    "gain_without_behaviour",
    *COMPARED,
)
# These need an account of every member.
OF_ACCOUNTS = ("gini_of_payments", "top_tenth_of_payments", *COMPARED)
