from itertools import product

from omegaconf import OmegaConf

from mtl_cli.core.nested import literal_config


def test_texts_are_no_interpolations() -> None:
    texts = [
        "".join(parts) for n in range(1, 6) for parts in product("\\${}a", repeat=n)
    ]
    composed = literal_config({"texts": texts, "nested": {"list": [{"x": "${a}"}, 1]}})
    assert OmegaConf.to_container(composed, resolve=True) == {
        "texts": texts,
        "nested": {"list": [{"x": "${a}"}, 1]},
    }
