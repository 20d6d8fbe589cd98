import pytest
from snakeras import tracking
from snakeras.errors import UserError


def test_curves_have_the_names_that_mlflow_shows() -> None:
    fits = [{"metrics": {"loss": [9.0]}}, {"metrics": {"accuracy": [0.5, 0.6], "val_accuracy": [0.4, 0.7]}}]
    found = {"test_accuracy": 0.9, "test_loss": None, "loss": -0.9, "fits": fits}
    assert tracking._curves(found, {"val_accuracy": 0.8, "loss": -0.8}) == {
        "test_accuracy": [0.9],
        "final_loss": [-0.9],
        "search_val_accuracy": [0.8],
        "search_loss": [-0.8],
        "acc": [0.5, 0.6],
        "val_acc": [0.4, 0.7],
    }


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x"])
def test_a_tracker_that_cannot_be_used_is_one_line(uri: str, tmp_path) -> None:
    for name in ("model", "metrics", "best", "table"):
        (tmp_path / name).write_text("{}")
    arguments = {name: str(tmp_path / name) for name in ("model", "metrics", "best", "table")}
    with pytest.raises(UserError) as raised:
        tracking.log_final("x", {"uri": uri, "experiment": "e"}, **arguments)
    assert str(raised.value).startswith(f"tracking.uri: {uri} took no run (")
    assert "\n" not in str(raised.value)
