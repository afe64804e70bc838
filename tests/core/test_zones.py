"""Time zones: those people can choose, and what becomes of a name that is none."""

from datetime import UTC, datetime

import pytest

from portico.kernel.messages import Catalogues
from portico.kernel.zones import REGIONS, is_zone, list_zones, zone_of
from portico.my_account.profile_pages import list_regions
from tests.support.page_samples import LOCALE

SUMMER = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_every_zone_that_is_offered_can_be_used() -> None:
    zones = list_zones()
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Pacific/Auckland"} <= set(zones)
    assert len(zones) > 300
    for name in zones:
        assert is_zone(name)
        assert SUMMER.astimezone(zone_of(name)).utcoffset() is not None


def test_an_instant_is_told_in_the_zone() -> None:
    assert SUMMER.astimezone(zone_of("Europe/Berlin")).hour == 14
    assert SUMMER.astimezone(zone_of("Asia/Kolkata")).strftime("%H:%M") == "17:30"


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "/etc/localtime", "Europe/", "europe/berlin", "\0"])
def test_what_is_no_zone_is_utc(name: str) -> None:
    assert not is_zone(name)
    assert zone_of(name) is UTC


def test_every_region_has_a_name_and_every_zone_lies_in_one() -> None:
    regions = list_regions()
    assert sum(len(region.zones) for region in regions) == len(list_zones())
    assert {region.code for region in regions} == {region.lower() for region in REGIONS}
    catalogues = Catalogues(LOCALE)
    for region in regions:
        code = f"my_account.time_zone.region.{region.code}"
        assert catalogues.pattern(code, "de") != code
    labels = {zone.name: zone.label for region in regions for zone in region.zones}
    assert labels["America/Argentina/Buenos_Aires"] == "Argentina, Buenos Aires"
