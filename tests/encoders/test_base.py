"""Which feature each column of an encoder's input belongs to."""

from helpers.networks import config

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout


def test_columns_are_one_vector_per_id_one_per_sequence_and_the_dense_columns() -> None:
    layout = Layout(
        {"user": EmbeddingTable(7), "tags": EmbeddingTable(5)},
        {
            "price": Block("dense", 2),
            "tags": Block("sequences", 4, "tags", "mean"),
            "user": Block("ids", 2, "user"),
        },
    )
    columns = config("encoder.embedding_dim=3").encoder.columns(layout)
    assert columns == ["user"] * 2 * 3 + ["tags"] * 3 + ["price"] * 2
