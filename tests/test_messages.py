import dataclasses
import pickle

import numpy as np
import pytest

from hmesh.environment.messages import (
    EnergyBid,
    Message,
    PlugIn,
    PriceAnnouncement,
    PriceOffer,
    Settlement,
)

TO_HOMES = {"step": 3, "round": 1, "sender": "homes", "receiver": "vehicles of homes"}
MESSAGES = [
    PriceOffer(**TO_HOMES, price=30.5),
    PriceAnnouncement(**TO_HOMES, price=30.5, count=200),
    EnergyBid(**TO_HOMES, energy_kwh=np.array([30.0, 0.75, -0.25]), count=3),
    PlugIn(**TO_HOMES, energy_kwh=30.5),
    Settlement(**TO_HOMES, energy_kwh=30.5, amount=900.0),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_every_message_can_be_logged_kept_and_not_changed(message: Message) -> None:
    assert message.kind == type(message).__name__
    assert message.value == 30.5
    assert isinstance(message.value, float)
    assert not hasattr(message, "__dict__")
    assert pickle.loads(pickle.dumps(message)).value == message.value
    assert f"{message.kind}(step=3, round=1, sender='homes'" in repr(message)
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.step = 4  # type: ignore[misc]


def test_messages_that_say_the_same_are_equal() -> None:
    assert PriceOffer(**TO_HOMES, price=30.0) == PriceOffer(**TO_HOMES, price=30.0)
    assert PriceOffer(**TO_HOMES, price=30.0) != PriceOffer(**TO_HOMES, price=31.0)
    assert PriceOffer(**TO_HOMES, price=30.0) != PriceAnnouncement(**TO_HOMES, price=30.0)


def test_a_message_of_ones_own_must_say_its_value() -> None:
    with pytest.raises(TypeError, match="abstract method 'value'"):
        Message(**TO_HOMES)  # type: ignore[abstract]
