"""The base class of the configuration's sections, and the types of their keys."""

import inspect
import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

# Some C++ code of TensorFlow stores counts as 32-bit integers.
Count = Annotated[int, Field(ge=1, lt=2**31)]
CountOrZero = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # the range of NumPy's seeds
# Without limits, a configuration from somebody else could keep a machine busy for hours
# with making layers. Real networks stay far below them. `MAX_PARTS` is the largest
# number of experts, of levels or of members.
MAX_LAYERS, MAX_PARTS = 256, 1000
NumParts = Annotated[int, Field(ge=1, le=MAX_PARTS)]
NumPartsOrZero = Annotated[int, Field(ge=0, le=MAX_PARTS)]
Units = Annotated[
    list[Count],
    Field(max_length=MAX_LAYERS, description="widths of layers; may be empty"),
]
# Widths of at least one layer.
NonEmptyUnits = Annotated[list[Count], Field(min_length=1, max_length=MAX_LAYERS)]
# float32 holds 1e-38 to 3e38. In this smaller range, products with a number still fit.
FLOAT32_RANGE = (1e-30, 1e30)
ROUNDED_TO_ONE = 1 - 2**-25  # float32 rounds numbers from here on to 1


def check_float32(value: float) -> float:
    """Refuses a number that is so small or large that float32 can lose it.

    Networks compute in float32. With such a number, a run would learn nothing, or its
    losses would become NaN.
    """
    return check_range(value, "should lie")


def check_zero_or_float32(value: float) -> float:
    """Refuses a number above 0 that is so small or large that float32 can lose it."""
    return value if value == 0 else check_range(value, "should be 0, or lie")


def check_range(value: float, rule: str) -> float:
    """Refuses a number outside of `FLOAT32_RANGE`. The message begins with `rule`."""
    lowest, highest = FLOAT32_RANGE
    if not lowest <= value <= highest:
        raise PydanticCustomError(
            "float32",
            "{rule} from {lowest} to {highest}: networks compute in float32",
            {"rule": rule, "lowest": lowest, "highest": highest},
        )
    return value


def check_below_one(value: float) -> float:
    """Refuses a fraction that float32 rounds to 1."""
    if value >= ROUNDED_TO_ONE:
        raise PydanticCustomError(
            "float32", "should be smaller: float32 rounds it to 1"
        )
    return value


FitsFloat32 = AfterValidator(check_float32)
ZeroOrFitsFloat32 = AfterValidator(check_zero_or_float32)
# A fraction below 1, such as a dropout rate.
FractionBelowOne = Annotated[
    float,
    Field(ge=0, lt=1, allow_inf_nan=False),
    ZeroOrFitsFloat32,
    AfterValidator(check_below_one),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), FitsFloat32]
PositiveUpToOne = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), FitsFloat32]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), ZeroOrFitsFloat32]


def whole_number_as_text(value: object) -> object:
    """Converts a whole number to text; other values are returned unchanged."""
    return str(value) if type(value) is int else value  # `isinstance` accepts booleans


# The name of a scenario. YAML reads a name such as 7 as a number.
ScenarioName = Annotated[str, BeforeValidator(whole_number_as_text, str | int)]


class Options(BaseModel):
    """A section of the configuration; unknown keys and wrong types are errors.

    The section `Attributes:` of a class's docstring describes the keys. The JSON schema
    of the class takes its texts from there.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the schema of the class, with texts from its docstring."""
        reference = handler(core_schema)
        keys = handler.resolve_ref_schema(reference).get("properties", {})
        for key, text in attribute_texts(cls).items():
            if key in keys:
                keys[key]["description"] = text
        return reference


def attribute_texts(cls: type) -> dict[str, str]:
    """Returns {attribute: text} from the docstrings of a class and its base classes.

    If several docstrings describe an attribute, the most derived class counts.
    """
    texts: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):  # the last of them is `cls`
        doc = inspect.cleandoc(ancestor.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:(?: +.*)?\n?)*)", doc, re.MULTILINE)
        if section is None:
            continue
        # An entry begins with `NAME:`, indented by 4 blanks. The split also gives the
        # empty text before the first entry.
        _, *entries = re.split(r"^    (?=\w+:)", section[1], flags=re.MULTILINE)
        for entry in entries:
            name, _, text = entry.split("\n\n")[0].partition(":")
            texts[name] = " ".join(text.split())
    return texts


def first_problem(error: ValidationError) -> str:
    """Returns the first problem that pydantic has found, as `KEY: PROBLEM`.

    A problem of the whole section has no key: then only the problem is returned.
    """
    problem = error.errors(include_url=False)[0]
    key = ".".join(map(str, problem["loc"]))
    return f"{key}: {problem['msg']}" if key else str(problem["msg"])
