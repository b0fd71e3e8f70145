"""Hints from the names of columns."""

import pytest

from mtl_cli.init.name_hints import (
    is_named_after,
    suggests_amount,
    suggests_entity,
    suggests_id,
    suggests_person,
    suggests_request,
    suggests_time,
)


@pytest.mark.parametrize(
    ("name", "is_person"),
    [
        ("user", True),
        ("user_id", True),
        ("customerId", True),
        ("member_key", True),
        ("visitorid", True),
        ("patient_nbr", True),
        ("user_pseudo_id", True),
        ("hashed_uid", True),
        ("product_uid", False),
        ("user_item_id", False),
        ("user_city", False),
        ("customer_country", False),
        ("member_type", False),
        ("user_zip", False),
        ("session_device_type", False),
    ],
)
def test_group_of_a_person_is_named_by_its_id(name: str, is_person: bool) -> None:
    assert suggests_person(name) == is_person


def test_words_that_end_with_id_are_no_ids() -> None:
    assert not any(map(suggests_id, ["amount_prepaid", "centroid", "bid", "medicaid"]))
    assert suggests_amount("amount_prepaid")
    assert all(map(suggests_id, ["itemid", "user_city", "zip", "row_index"]))
    assert all(map(suggests_id, ["statefips", "home_commune", "sic", "industry", "ip"]))


def test_thing_before_the_id_tells_requests() -> None:
    requests = ["request_id", "orderid", "srch_id_2", "session", "SessionId", "logHash"]
    assert all(map(suggests_request, requests))
    others = ["order_item_id", "session_user_id", "session_length", "order", "itemid"]
    assert not any(map(suggests_request, others))


def test_unit_at_the_end_of_a_name_of_times_does_not_count() -> None:
    assert all(map(suggests_time, ["ts_ms", "shown_at_us", "dt", "event_time_ms"]))
    assert not any(map(suggests_time, ["watch_ms", "ms", "duration_s", "at_home"]))


def test_number_at_the_end_of_a_name_does_not_count() -> None:
    assert all(map(suggests_id, ["category_2", "brand_id1", "zip3", "categorical_7"]))
    assert not any(map(suggests_id, ["2", "clicks_7", "id_7_days"]))
    assert suggests_amount("clicks_7")


@pytest.mark.parametrize(
    "name",
    [
        "income_by_county",
        "incomeByStatefips",
        "distance_to_school",
        "time_in_hospital",
        "days_hospital",
        "students_per_school",
        "clicks_by_ip",
    ],
)
def test_quantities_of_places_are_no_codes(name: str) -> None:
    assert not suggests_id(name)


def test_codes_of_places_may_follow_words_that_are_no_quantities() -> None:
    assert all(map(suggests_id, ["from_state", "birth_county", "age_category"]))


def test_property_of_a_thing_is_no_id() -> None:
    assert all(
        map(suggests_entity, ["user", "phone_brand", "item_2", "song_id", "upc", "doc"])
    )
    properties = ["user_followers", "movie_year", "song_bpm", "product_stock"]
    assert not any(map(suggests_entity, properties))


def test_list_is_named_after_ids_if_it_holds_their_words() -> None:
    assert is_named_after("hist_item_ids", "item_id")
    assert is_named_after("clickedItemId_3", "itemid")
    assert not is_named_after("read_ids", "ad_id")
    assert not is_named_after("hist_item_ids", "id")
    assert not is_named_after("item_categories", "item")
