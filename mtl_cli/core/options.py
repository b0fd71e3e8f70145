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
# with making layers. `MAX_PARTS` is the largest number of experts, levels or members.
MAX_LAYERS, MAX_PARTS = 256, 1000
NumParts = Annotated[int, Field(ge=1, le=MAX_PARTS)]
NumPartsOrZero = Annotated[int, Field(ge=0, le=MAX_PARTS)]
Units = Annotated[
    list[Count],
    Field(max_length=MAX_LAYERS, description="widths of layers; may be empty"),
]
NonEmptyUnits = Annotated[list[Count], Field(min_length=1, max_length=MAX_LAYERS)]


def check_float32(value: float) -> float:
    """Refuses a number that float32 can lose: a run would learn nothing, or become NaN.

    float32 holds 1e-38 to 3e38. In the smaller range here, products with a number still
    fit. float32 rounds numbers from 1 - 2^-25 on to 1.
    """
    if value != 0 and not 1e-30 <= value <= 1e30:
        raise PydanticCustomError(
            "float32", "should be from 1e-30 to 1e30: networks compute in float32"
        )
    if 1 - 2**-25 <= value < 1:
        raise PydanticCustomError(
            "float32", "should be smaller: networks round it to 1, in float32"
        )
    return value


FitsFloat32 = AfterValidator(check_float32)
# A fraction below 1, such as a dropout rate.
FractionBelowOne = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), FitsFloat32]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), FitsFloat32]
PositiveUpToOne = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), FitsFloat32]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), FitsFloat32]


def whole_number_as_text(value: object) -> object:
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
        reference = handler(core_schema)
        keys = handler.resolve_ref_schema(reference).get("properties", {})
        for key, text in attribute_texts(cls).items():
            if key in keys:
                keys[key]["description"] = text
        return reference


def attribute_texts(cls: type) -> dict[str, str]:
    """Returns {attribute: text} from the docstrings of a class and its base classes."""
    texts: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):  # the most derived class counts
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
    """Returns the first problem that pydantic has found, as `KEY: PROBLEM`."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(map(str, problem["loc"]))
    return f"{key}: {problem['msg']}" if key else str(problem["msg"])
