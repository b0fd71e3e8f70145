"""Hints from a column's name, for cases that the column's values do not decide."""

import re
from functools import cache


def split_words(name: str) -> list[str]:
    """Returns the words of a name, in lower case.

    Example:
        >>> split_words("userID_7d")
        ['user', 'id', '7', 'd']
    """
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


ID_WORDS = split_words(
    "id ids uid uuid guid pid aid cid sid gid key hash nbr idx index"
)
# Words for codes: values that are no amounts, even if the values are numbers.
CODE_WORDS = split_words(
    "code codes zip zipcode postcode sku isbn asin ean upc gtin type category cat kind "
    "class gender sex race ethnicity religion nationality language lang locale channel "
    "platform os browser carrier segment cluster status department dept categorical "
    "cate nominal"
)
# Words for places, industries and occupations: tables often hold their codes. Addresses
# of computers are such places.
PLACE_WORDS = split_words(
    "region city country state county province district municipality commune sic naics "
    "industry occupation school hospital fips statefips countyfips ip"
)
# Words that end with "id" but suggest no ids.
NOT_ID_WORDS = split_words(
    "paid unpaid prepaid postpaid repaid overpaid bid valid invalid grid hybrid covid "
    "solid liquid fluid acid humid kid android rapid avid centroid medicaid steroid"
)
ENTITY_WORDS = split_words(
    "user item video movie film product ad advertiser campaign creative author "
    "creator merchant shop store brand seller artist track song book page site doc "
    "device publisher query customer member visitor session"
)
AMOUNT_WORDS = split_words(
    "age price amount amt count counts cnt num number qty quantity hour hours day days "
    "week weeks month months minute minutes second seconds sec secs ms duration length "
    "size score rate ratio pct percent share gain gains loss losses income wage wages "
    "salary revenue cost costs total sum avg mean median min max rank position weight "
    "height width distance views clicks orders purchases likes visits plays comments "
    "dividends value balance freq followers fans "
    "friends subscribers reviews posts shares votes budget amnt stock sales discount "
    "tax fee tenure year years speed bpm bytes words bitrate fps nb numerical numeric"
)
# `item_num` counts items, and is not among these words.
NUMBER_WORDS = split_words("number nr no")
PERSON_WORDS = split_words(
    "user customer member visitor session uid patient player student household "
    "buyer shopper subscriber guest"
)
BIRTH_WORDS = split_words("birth birthday birthdate dob born")
TIME_WORDS = split_words(
    "time times timestamp timestamps stamp date dates datetime hour epoch birthdate "
    "unixtime createtime updatetime eventtime update updated lastupdate created "
    "creation"
)
# Words that suggest times at the end of a name only: `seen_at`, but not `at_home`.
LAST_TIME_WORDS = split_words("ts at dt day when")
# Units at the end of a name, as in `ts_ms`.
TIME_UNITS = split_words("s sec secs seconds ms millis us micros ns nanos")
# Users, items and other things that exist for longer than one visit.
BRIEF_WORDS = split_words("session query patient guest")
LASTING_WORDS = sorted({*ENTITY_WORDS, *PERSON_WORDS} - {*BRIEF_WORDS})
REQUEST_WORDS = split_words(
    "request req srch search impression imp log trace event auction bid transaction "
    "trx order row record exposure pageview session visit display basket cart invoice "
    "receipt booking purchase encounter"
)
THING_WORDS = {*ENTITY_WORDS, *PERSON_WORDS, *REQUEST_WORDS}
# Words for the probability with which a row was shown or chosen.
PROPENSITY_WORDS = split_words("propensity propensities pscore ips ipw iptw")
ROW_WEIGHT = re.compile(
    r"((instance|sample|row|case|survey|example|importance)_?)?(weight|wgt)s?",
    re.IGNORECASE,
)
# At the end of a name, as in `neg_sampling_rate`.
SAMPLING_RATE = re.compile(
    r"sampl(e|ed|ing)_?(rate|ratio|share|fraction|prob|probability)$", re.IGNORECASE
)


