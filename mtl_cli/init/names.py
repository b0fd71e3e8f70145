"""What a column's name says about it. Only a hint, where its values leave doubt."""

import re


def words(name: str) -> list[str]:
    """Returns the words of a name, in lower case.

    Example:
        >>> words("userID_7d")
        ['user', 'id', '7', 'd']
    """
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


IDS = words(
    "id ids uid uuid guid pid aid cid sid gid code codes zip zipcode postcode sku isbn "
    "key hash idx index type category cat kind class region city country"
)
NOT_IDS = words(
    "paid unpaid bid valid invalid grid covid solid liquid fluid acid humid kid "
    "android hybrid rapid avid"
)
ENTITIES = words(
    "user item video movie film product ad advertiser campaign creative author "
    "creator merchant shop store brand seller artist track song book page site "
    "device publisher query customer member visitor session"
)
AMOUNTS = words(
    "age price amount amt count counts cnt num number qty quantity hour hours day days "
    "week weeks month months minute minutes second seconds sec secs ms duration length "
    "size score rate ratio pct percent share gain gains loss losses income wage wages "
    "salary revenue cost costs total sum avg mean median min max rank position weight "
    "height width distance views clicks orders dividends value balance freq"
)
OUTCOMES = words(
    "click clicked buy bought purchase purchased convert converted conversion like "
    "liked share shared follow followed comment commented order ordered cart carted "
    "finish finished watch watched play played rating label target outcome"
)
PEOPLE = {"user", "customer", "member", "visitor", "session", "uid", "userid"}
BIRTHS = {"birth", "birthday", "birthdate", "dob", "born"}
TIMES = re.compile(r"time|stamp|date|epoch|(^|_)(ts|at|dt|day|when)$", re.IGNORECASE)
WEIGHTS = re.compile(
    r"^(instance|sample|row|case|survey|example)_?(weight|wgt)s?$", re.IGNORECASE
)


def is_id(name: str) -> bool:
    """Whether a name is that of an id or a code: its last word says so."""
    last = (words(name) or [""])[-1]
    return last in IDS or (last.endswith("id") and last not in NOT_IDS)


def is_amount(name: str) -> bool:
    """Whether a name is that of a quantity."""
    return not is_id(name) and not set(words(name)).isdisjoint(AMOUNTS)


def is_entity(name: str) -> bool:
    """Whether a name is that of a thing that is usually numbered."""
    return is_id(name) or not set(words(name)).isdisjoint(ENTITIES)


def is_outcome(name: str) -> bool:
    """Whether a name is that of something which people do after seeing an item."""
    return words(name)[-1:] != [] and words(name)[-1] in OUTCOMES


def is_person(name: str) -> bool:
    """Whether a name is that of users or sessions, or of their ids."""
    found = words(name)
    of_people = bool(PEOPLE & set(found))
    return of_people and (found[-1] in PEOPLE or is_id(name))
