"""Prices in the XML of ENTSO-E's platform, each with the outcome worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.readers import ImportOptions, read_foreign
from hmesh.environment.errors import InputError
from hmesh.runs.world.dataset_files import import_dataset

BRUSSELS = "Europe/Brussels"


def period(start: str, end: str, resolution: str, points: dict[int, float | str]) -> str:
    inner = "".join(
        f"<Point><position>{n}</position><price.amount>{price}</price.amount></Point>"
        for n, price in points.items()
    )
    return (
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{inner}</Period>"
    )


def series(*periods: str, curve: str = "A01", zone: str = "10YBE", auction: str = "") -> str:
    name = "classificationSequence_AttributeInstanceComponent.position"
    sequence = f"<{name}>{auction}</{name}>" if auction else ""
    return (
        f"<TimeSeries><in_Domain.mRID codingScheme='A01'>{zone}</in_Domain.mRID>"
        "<currency_Unit.name>EUR</currency_Unit.name>"
        f"<price_Measure_Unit.name>MWH</price_Measure_Unit.name>{sequence}"
        f"<curveType>{curve}</curveType>{''.join(periods)}</TimeSeries>"
    )


def document(folder: Path, *parts: str, kind: str = "Publication_MarketDocument") -> Path:
    namespace = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"
    text = f'<?xml version="1.0" encoding="UTF-8"?><{kind} xmlns="{namespace}">'
    path = folder / "be.xml"
    path.write_text(f"{text}{''.join(parts)}</{kind}>", encoding="utf-8")
    return path


def test_hours_quarters_blocks_and_auctions(tmp_path: Path) -> None:
    hours = period("2025-06-01T22:00Z", "2025-06-02T22:00Z", "PT60M",
                   {n + 1: 10.0 * n for n in range(24)})  # fmt: skip
    # Blocks: 5 until the third quarter, -20.5 from there on.
    quarters = period("2025-06-02T22:00Z", "2025-06-03T22:00Z", "PT15M", {1: 5, 4: -20.5})
    other = period("2025-06-01T22:00Z", "2025-06-02T22:00Z", "PT60M", {1: 99}) + ""
    source = document(
        tmp_path,
        series(hours),
        series(quarters, curve="A03", auction="1"),
        series(other, curve="A03", auction="2"),
    )
    dataset = import_dataset("entsoe", source, tmp_path / "out", ImportOptions())
    assert (dataset.description.resolution, dataset.description.currency) == (15, "EUR")
    assert dataset.description.source == "ENTSO-E Transparency Platform"
    assert dataset.description.licence == "terms of the ENTSO-E Transparency Platform"
    run = Calendar("2025-06-02", BRUSSELS, step_h=0.25)
    price = dataset.series["market"].over("price", run, 192)[:, 0]
    due = [*np.repeat(10.0 * np.arange(24), 4), *[5.0] * 3, *[-20.5] * 93]
    np.testing.assert_allclose(price, np.array(due) / 1000)
    assert dataset.filled_share("market") == {"": 0.0}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            [series(period("2025-06-01T22:00Z", "2025-06-02T00:00Z", "PT60M", {1: 5}))],
            "TimeSeries 1: position 2 of 2 from 2025-06-01T22:00Z is missing",
        ),
        (
            [series(period("2025-06-01T22:00Z", "2025-06-01T23:00Z", "PT60M", {1: "5,0"}))],
            "price '5,0' at position 1 is no number",
        ),
        (
            [series(period("2025-06-01T22:00Z", "2025-06-01T23:00Z", "P1D", {1: 5}))],
            "resolution 'P1D' is none of PT15M",
        ),
        (
            [
                series(period("2025-06-01T22:00Z", "2025-06-01T23:00Z", "PT60M", {1: 5})),
                series(
                    period("2025-06-01T22:00Z", "2025-06-01T23:00Z", "PT60M", {1: 5}), zone="10YNL"
                ),
            ],
            "holds the zones 10YBE, 10YNL",
        ),
        ([], "holds no prices"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, parts: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        read_foreign("entsoe", document(tmp_path, *parts), ImportOptions())
    assert message in str(error.value)


def test_other_documents_are_refused(tmp_path: Path) -> None:
    reason = "<Reason><code>999</code><text>No matching data found</text></Reason>"
    source = document(tmp_path, reason, kind="Acknowledgement_MarketDocument")
    with pytest.raises(InputError, match="without data: No matching data found"):
        read_foreign("entsoe", source, ImportOptions())
    with pytest.raises(InputError, match="is a GL_MarketDocument"):
        read_foreign("entsoe", document(tmp_path, kind="GL_MarketDocument"), ImportOptions())
    source.write_text('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', encoding="utf-8")
    with pytest.raises(InputError, match="declares a document type"):
        read_foreign("entsoe", source, ImportOptions())
    source.write_text("<a>", encoding="utf-8")
    with pytest.raises(InputError, match="is no XML"):
        read_foreign("entsoe", source, ImportOptions())
