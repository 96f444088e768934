"""The measures of what emerges in a run, by name."""

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
    "gini_of_payments",
    "top_tenth_of_payments",
    "gain_with_behaviour",
    "gain_without_behaviour",
)
# These need an account of every vehicle.
OF_ACCOUNTS = ("gini_of_payments", "top_tenth_of_payments")
