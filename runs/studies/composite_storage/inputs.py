"""Everything that the study of a house with storages leaves open, and what stands for it."""

from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.studies.study_report import Column, ReportSection


def assumptions(setting: CompositeStorageSetting) -> ReportSection:
    """List every assumption with its value, where that comes from, and the key that changes it."""
    settings = setting.settings
    group, devices, tariff = settings.groups[0], settings.devices, settings.tariff
    roof, demand = group.photovoltaics, setting.demand(0)
    group_key, yearly = "groups.0", 8760.0 / (setting.steps * setting.step_h)
    rows = (
        (
            "photovoltaics",
            f"{roof.pv_kw} kW, {demand.generation_kwh.sum() * yearly:,.0f} kWh a year, tilt "
            f"{roof.tilt:g}, azimuth {roof.azimuth:g}",
            "assumed; sky of pvlib at 33.88 N 130.87 E, a clearness drawn for each day",
            f"{group_key}.photovoltaics",
        ),
        (
            "appliances",
            f"{group.appliances.annual_kwh} kWh a year, house empty from 8 to 18 h",
            "assumed, calibrated: case 1 gives the published 14.31 % of self-consumption",
            f"{group_key}.appliances",
        ),
        (
            "heat",
            f"{group.heat.annual_kwh} kWh a year, mostly evenings and winter",
            "assumed, calibrated likewise; of case 1 the published 2,714 kg come out near",
            f"{group_key}.heat",
        ),
        (
            "heat pump",
            f"{devices.heat_pump_kw:g} kW, COP {devices.cop:g}",
            "data of EcoCute units: 4.5 kW of heat, seasonal COP about 3",
            "devices.heat_pump_kw, devices.cop",
        ),
        (
            "battery",
            f"{devices.battery_efficiency:g} each way, {devices.battery_power_per_kwh:g} kW/kWh",
            "assumed",
            "devices.battery_efficiency, devices.battery_power_per_kwh",
        ),
        (
            "state of charge",
            f"{devices.soc_min:g} to {devices.soc_max:g}",
            "the source, eq. (17)",
            "devices.soc_min, devices.soc_max",
        ),
        (
            "tank",
            f"{devices.tank_efficiency:g} each way, {devices.tank_loss_per_h:.0%} of its heat "
            f"lost in an hour, {devices.tank_power_per_kwh:g} kW/kWh",
            "assumed",
            "devices.tank_*",
        ),
        (
            "unit of the tank's size",
            settings.tank_unit,
            "assumed: counted as heat, the published order of self-consumption does not come out",
            "tank_unit",
        ),
        (
            "upkeep",
            f"{devices.battery_wear:g} and {devices.tank_wear:g} JPY/kWh",
            "the source, 0.013 and 0.007 USD per kWh of battery and of heat",
            "devices.battery_wear, devices.tank_wear",
        ),
        (
            "time-of-use tariff",
            str(tariff.time_of_use or tariff.dataset),
            "the source, Table 3, at 111 JPY/USD; seasons as those of Kyushu Electric, whose own "
            "menu of today is the tariff kyushu",
            "tariff.time_of_use, tariff.dataset",
        ),
        (
            "exchange rate",
            "111 JPY/USD",
            "the source's base charge of 14.85 USD is the tariff's 1,650 JPY",
            "",
        ),
        (
            "base charge",
            f"{tariff.base_charge_per_month:,.0f} JPY a month",
            "the source, 14.85 USD",
            "tariff.base_charge_per_month",
        ),
        (
            "feed-in tariff",
            "7 JPY after ten years; by year 19 to 48",
            "customer.kyuden.co.jp; pps-net.org and press for Kyushu with output control",
            "tariff.feed_in, tariff.feed_in_year",
        ),
        (
            "emission factor",
            f"{settings.emission_factor:g} kg/kWh",
            "environmental notice of Kyushu Electric, kyuden.co.jp: adjusted, 2018 (basic 0.319; "
            "2017 0.463)",
            "emission_factor",
        ),
        (
            "price of the battery",
            f"{settings.battery_price_per_kwh:,.0f} JPY/kWh (294 USD)",
            "implied by the source's own paybacks with and without carbon tax; at a market "
            "price of about 200,000 JPY/kWh it would never pay back",
            "battery_price_per_kwh",
        ),
        (
            "price of the tank",
            f"{settings.tank_price_per_kwh:,.0f} JPY/kWh (240 USD)",
            "implied by the published payback of 7.84 years and an independent implementation",
            "tank_price_per_kwh",
        ),
        ("interest", f"{settings.interest_rate:.1%}", "the source", "interest_rate"),
        ("life", f"{settings.lifetime_years:g} years", "assumed", "lifetime_years"),
        (
            "photovoltaics and heat pump",
            "cost nothing more",
            "all cases have them, so their price is no part of F",
            "",
        ),
        (
            "carbon tax",
            "0.039 USD/kg where tried",
            "the source; Japan's tax of 289 JPY/t is 0.0026 USD/kg, of general knowledge",
            "carbon_tax",
        ),
        (
            "ramp of eq. (19)",
            "none",
            "its limit is not given",
            "ramp_kw of hmesh.markets.dispatch_exactly",
        ),
        (
            "inertia and pulls of the swarm",
            "0.729 and 1.494, T 0.95",
            "not given; the usual constriction",
            "hmesh.markets.Swarm",
        ),
    )
    columns = (Column("what"), Column("value"), Column("source"), Column("key"))
    text = (
        "Keys are those of the section composite_storage of the scenario: "
        "`hmesh run composite-storage --set composite_storage.KEY=VALUE`, and the argument "
        "`changes` of `hmesh.runs.studies.composite_storage.study.replicate_composite_storage`.",
    )
    return ReportSection("assumptions", "What the source leaves open", columns, rows, text)
