"""The texts of numbers that ONNX Runtime cannot parse, and what is parsed instead."""

# Exponents of at least 300, and of at least 309.
FROM_300 = "0*([3-9][0-9]{2}|[1-9][0-9]{3,})"
FROM_309 = "0*(309|3[1-9][0-9]|[4-9][0-9]{2}|[1-9][0-9]{3,})"
# Regular expressions for numbers that float64 may not hold, because they are too large
# or too close to 0. The number 1000000000000e299 is too large because of its many
# digits. So a number with many digits counts as huge or tiny from a smaller exponent.
INFINITE = rf"[0-9.]+[eE]\+?{FROM_309}"
HUGE = (
    r"([0-9.]+[eE]\+?0*30[0-8]"
    r"|0*[1-9][0-9]{9,}\.?[0-9]*[eE]\+?0*2[0-9]{2}"
    r"|0*[1-9][0-9]{109,}\.?[0-9]*[eE]\+?0*1[0-9]{2}"
    r"|0*[1-9][0-9]{209,}\.?[0-9]*([eE]\+?0*[0-9]{1,2})?)"
)
TINY = (
    r"([0.]+[eE].*"
    rf"|.*[eE]-{FROM_300}"
    r"|0*\.0{8,}[0-9]*[eE]-0*2[0-9]{2}"
    r"|0*\.0{108,}[0-9]*[eE]-0*1[0-9]{2}"
    r"|0*\.0{208,}[0-9]*([eE]-0*[0-9]{1,2})?)"
)
# {regular expression: the text that is parsed in place of a matching text}. ONNX
# Runtime parses neither `true` nor numbers beyond float64, such as 1e400 and 1e-400.
# The network reads float32, in which huge numbers are infinite and tiny ones are 0.
REPLACED_TEXTS = {
    r"\s*true\s*": "1",
    rf"\s*(false|[+-]?{TINY})\s*": "0",
    rf"\s*\+?{INFINITE}\s*": "inf",
    rf"\s*-{INFINITE}\s*": "-inf",
    rf"\s*\+?{HUGE}\s*": "1e300",
    rf"\s*-{HUGE}\s*": "-1e300",
}