def suggests_id(name: str) -> bool:
    """Whether a name ends in a word for ids, codes or places.

    After a word for amounts or times, as in `income_county`, or after `per`, a word for
    places suggests a quantity instead. A number at the end, as in `category_2`, does
    not count.
    """
    *before, last = words_before_number(name)
    if last in PLACE_WORDS:
        return not any(w in (*AMOUNT_WORDS, *TIME_WORDS, "per") for w in before)
    return last in CODE_WORDS or ends_in_id(name)


def ends_in_id(name: str) -> bool:
    """Whether the last word of a name is a word for ids, such as `userid`."""
    last = last_word(name)
    return last in ID_WORDS or (last.endswith("id") and last not in NOT_ID_WORDS)


def names_ids(name: str) -> bool:
    """Whether a name ends in a word for ids or versions, even above decimals."""
    last = last_word(name)
    return last in (*ID_WORDS, "version") and last not in ("idx", "index")


def numbers_things(name: str) -> bool:
    """Whether a name may number users, items or orders: `order_number`, `InvoiceNo`."""
    *_, thing, last = ["", *words_before_number(name)]
    return last in NUMBER_WORDS and thing in THING_WORDS


def is_named_after(name: str, id_name: str) -> bool:
    """Whether a name, such as `hist_item_ids`, holds the words of `item_id`."""
    phrase, id_phrase = (" ".join(separate_words(x)) for x in (name, id_name))
    is_id_of_thing = ends_in_id(id_name) and " " in id_phrase
    return is_id_of_thing and f" {id_phrase}" in f" {phrase}"


def suggests_amount(name: str) -> bool:
    return not suggests_id(name) and has_word(name, AMOUNT_WORDS)


@cache  # a wide table asks for each pair of columns
def suggests_entity(name: str) -> bool:
    """Whether a name ends in a word for things that usually have ids, such as items.

    `item` and `phone_brand` do, but `item_followers` suggests a property of items.
    """
    return suggests_id(name) or last_word(name) in ENTITY_WORDS


def suggests_request(name: str) -> bool:
    """Whether a name suggests ids of requests, sessions or other single events.

    `order_id` does, but `order_item_id` suggests ids of items.
    """
    things = [word for word in words_before_number(name) if word not in ID_WORDS]
    if ends_in_id(name):
        return any(word in REQUEST_WORDS for word in things[-1:])
    return things[-1:] == ["session"]


def suggests_person(name: str) -> bool:
    """Whether a name suggests users or sessions, or their ids.

    `user_id` does, but `product_uid` and `user_item_id` suggest ids of items.
    """
    things = {*ENTITY_WORDS, *PERSON_WORDS} - {"uid"}
    entities = [word for word in words_before_number(name) if word in things]
    is_person = (entities or [last_word(name)])[-1] in PERSON_WORDS
    return is_person and (last_word(name) in PERSON_WORDS or ends_in_id(name))


def suggests_time(name: str) -> bool:
    *before, last = words_before_number(name)
    if before and last in TIME_UNITS:
        last = before[-1]
    return has_word(name, TIME_WORDS) or last in LAST_TIME_WORDS


@cache
def is_numbered(name: str) -> bool:
    """Whether a name ends in a number, as `hist_1` does."""
    return words_before_number(name) != separate_words(name)


def last_word(name: str) -> str:
    """Returns the last word before a number at the end of a name, or ""."""
    return words_before_number(name)[-1]


def words_before_number(name: str) -> list[str]:
    """Returns the words of a name without a number at its end; [""] without any word.

    Example:
        >>> words_before_number("brandid_2")
        ['brand', 'id']
    """
    *before, last = separate_words(name) or [""]
    return before if before and last.isdigit() else [*before, last]


def has_word(name: str, vocabulary: list[str]) -> bool:
    return any(word in vocabulary for word in separate_words(name))


def separate_words(name: str) -> list[str]:
    """Returns the words of a name; a word such as `visitorid` is two words."""
    separated = []
    for word in split_words(name):
        thing = word.removesuffix("id")
        is_joined = thing != word and thing in THING_WORDS
        separated += [thing, "id"] if is_joined else [word]
    return separated
