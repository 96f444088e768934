"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import LAM, STEP, STRATEGY, THETA, ResultColumn, kwh, price, whole

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "schools": (
        STEP,
        STRATEGY,
        whole("school", "number of the school, from 0"),
        kwh("usable_kwh", "energy of its buses above their lowest states of charge"),
        kwh("energy_kwh", "exchange of its buses, > 0 discharged to the grid"),
        kwh("min_kwh", "least exchange possible, negative when they can charge"),
        kwh("max_kwh", "most it can sell"),
        LAM,
        THETA,
        price("average_price", "average price of the energy in its buses"),
        price("incentive_price", "price paid for what it sells, empty where nobody asks"),
        kwh("counted_kwh", "energy its satisfaction counts"),
        kwh("stored_kwh", "energy stored in its buses"),
        kwh("charged_kwh", "energy its buses charge at their plugs"),
        kwh("sold_kwh", "energy its buses deliver at their plugs"),
        kwh("replaced_kwh", "charged energy that replaces energy sold before"),
        kwh("driven_kwh", "energy its buses use on their rounds"),
        kwh("unmet_kwh", "energy their rounds take and their batteries lack"),
        ResultColumn("least_soc", "number", "1", "lowest state of charge of its buses"),
    ),
}  # fmt: skip
